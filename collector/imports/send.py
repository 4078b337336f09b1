"""Logged calls through the SDK into the store: the rows are those that the service would have sent itself.

Only the clock is not the machine's: a call keeps its own time. Ids of requests, spans and signals come from the log,
so a second import, another order of rows or an overlapping file writes the same rows again, and the store keeps one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from shadow.config import Limits, LiveSpec, Routing
from shadow.domain.features import extract
from shadow.domain.outcome import Answer, Attempt, Outcome
from shadow.domain.policy import Policy
from shadow.domain.request import LABEL, Request
from shadow.domain.snapshot import STATELESS
from shadow.hooks.observer_context import ObserverContext
from shadow.policies.composed import Composed
from shadow.recording.recorder import Recorder
from shadow.state.router_state import State
from shadow.telemetry.export.otlp import OtlpSink
from shadowroute.collector.feeding import CLOSE_TIMEOUT_S, SEND_TIMEOUT_S, EventClock, Pace
from shadowroute.collector.imports.call import FEATURES, Log, LoggedCall, Skipped
from shadowroute.collector.imports.gaps import GapCounter, Gaps, PolicyGap
from shadowroute.collector.imports.survey import Survey
from shadowroute.collector.serve import IngestEndpoint

DAY_US: Final = 86_400_000_000
UNKNOWN_FAILURE: Final = "unknown"
"""Error type of an attempt of which the log tells only that it failed."""
MAY_BE_ABSENT: Final = ("task", "user_tier", "has_tools", "has_images", "wants_json", "max_output_tokens")
"""What a service may simply not have, besides labels. Every request has a prompt, a length and somebody who sent it."""
BATCH_SPANS: Final = 6_000
"""Spans per POST: an insert costs the store as much for a thousand rows as for six thousand."""
LINGER_S: Final = 10.0
MOST_UNDER_WAY: Final = 30_000
"""Requests and spans on their way to the store: the batch that is being stored, and the next ones."""
LIMITS: Final = Limits(budget_s=5.0, max_pending=2 * MOST_UNDER_WAY)
"""Nobody waits for a shadow here: a slow policy is to be measured, not switched off, and no request is shed."""
JSON_FORMAT: Final = {"type": "json_object"}

Told = Callable[[int, int], None]
"""Called with how many records are done and how many there are."""


class CallFeed:
    """Records logged calls as live decisions with their outcome. Leaving its `with` block checks that all arrived.

    Args:
        routing: names the live policy and the shadows; its origin is `import`.
        endpoint: where the spans go.
        absent: features that the service does not have.
    """

    def __init__(self, routing: Routing, endpoint: IngestEndpoint, *, absent: frozenset[str] = frozenset()) -> None:
        if not isinstance(routing.live, LiveSpec):
            raise TypeError(f"live must be named, not executed, got {type(routing.live).__name__}")
        self._routing = routing
        self._absent = absent
        self._clock = EventClock()
        self._sink = OtlpSink(
            endpoint.url,
            endpoint.headers,
            queue_spans=MOST_UNDER_WAY * (2 + len(routing.shadows)),
            batch_spans=BATCH_SPANS,
            linger_s=LINGER_S,
            timeout_s=SEND_TIMEOUT_S,
        )
        self._recorder = Recorder(routing, exporter=self._sink, clock=self._clock)
        # Shadows see no state here: rows in another order must be the same rows.
        self._watch = ObserverContext(
            self._recorder, self._clock, self._recorder.routing_version, State.of(routing, clock=self._clock)
        )
        self._pace = Pace(lambda: self._recorder.stats, self._recorder.flush, most=MOST_UNDER_WAY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is None:
                self._pace.finish()
        finally:
            self._recorder.shutdown(CLOSE_TIMEOUT_S)
            self._sink.close(CLOSE_TIMEOUT_S)

    def send(self, call: LoggedCall) -> Request:
        """Record one call and its signals at their own time; gives the request that the shadows see.

        Raises:
            LostRecordsError: the store takes nothing any more.
        """
        self._clock.now_us = call.time_us
        request = self._request(call)
        planned = call.planned_model if call.planned_model in self._routing.catalogue else call.model
        pending = self._recorder.open(request, STATELESS, self._watch.decision(planned), decide_s=None)
        self._recorder.close(pending, self._outcome(call))
        for signal in call.signals:
            self._recorder.signal(
                call.request_id,
                signal.name,
                signal.value,
                source=signal.source,
                time_ns=(call.time_us + round((call.duration_s or 0.0) * 1e6)) * 1_000,
            )
        self._pace.note()
        return request

    def failures(self) -> dict[str, dict[str, int]]:
        """Shadow decisions that failed so far, by policy and error type. Complete once everything arrived."""
        return self._recorder.stats.shadow_failures

    def finish(self) -> None:
        """Wait until everything arrived.

        Raises:
            LostRecordsError: something did not.
        """
        self._pace.finish()

    def _request(self, call: LoggedCall) -> Request:
        return extract(
            messages=call.messages,
            hash_id=self._recorder.hash_id,
            time_us=call.time_us,
            request_id=call.request_id,
            user=call.user or "",
            session=call.session or "",
            task=call.task or "",
            user_tier=call.user_tier or "",
            labels=call.labels,
            allowed_labels=self._routing.labels,
            prompt_version=call.prompt_version,
            input_tokens=call.input_tokens,
            tools=call.has_tools,
            response_format=JSON_FORMAT if call.wants_json else None,
            max_output_tokens=call.max_output_tokens,
            has_images=False if call.has_images is None and "has_images" in self._absent else call.has_images,
            unknown=unknown_of(call, self._routing.labels) - self._absent,
        )

    def _outcome(self, call: LoggedCall) -> Outcome:
        answer = None
        if call.answer_text is not None:
            answer = Answer(text=call.answer_text, model=call.model, response_id=call.response_id, usage=call.usage)
        return Outcome(
            status=call.status,
            model=call.model if call.status != "error" else "",
            provider=call.provider,
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

    def _attempts(self, call: LoggedCall) -> tuple[Attempt, ...]:
        """Of a retried call every dispatch; of another one nothing, because the outcome says it all."""
        if not call.retries:
            return ()
        model = self._routing.catalogue.canonical(call.model, call.planned_model)
        failed = [
            Attempt(
                kind="retry" if number else "primary", model=model, provider=call.provider, error_type=UNKNOWN_FAILURE
            )
            for number in range(call.retries)
        ]
        last = Attempt(
            kind="retry",
            model=model,
            provider=call.provider,
            error_type=call.error_type,
            usage=call.usage,
            latency_s=call.duration_s or 0.0,
        )
        return (*failed, last)


def unknown_of(call: LoggedCall, labels: frozenset[str]) -> frozenset[str]:
    """What the log does not say about a call, by the names of `Request.unknown`."""
    features = {name for name in FEATURES if getattr(call, name) is None}
    if call.messages is not None:
        features -= {"input_tokens", "has_images"}  # the prompt tells, as it does in the service before the call
    return frozenset(features | {LABEL + key for key in labels if key not in call.labels})


def send_log(
    log: Log,
    looked: Survey,
    routing: Routing,
    endpoint: IngestEndpoint,
    *,
    days: int,
    absent: frozenset[str] = frozenset(),
    told: Told = lambda *_: None,
) -> Gaps:
    """Sends every call of a log.

    Args:
        log: the log.
        looked: what the survey found in it.
        routing: names the live policy and the shadows.
        endpoint: where the spans go.
        days: how far back from the newest call; older ones are skipped and counted.
        absent: features that the service does not have.
        told: told of the progress.

    Raises:
        LostRecordsError: not everything that was sent arrived.
    """
    counter = GapCounter(labels=routing.labels, sessions_made_up=looked.made_up)
    oldest_us = 0 if looked.newest_us is None else looked.newest_us - days * DAY_US
    with CallFeed(routing, endpoint, absent=absent) as feed:
        for number, read in enumerate(log.calls(), 1):
            if number % 500 == 0:
                told(number, looked.records)
            if isinstance(read, Skipped):
                counter.skip(read)
            elif read.time_us < oldest_us:
                counter.skip(Skipped(read.request_id, f"more than {days} days before the newest call"))
            else:
                call = without_session(read) if looked.made_up else read
                counter.note(call, feed.send(call).unknown)
        feed.finish()
        failures = feed.failures()
    told(looked.records, looked.records)
    return counter.result([_policy_gap(policy, counter, failures.get(policy.name, {})) for policy in routing.shadows])


def without_session(call: LoggedCall) -> LoggedCall:
    """The call without its session id."""
    return replace(call, session=None)


def _policy_gap(policy: Policy, counter: GapCounter, failures: dict[str, int]) -> PolicyGap:
    reads = policy.reads if isinstance(policy, Composed) else None
    lacking = {name: n for name, n in counter.lacking.items() if reads is None or name in reads}
    others = {error_type: n for error_type, n in failures.items() if error_type != "unknown_feature"}
    return PolicyGap(
        policy=policy.name,
        version=policy.version,
        reads=reads,
        lacking=lacking,
        undecided=failures.get("unknown_feature", 0),
        failed=others,
        cascades=isinstance(policy, Composed) and policy.has_validators,
    )
