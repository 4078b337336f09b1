"""Drives a router with requests that happened, or are simulated, at another time.

Nothing may be lost on the way, because every figure would be about fewer requests than it says. So the feed waits for
the store every now and then, and at the end compares what the recorder counted with what was sent.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from collector.serve import IngestEndpoint
from shadow.config import Routing
from shadow.export.otlp import OtlpSink
from shadow.providers.base import Provider
from shadow.recorder import RecorderStats
from shadow.reply import Reply
from shadow.router import ShadowRouter

FLUSH_EVERY = 1_000
"""Requests between two flushes: far below what the queues hold, so that nothing is shed however slow the store is."""
FLUSH_TIMEOUT_S = 120.0
CLOSE_TIMEOUT_S = 5.0
"""After a check there is nothing left to wait for, and after an error nobody needs the rest."""


class LostRecordsError(RuntimeError):
    """Some of what was sent did not arrive, so no figure of the run may be believed."""


class EventClock:
    """Wall time is the time of the request at hand; durations are real."""

    def __init__(self) -> None:
        self.now_us = 0

    def time_ns(self) -> int:
        """Event time, epoch nanoseconds."""
        return self.now_us * 1_000

    def perf_counter(self) -> float:
        """Monotonic seconds of this machine."""
        return time.perf_counter()


class Feed:
    """A router whose spans go to one endpoint. Leaving its `with` block without an error checks the counts."""

    def __init__(self, routing: Routing, provider: Provider, endpoint: IngestEndpoint) -> None:
        self._clock = EventClock()
        self._sink = OtlpSink(endpoint.url, endpoint.headers)
        self._router = ShadowRouter(routing, providers=provider, exporter=self._sink, clock=self._clock)
        self._sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is None:
                self._flush()
                self._check(self._router.stats)
        finally:
            self._router.close(CLOSE_TIMEOUT_S)
            self._sink.close(CLOSE_TIMEOUT_S)

    def complete(self, time_us: int, prompt: str, **features: Any) -> Reply:
        """Routes one request at its own time, epoch microseconds; `features` are those of `ShadowRouter.complete`."""
        self._clock.now_us = time_us
        reply = self._router.complete(messages=[{"role": "user", "content": prompt}], **features)
        self._sent += 1
        if self._sent % FLUSH_EVERY == 0:
            self._flush()
        return reply

    def signal(self, target: str, name: str, value: float, *, time_us: int, source: str) -> None:
        """Sends a signal that was observed at `time_us`."""
        self._clock.now_us = max(self._clock.now_us, time_us)
        self._router.signal(target, name, value, source=source, time_ns=time_us * 1_000)

    def _flush(self) -> None:
        if not self._router.flush(FLUSH_TIMEOUT_S):
            self._check(self._router.stats)
            raise LostRecordsError(
                f"the store did not take the records within {FLUSH_TIMEOUT_S:.0f} s after {self._sent:,} requests: "
                f"{self._router.stats}"
            )

    def _check(self, stats: RecorderStats) -> None:
        lost = {
            "not recorded": self._sent - stats.requests,
            "shed": stats.shed,
            "dropped": stats.dropped,
            "not sent": stats.backlog,
        }
        if any(lost.values()):
            counts = ", ".join(f"{name} {count:,}" for name, count in lost.items() if count)
            raise LostRecordsError(f"records of {self._sent:,} requests were lost on the way to the store: {counts}")
