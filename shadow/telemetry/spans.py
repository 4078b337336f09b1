"""Records to spans (docs/reference/spans.md). Pure: same record, same spans, same ids.

Ids are hashes of the span's subject, so that a record that is sent twice, by a retry or by a second run of a backtest,
is one span with one id. A span is plain data: it is never made current in the host, and the host's sampler is not used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shadow.domain.outcome import REFUSED, Attempt, JudgeCall, Outcome
from shadow.domain.policy import Decision, Failure
from shadow.domain.request import Request, nothing
from shadow.domain.signals import Signal
from shadow.policies.guarded import PolicyResult
from shadow.runtime.frozen import quickly_made
from shadow.telemetry import keys
from shadow.telemetry.attributes import (
    MESSAGE_CHARACTERS,
    answer_attributes,
    chat_attributes,
    decision_parts,
    known,
    live_attributes,
    live_copy_part,
    outcome_attributes,
    request_attributes,
    shadows_part,
)
from shadow.telemetry.span import Attributes, Part, Source, Span

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from shadow.prices.catalogue import Catalogue

LIVE: Final = Part({keys.ROLE: "live", keys.SAMPLE_RATE: 1.0})
NEEDS_REVIEW: Final = "needs_review"
"""Name of the signal on requests that a person should review."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One closed request.

    Attributes:
        decide_s: seconds of the live decision; None = not measured.
        parent: the host's span at the time of the request; read, never changed.
        results: one per shadow that was meant to decide, whether it could or not; empty outside the sample.
        content: attributes of the prompt and the answer; empty unless the service exports them.
        reload_error: why the service still uses an old configuration; empty if it does not.
    """

    request: Request
    decision: Decision | Failure
    outcome: Outcome
    results: Sequence[PolicyResult]
    decide_s: float | None = None
    parent: SpanContext | None = None
    reload_error: str = ""
    content: Mapping[str, str] = field(default_factory=nothing)


class SpanBuilder:
    """Builds the spans of one service.

    Args:
        service: `service.name` of the resource.
        project: `llm_router.project` of the resource, part of every id.
        origin: production, backtest, demo, eval or import.
        catalogue: has tiers and providers of models.
        sample_rate: share of requests for the shadows; on every shadow row.
        sdk_version: version of the instrumentation scope.
        id_key: key of the hashes of ids: secret or public.
    """

    def __init__(
        self,
        *,
        service: str,
        project: str,
        origin: str,
        catalogue: Catalogue,
        sample_rate: float,
        sdk_version: str,
        id_key: str,
    ) -> None:
        self._project = project
        self._origin = origin
        self._catalogue = catalogue
        self._shadow_role = Part({keys.ROLE: "shadow", keys.SAMPLE_RATE: float(sample_rate)})
        self._source = Source(
            resource=(("service.name", service), (keys.PROJECT, project), (keys.ID_KEY, id_key)),
            scope=keys.SCOPE_NAME,
            version=sdk_version,
            schema_url=keys.SCHEMA_URL,
        )

    def of_request(self, record: Record) -> list[Span]:
        """One `route` span, `chat` spans, one `shadow` span per result, and a signal if a review is needed."""
        request, decision, outcome, parent = record.request, record.decision, record.outcome, record.parent
        trace_id = self._trace_id(request.request_id) if parent is None else parent.trace_id.to_bytes(16, "big")
        start_ns = request.time_us * 1000
        dispatched_ns = start_ns + nanoseconds(record.decide_s)
        end_ns = dispatched_ns + nanoseconds(outcome.duration_s)
        facts = Part(request_attributes(request, self._origin))
        served = Part(outcome_attributes(outcome, self._provider(outcome)))
        shadows = shadows_part(tuple((result.decision.policy, result.decision.version) for result in record.results))
        route = Span(
            source=self._source,
            name="route",
            trace_id=trace_id,
            span_id=self._span_id(request.request_id, "live", decision.policy, decision.version),
            start_ns=start_ns,
            end_ns=end_ns,
            parts=(
                LIVE,
                facts,
                shadows,
                *self._decision_parts(decision, record.decide_s, escalated=outcome.escalated),
                served,
                Part(_only_live(record)),
            ),
            parent_id=b"" if parent is None else parent.span_id.to_bytes(8, "big"),
            parent_is_remote=parent is not None and parent.is_remote,
            failed=isinstance(decision, Failure) or outcome.status == "error",
        )
        spans = [route, *self._chats(request, outcome, route, dispatched_ns)]
        if record.results:
            shared = (self._shadow_role, facts, shadows, *self._live_copy(decision), served)
            spans += [self._shadow(result, request, shared, route) for result in record.results]
        if outcome.needs_review:
            spans.append(self.of_signal(_review_signal(request, outcome, end_ns)))
        return spans

    def of_signal(self, signal: Signal) -> Span:
        """One `evaluation` span. An attribute names its target, never its parent."""
        attributes: Attributes = {
            keys.EVALUATION_NAME: signal.name,
            keys.SIGNAL_SOURCE: signal.source,
            **known(
                {
                    keys.SIGNAL_SCORER: signal.scorer or None,
                    keys.EVALUATION_SCORE: signal.value,
                    keys.EVALUATION_LABEL: signal.label or None,
                    keys.EVALUATION_EXPLANATION: signal.explanation or None,
                    keys.SIGNAL_DELETED: signal.deleted or None,
                }
            ),
        }
        kind, _, response_id = signal.target.partition(":")
        if kind == "response" and response_id:
            attributes[keys.RESPONSE_ID] = response_id
        else:
            attributes[keys.REQUEST_ID] = signal.target
        of = (signal.target, "signal", signal.name, signal.source, signal.scorer, str(signal.time_ns))
        return self._fact(f"evaluation {signal.name}", signal.target, of, signal.time_ns, Part(attributes))

    def of_late_outcome(self, request_id: str, outcome: Outcome, time_ns: int) -> Span:
        """One `outcome` span, for a request that was closed without an outcome."""
        part = Part({keys.REQUEST_ID: request_id, keys.ROLE: "outcome"})
        served = Part({**outcome_attributes(outcome, self._provider(outcome)), **answer_attributes(outcome)})
        return self._fact("outcome", request_id, (request_id, "outcome", str(time_ns)), time_ns, part, served)

    def _fact(self, name: str, target: str, of: Sequence[str], time_ns: int, *parts: Part) -> Span:
        """A span of its own, without a parent and a duration."""
        return Span(
            source=self._source,
            name=name,
            trace_id=self._trace_id(target),
            span_id=self._span_id(*of),
            start_ns=time_ns,
            end_ns=time_ns,
            parts=parts,
        )

    def _shadow(self, result: PolicyResult, request: Request, shared: tuple[Part, ...], route: Span) -> Span:
        decision, duration_s = result.decision, result.duration_s
        return Span(
            source=self._source,
            name=f"shadow {decision.policy}",
            trace_id=route.trace_id,
            span_id=self._span_id(request.request_id, "shadow", decision.policy, decision.version),
            start_ns=route.start_ns,
            end_ns=route.start_ns + nanoseconds(duration_s),
            parts=(*shared, *self._decision_parts(decision, duration_s, escalated=result.escalated)),
            parent_id=route.span_id,
            failed=isinstance(decision, Failure),
        )

    def _chats(self, request: Request, outcome: Outcome, route: Span, start_ns: int) -> list[Span]:
        """One span per attempt and per call of a judge, one after another from the decision on."""
        spans = []
        calls: list[Attempt | JudgeCall] = [*outcome.attempts, *outcome.judge_calls]
        for number, attempt in enumerate(calls):
            end_ns = start_ns + nanoseconds(attempt.latency_s)
            spans.append(
                Span(
                    source=self._source,
                    name=f"chat {attempt.model}",
                    trace_id=route.trace_id,
                    span_id=self._span_id(request.request_id, "chat", str(number)),
                    start_ns=start_ns,
                    end_ns=end_ns,
                    parts=(Part(chat_attributes(attempt)),),
                    parent_id=route.span_id,
                    is_client=True,
                    failed=attempt.error_type not in ("", REFUSED),
                )
            )
            start_ns = end_ns
        return spans

    def _decision_parts(
        self, decision: Decision | Failure, duration_s: float | None, *, escalated: bool | None
    ) -> tuple[Part, ...]:
        tier = "" if isinstance(decision, Failure) else self._catalogue.tier(decision.model)
        return decision_parts(decision, duration_s, tier=tier, escalated=escalated)

    def _live_copy(self, decision: Decision | Failure) -> tuple[Part, ...]:
        if isinstance(decision, Failure):
            return ()
        return (live_copy_part(decision.steps, self._catalogue.tier(decision.model)),)

    def _provider(self, outcome: Outcome) -> str:
        if outcome.provider or not outcome.model:
            return outcome.provider
        model = self._catalogue.get(outcome.model)
        return "" if model is None else model.provider

    def _trace_id(self, request_id: str) -> bytes:
        return self._digest("trace", request_id)

    def _span_id(self, *of: str) -> bytes:
        return self._digest(*of)[:8]

    def _digest(self, *of: str) -> bytes:
        """16 bytes; an id of zeros, which OpenTelemetry forbids, is as likely as a collision."""
        text = "\0".join((self._project, *of))
        return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).digest()


def _only_live(record: Record) -> Attributes:
    attributes: Attributes = {**record.content, **live_attributes(record.request, record.outcome)}
    if record.reload_error:
        attributes[keys.RELOAD_ERROR] = record.reload_error[:MESSAGE_CHARACTERS]
    if record.outcome.error_type and not isinstance(record.decision, Failure):
        attributes[keys.ERROR_TYPE] = record.outcome.error_type
    return attributes


def _review_signal(request: Request, outcome: Outcome, time_ns: int) -> Signal:
    """A signal with a label and no value: it asks for a review, and is no quality."""
    return Signal(target=request.request_id, name=NEEDS_REVIEW, value=None, time_ns=time_ns, label=outcome.needs_review)


def nanoseconds(seconds: float | None) -> int:
    """A duration for a timestamp; unknown and negative ones take no time."""
    return 0 if seconds is None else max(0, round(seconds * 1e9))
