"""Lets a router answer past or simulated requests."""

from __future__ import annotations

from shadow.config import Routing
from shadow.execution.reply import Reply
from shadow.providers.protocol import Provider
from shadow.router import ShadowRouter
from shadow.state.router_state import State
from shadowroute.collector.replay.feed import CLOSE_TIMEOUT_S, Feed
from shadowroute.collector.replay.record import Record
from shadowroute.collector.serve import IngestEndpoint


class RoutedFeed(Feed):
    """A router whose spans go to one endpoint.

    Args:
        routing: the configuration; live is a policy.
        provider: answers every call.
        endpoint: for the spans.
        state: state for the policies; None = learned from the calls.
    """

    def __init__(
        self, routing: Routing, provider: Provider, endpoint: IngestEndpoint, *, state: State | None = None
    ) -> None:
        super().__init__(routing, endpoint)
        self._router = ShadowRouter(self.routing, providers=provider, exporter=self.sink, clock=self.clock, state=state)

    def complete(self, record: Record) -> Reply:
        """Routes a request at its own time.

        Raises:
            LostRecordsError: the store accepts no more records.
        """
        self.clock.now_us = record.time_us
        reply = self._router.complete(
            messages=record.messages or (),
            request_id=record.request_id,
            user=record.user or "",
            session=record.session or "",
            task=record.task or "",
            user_tier=record.user_tier or "",
            labels=record.labels,
            prompt_version=record.prompt_version,
            input_tokens=record.input_tokens,
        )
        self._note()
        return reply

    def signal(self, target: str, name: str, value: float, *, time_us: int, source: str) -> None:
        """Sends a signal that was observed at `time_us`."""
        self.clock.now_us = max(self.clock.now_us, time_us)
        self._router.signal(target, name, value, source=source, time_ns=time_us * 1_000)

    @property
    def _counting(self) -> ShadowRouter:
        return self._router

    def _close(self) -> None:
        self._router.close(CLOSE_TIMEOUT_S)
