"""Drives a router with requests that happened, or are simulated, at another time."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from shadow.config import Routing
from shadow.execution.reply import Reply
from shadow.providers.protocol import Provider
from shadow.router import ShadowRouter
from shadow.state.router_state import State
from shadow.telemetry.export.otlp import OtlpSink
from shadowroute.collector.feeding import (
    CLOSE_TIMEOUT_S,
    QUEUE_SPANS,
    SEND_TIMEOUT_S,
    EventClock,
    LostRecordsError,
    Pace,
)
from shadowroute.collector.serve import IngestEndpoint

__all__ = ["EventClock", "Feed", "LostRecordsError"]


class Feed:
    """A router whose spans go to one endpoint. Leaving its `with` block without an error checks the counts.

    Args:
        routing: the configuration.
        provider: answers every call.
        endpoint: where the spans go.
        state: what policies see; None = what the router learns from the calls.
    """

    def __init__(
        self, routing: Routing, provider: Provider, endpoint: IngestEndpoint, *, state: State | None = None
    ) -> None:
        self._clock = EventClock()
        self._sink = OtlpSink(endpoint.url, endpoint.headers, queue_spans=QUEUE_SPANS, timeout_s=SEND_TIMEOUT_S)
        self._router = ShadowRouter(routing, providers=provider, exporter=self._sink, clock=self._clock, state=state)
        self._pace = Pace(lambda: self._router.stats, self._router.flush)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is None:
                self._pace.finish()
        finally:
            self._router.close(CLOSE_TIMEOUT_S)
            self._sink.close(CLOSE_TIMEOUT_S)

    def complete(self, time_us: int, prompt: str, **features: Any) -> Reply:
        """Routes one request at its own time, epoch microseconds; `features` are those of `ShadowRouter.complete`."""
        self._clock.now_us = time_us
        reply = self._router.complete(messages=[{"role": "user", "content": prompt}], **features)
        self._pace.note()
        return reply

    def signal(self, target: str, name: str, value: float, *, time_us: int, source: str) -> None:
        """Sends a signal that was observed at `time_us`."""
        self._clock.now_us = max(self._clock.now_us, time_us)
        self._router.signal(target, name, value, source=source, time_ns=time_us * 1_000)
