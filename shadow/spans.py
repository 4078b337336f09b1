"""Records to spans (contracts.md 2; docs/reference/spans.md). Pure: same record, same spans, same ids.

Ids are hashes of what the span is about, so that a record which is sent twice, by a retry or by a second run of a
backtest, is one span with one id. A span is a bare `ReadableSpan`: nothing is ever made current in the host, and
no sampler of the host is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from shadow import keys
from shadow.attributes import (
    MESSAGE_CHARACTERS,
    Attributes,
    chat_attributes,
    decision_attributes,
    filled,
    known,
    outcome_attributes,
    plan_texts,
    request_attributes,
)
from shadow.judge import Judgement
from shadow.outcome import Attempt, JudgeCall, Outcome
from shadow.policy import Decision, Failure
from shadow.request import Request, nothing
from shadow.signals import Signal

if TYPE_CHECKING:
    from shadow.catalogue import Catalogue

SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
UNSET: Final = Status(StatusCode.UNSET)
FAILED: Final = Status(StatusCode.ERROR)
NEEDS_REVIEW: Final = "needs_review"
"""Name of the signal on requests that a person should look at."""
REFUSED: Final = "quality"
"""`error_type` of an attempt that answered, but not well enough: no error of the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything known about one closed request.

    Attributes:
        decide_s: seconds the live decision took; None = not measured.
        parent: the host's span at the time of the request; read, never changed.
        judgements: one per shadow policy that was asked.
        content: attributes that hold the prompt and the answer; empty unless the service asked for them.
        reload_error: why the service goes on with an old configuration; empty if it does not.
    """

    request: Request
    decision: Decision | Failure
    outcome: Outcome
    judgements: Sequence[Judgement]
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
        catalogue: gives models their tier and provider.
        sample_rate: share of requests that shadows see; on every shadow row.
        sdk_version: version of the instrumentation scope.
        id_key: what keyed the hashes of ids: secret or public.
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
        self._sample_rate = float(sample_rate)
        self._resource = Resource({"service.name": service, keys.PROJECT: project, keys.ID_KEY: id_key})
        self._scope = InstrumentationScope(keys.SCOPE_NAME, sdk_version, keys.SCHEMA_URL)

    def of_request(self, record: Record) -> list[ReadableSpan]:
        """One `route` span, `chat` spans, one `shadow` span per judgement, a signal if a person should look at it."""
        request, outcome = record.request, record.outcome
        trace_id = record.parent.trace_id if record.parent is not None else self._trace_id(request.request_id)
        decide_ns = nanoseconds(record.decide_s)
        start_ns = request.time_us * 1000
        end_ns = start_ns + decide_ns + nanoseconds(outcome.duration_s)
        facts = request_attributes(request, self._origin)
        served = outcome_attributes(outcome, self._provider(outcome))
        live = facts | self._decision_attributes(record.decision, record.decide_s, escalated=outcome.escalated) | served
        live[keys.ROLE] = "live"
        live[keys.SAMPLE_RATE] = 1.0
        live |= record.content
        if record.reload_error:
            live[keys.RELOAD_ERROR] = record.reload_error[:MESSAGE_CHARACTERS]
        if outcome.error_type:
            live.setdefault(keys.ERROR_TYPE, outcome.error_type)
        failed = isinstance(record.decision, Failure) or outcome.status == "error"
        route = self._span(
            "route",
            trace_id=trace_id,
            of=(request.request_id, "live", record.decision.policy, record.decision.version),
            parent=record.parent,
            start_ns=start_ns,
            end_ns=end_ns,
            attributes=live,
            status=FAILED if failed else UNSET,
        )
        spans = [route, *self._chats(request, outcome, route, start_ns + decide_ns)]
        if record.judgements:
            facts |= self._live_copy(record.decision) | served
            facts[keys.ROLE] = "shadow"
            facts[keys.SAMPLE_RATE] = self._sample_rate
            spans += [self._shadow(request, judgement, facts, route, start_ns) for judgement in record.judgements]
        if outcome.needs_review:
            spans.append(self.of_signal(_review_signal(request, outcome, end_ns)))
        return spans

    def of_signal(self, signal: Signal) -> ReadableSpan:
        """One `evaluation` span. Its target is named by an attribute, never by its parent."""
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
        return self._span(
            f"evaluation {signal.name}",
            trace_id=self._trace_id(signal.target),
            of=(signal.target, "signal", signal.name, signal.source, signal.scorer, str(signal.time_ns)),
            parent=None,
            start_ns=signal.time_ns,
            end_ns=signal.time_ns,
            attributes=attributes,
        )

    def of_late_outcome(self, request_id: str, outcome: Outcome, time_ns: int) -> ReadableSpan:
        """One `outcome` span, for a request that was closed before its outcome was known."""
        attributes = {keys.REQUEST_ID: request_id, keys.ROLE: "outcome"}
        return self._span(
            "outcome",
            trace_id=self._trace_id(request_id),
            of=(request_id, "outcome", str(time_ns)),
            parent=None,
            start_ns=time_ns,
            end_ns=time_ns,
            attributes=attributes | outcome_attributes(outcome, self._provider(outcome)),
        )

    def _shadow(
        self, request: Request, judgement: Judgement, facts: Attributes, route: ReadableSpan, start_ns: int
    ) -> ReadableSpan:
        decision = judgement.decision
        own = self._decision_attributes(decision, judgement.duration_s, escalated=judgement.escalated)
        return self._child(
            f"shadow {decision.policy}",
            route,
            of=(request.request_id, "shadow", decision.policy, decision.version),
            start_ns=start_ns,
            end_ns=start_ns + nanoseconds(judgement.duration_s),
            attributes=facts | own,
            status=FAILED if isinstance(decision, Failure) else UNSET,
        )

    def _chats(self, request: Request, outcome: Outcome, route: ReadableSpan, start_ns: int) -> list[ReadableSpan]:
        """One span per attempt and per call of a judge, one after another from the decision on."""
        spans = []
        calls: list[Attempt | JudgeCall] = [*outcome.attempts, *outcome.judge_calls]
        for number, attempt in enumerate(calls):
            end_ns = start_ns + nanoseconds(attempt.latency_s)
            spans.append(
                self._child(
                    f"chat {attempt.model}",
                    route,
                    of=(request.request_id, "chat", str(number)),
                    start_ns=start_ns,
                    end_ns=end_ns,
                    attributes=chat_attributes(attempt),
                    kind=SpanKind.CLIENT,
                    status=FAILED if attempt.error_type not in ("", REFUSED) else UNSET,
                )
            )
            start_ns = end_ns
        return spans

    def _decision_attributes(
        self, decision: Decision | Failure, duration_s: float | None, *, escalated: bool | None
    ) -> Attributes:
        tier = "" if isinstance(decision, Failure) else self._catalogue.tier(decision.model)
        return decision_attributes(decision, duration_s, tier=tier, escalated=escalated)

    def _live_copy(self, decision: Decision | Failure) -> Attributes:
        if isinstance(decision, Failure):
            return {}
        return filled(
            {
                keys.LIVE_MODEL: decision.model,
                keys.LIVE_TIER: self._catalogue.tier(decision.model),
                keys.LIVE_STEPS_ID: plan_texts(decision.steps)[0],
            }
        )

    def _provider(self, outcome: Outcome) -> str:
        if outcome.provider or not outcome.model:
            return outcome.provider
        model = self._catalogue.get(outcome.model)
        return "" if model is None else model.provider

    def _trace_id(self, request_id: str) -> int:
        return int.from_bytes(self._digest(("trace", request_id)), "big") or 1

    def _digest(self, of: Sequence[str]) -> bytes:
        text = "\0".join((self._project, *of))
        return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).digest()

    def _child(self, name: str, route: ReadableSpan, **arguments: Any) -> ReadableSpan:
        assert route.context is not None  # noqa: S101 - every span of ours has one
        return self._span(name, trace_id=route.context.trace_id, parent=route.context, **arguments)

    def _span(
        self,
        name: str,
        *,
        trace_id: int,
        of: Sequence[str],
        parent: SpanContext | None,
        start_ns: int,
        end_ns: int,
        attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
        status: Status = UNSET,
    ) -> ReadableSpan:
        span_id = int.from_bytes(self._digest(of)[:8], "big") or 1
        return ReadableSpan(
            name,
            context=SpanContext(trace_id, span_id, is_remote=False, trace_flags=SAMPLED),
            parent=parent,
            resource=self._resource,
            attributes=attributes,
            kind=kind,
            status=status,
            start_time=start_ns,
            end_time=end_ns,
            instrumentation_scope=self._scope,
        )


def _review_signal(request: Request, outcome: Outcome, time_ns: int) -> Signal:
    """A label without a value: it says that a person should look, not how good the answer was."""
    return Signal(target=request.request_id, name=NEEDS_REVIEW, value=None, time_ns=time_ns, label=outcome.needs_review)


def nanoseconds(seconds: float | None) -> int:
    """A duration for a timestamp; unknown and negative ones take no time."""
    return 0 if seconds is None else max(0, round(seconds * 1e9))
