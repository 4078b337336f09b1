"""Lets shadows decide on answered calls; the rows equal those of an observed service.

Only the clock differs: a call keeps its own time. Ids of requests, spans and signals come from the log,
so a second import, another order of rows or an overlapping file writes the same rows again, and the store keeps one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from shadow.config import LiveSpec, Routing
from shadow.domain.outcome import Answer, Attempt, Outcome
from shadow.domain.request import Request
from shadow.domain.snapshot import STATELESS
from shadow.hooks.observer_context import ObserverContext
from shadow.recording.recorder import Recorder
from shadow.state.router_state import State
from shadowroute.collector.replay.feed import CLOSE_TIMEOUT_S, Feed
from shadowroute.collector.replay.record import Record
from shadowroute.collector.serve import IngestEndpoint

UNKNOWN_FAILURE: Final = "unknown"
"""Error type of a failed attempt without a logged error."""


class LoggedFeed(Feed):
    """Records logged calls as live decisions with their outcome.

    Args:
        routing: names the live policy and the shadows; its origin is `import`.
        endpoint: for the spans.
        absent: features that the service does not have.
    """

    def __init__(self, routing: Routing, endpoint: IngestEndpoint, *, absent: frozenset[str] = frozenset()) -> None:
        if not isinstance(routing.live, LiveSpec):
            raise TypeError(f"live must be named, not executed, got {type(routing.live).__name__}")
        super().__init__(routing, endpoint)
        self._absent = absent
        self._recorder = Recorder(self.routing, exporter=self.sink, clock=self.clock)
        # Shadows see no state here: rows in another order must be the same rows.
        self._context = ObserverContext(
            self._recorder, self.clock, self._recorder.routing_version, State.of(self.routing, clock=self.clock)
        )

    def send(self, call: Record) -> Request:
        """Record one call and its signals at their own time; returns the request that the shadows see.

        Raises:
            LostRecordsError: the store accepts no more records.
        """
        self.clock.now_us = call.time_us
        request = call.request(self._recorder.hash_id, labels=self.routing.labels, absent=self._absent)
        catalogue = self.routing.catalogue
        planned = call.planned_model if catalogue.canonical(call.planned_model) in catalogue else call.model
        pending = self._recorder.open(request, STATELESS, self._context.decision(planned), decide_s=None)
        self._recorder.close(pending, self._outcome(call))
        answered_us = call.time_us + round((call.duration_s or 0.0) * 1e6)
        for signal in call.signals:
            self._recorder.signal(
                call.request_id, signal.name, signal.value, source=signal.source, time_ns=answered_us * 1_000
            )
        self._note()
        return request

    def failures(self) -> dict[str, dict[str, int]]:
        """Shadow decisions that failed so far, by policy and error type. Complete once everything arrived."""
        return self._recorder.stats.shadow_failures

    @property
    def _counting(self) -> Recorder:
        return self._recorder

    def _close(self) -> None:
        self._recorder.shutdown(CLOSE_TIMEOUT_S)

    def _outcome(self, call: Record) -> Outcome:
        answer = None
        if call.answer_text is not None:
            answer = Answer(text=call.answer_text, model=call.model, response_id=call.response_id, usage=call.usage)
        return Outcome(
            status=call.status,
            model=call.model if call.status != "error" else "",
            provider=call.provider,
            reported_model=call.reported_model,
            response_id=call.response_id,
            usage=call.usage,
            cost_usd=call.cost_usd,
            duration_s=call.duration_s,
            ttft_s=call.ttft_s,
            error_type=call.error_type,
            contamination=call.contamination,
            attempts=self._attempts(call),
            answer=answer,
        )

    def _attempts(self, call: Record) -> tuple[Attempt, ...]:
        """Every dispatch of a retried call; empty for other calls, because the outcome is enough."""
        if not call.retries:
            return ()
        model = self.routing.catalogue.canonical(call.model, call.planned_model)
        first = Attempt(kind="primary", model=model, provider=call.provider, error_type=UNKNOWN_FAILURE)
        again = (replace(first, kind="retry"),) * (call.retries - 1)
        last = Attempt(
            kind="retry",
            model=model,
            provider=call.provider,
            error_type=call.error_type,
            usage=call.usage,
            latency_s=call.duration_s or 0.0,
        )
        return (first, *again, last)
