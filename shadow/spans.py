"""Records to spans (contracts.md 2; docs/reference/spans.md). Pure: same record, same spans, same ids.

Ids are hashes of what the span is about, so that a record which is sent twice, by a retry or by a second run of a
backtest, is one span with one id. A span is a bare `ReadableSpan`: nothing is ever made current in the host, and
no sampler of the host is asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from shadow import keys
from shadow.judge import Judgement
from shadow.outcome import Attempt, Outcome, Usage
from shadow.policy import Decision, Failure, Step
from shadow.request import Request
from shadow.signals import Signal

if TYPE_CHECKING:
    from shadow.catalogue import Catalogue

Attributes = dict[str, Any]

SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
UNSET: Final = Status(StatusCode.UNSET)
FAILED: Final = Status(StatusCode.ERROR)
MESSAGE_CHARACTERS: Final = 200
REFUSED: Final = "quality"
"""`error_type` of an attempt that answered, but not well enough: no error of the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything known about one closed request.

    Attributes:
        decide_s: seconds the live decision took; None = not measured.
        parent: the host's span at the time of the request; read, never changed.
        judgements: one per shadow policy that was asked.
    """

    request: Request
    decision: Decision | Failure
    outcome: Outcome
    judgements: Sequence[Judgement]
    decide_s: float | None = None
    parent: SpanContext | None = None


class SpanBuilder:
    """Builds the spans of one service.

    Args:
        service: `service.name` of the resource.
        project: `llm_router.project` of the resource, part of every id.
        origin: production, backtest, demo, eval or import.
        catalogue: gives models their tier and provider.
        sample_rate: share of requests that shadows see; on every shadow row.
        sdk_version: version of the instrumentation scope.
    """

    def __init__(
        self, *, service: str, project: str, origin: str, catalogue: Catalogue, sample_rate: float, sdk_version: str
    ) -> None:
        self._project = project
        self._origin = origin
        self._catalogue = catalogue
        self._sample_rate = float(sample_rate)
        self._resource = Resource({"service.name": service, keys.PROJECT: project})
        self._scope = InstrumentationScope(keys.SCOPE_NAME, sdk_version, keys.SCHEMA_URL)

    def of_request(self, record: Record) -> list[ReadableSpan]:
        """One `route` span, one `chat` span per attempt, one `shadow` span per judgement."""
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
        return spans

    def of_signal(self, signal: Signal) -> ReadableSpan:
        """One `evaluation` span. Its target is named by an attribute, never by its parent."""
        attributes: Attributes = {
            keys.EVALUATION_NAME: signal.name,
            keys.SIGNAL_SOURCE: signal.source,
            **_known(
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
        """One span per attempt, one after another from the decision on."""
        spans = []
        for number, attempt in enumerate(outcome.attempts):
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
        return _filled(
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


def request_attributes(request: Request, origin: str) -> Attributes:
    """Who asked what, and when."""
    attributes = _filled(
        {
            keys.REQUEST_ID: request.request_id,
            keys.ORIGIN: origin,
            keys.USER_KEY: request.user_key,
            keys.SESSION_KEY: request.session_key,
            keys.TASK: request.task,
            keys.USER_TIER: request.user_tier,
            keys.COMPLEXITY_BAND: request.complexity_band,
            keys.INPUT_BAND: request.input_band,
            keys.PROMPT_VERSION: request.prompt_version,
        }
    )
    attributes[keys.REQUEST_TIME_US] = request.time_us
    attributes[keys.INPUT_TOKENS_ESTIMATE] = request.input_tokens
    if request.labels:
        attributes[keys.LABELS] = _json(dict(request.labels))
    return attributes


def decision_attributes(
    decision: Decision | Failure, duration_s: float | None, *, tier: str, escalated: bool | None
) -> Attributes:
    """What was decided and why, or why nothing was."""
    attributes: Attributes = {keys.POLICY_NAME: decision.policy, keys.POLICY_VERSION: decision.version}
    if duration_s is not None:
        attributes[keys.DECISION_DURATION_S] = float(duration_s)
    if escalated is not None:
        attributes[keys.DECISION_ESCALATED] = int(escalated)
    if isinstance(decision, Failure):
        attributes[keys.DECISION_STATUS] = decision.status
        attributes[keys.ERROR_TYPE] = decision.error_type
        if decision.message:
            attributes[keys.ERROR_MESSAGE] = decision.message[:MESSAGE_CHARACTERS]
        return attributes
    steps_id, steps = plan_texts(decision.steps)
    attributes |= _filled(
        {
            keys.DECISION_STATUS: "ok",
            keys.DECISION_MODEL: decision.model,
            keys.DECISION_TIER: tier,
            keys.DECISION_ESCALATION_MODEL: decision.escalation_model,
            keys.DECISION_STEPS_ID: steps_id,
            keys.DECISION_STEPS: steps,
            keys.DECISION_REASON: decision.reason,
            keys.STATE_MODE: decision.state_mode,
        }
    )
    if decision.candidates:
        attributes[keys.DECISION_CANDIDATES] = _json(
            [
                {"model": c.model, "score": c.score, "terms": dict(c.terms), "rejected": c.rejected}
                for c in decision.candidates
            ]
        )
    if decision.confidence is not None:
        attributes[keys.DECISION_CONFIDENCE] = float(decision.confidence)
    if decision.propensity is not None:
        attributes[keys.DECISION_PROPENSITY] = float(decision.propensity)
    return attributes


def outcome_attributes(outcome: Outcome, provider: str) -> Attributes:
    """What was served."""
    attributes: Attributes = {
        keys.OUTCOME_STATUS: outcome.status,
        **_filled(
            {
                keys.OUTCOME_CONTAMINATION: ",".join(outcome.contamination),
                keys.RESPONSE_MODEL: outcome.model,
                keys.RESPONSE_ID: outcome.response_id,
                keys.PROVIDER_NAME: provider,
            }
        ),
        **usage_attributes(outcome.usage),
        **_known(
            {
                keys.OUTCOME_DURATION_S: _double(outcome.duration_s),
                keys.TIME_TO_FIRST_CHUNK: _double(outcome.ttft_s),
                keys.OUTCOME_COST_USD: _double(outcome.cost_usd),
            }
        ),
    }
    if len(outcome.attempts) > 1:
        attributes[keys.ATTEMPTS] = _json([_attempt(attempt) for attempt in outcome.attempts])
    return attributes


def chat_attributes(attempt: Attempt) -> Attributes:
    """One dispatch in the GenAI conventions, for people and other tools."""
    return {
        keys.OPERATION_NAME: "chat",
        keys.REQUEST_MODEL: attempt.model,
        keys.ATTEMPT_KIND: attempt.kind,
        **_filled(
            {
                keys.PROVIDER_NAME: attempt.provider,
                keys.RESPONSE_MODEL: attempt.response_model,
                keys.ERROR_TYPE: attempt.error_type,
            }
        ),
        **usage_attributes(attempt.usage),
    }


def usage_attributes(usage: Usage) -> Attributes:
    """Tokens as the provider counted them; absent = not reported."""
    if usage.input_tokens is None:
        return _known({keys.USAGE_OUTPUT_TOKENS: usage.output_tokens})
    return _known(
        {
            keys.USAGE_INPUT_TOKENS: usage.input_tokens,
            keys.USAGE_OUTPUT_TOKENS: usage.output_tokens,
            keys.USAGE_CACHE_READ_TOKENS: usage.cache_read_tokens,
            keys.USAGE_CACHE_WRITE_TOKENS: usage.cache_write_tokens,
        }
    )


@lru_cache(maxsize=1024)
def plan_texts(steps: tuple[Step, ...]) -> tuple[str, str]:
    """`steps_id` and the JSON of a plan; a policy has few plans and makes them again for every request."""
    decision = Decision(policy="", version="", steps=steps)
    plan = [{"kind": step.kind, "model": step.model, "accept_if": list(step.accept_if)} for step in steps]
    return decision.steps_id, _json(plan)


def nanoseconds(seconds: float | None) -> int:
    """A duration for a timestamp; unknown and negative ones take no time."""
    return 0 if seconds is None else max(0, round(seconds * 1e9))


def _attempt(attempt: Attempt) -> Mapping[str, Any]:
    """All keys present, 0 tokens if nothing was billed (contracts.md 2)."""
    return {
        "kind": attempt.kind,
        "provider": attempt.provider,
        "model": attempt.model,
        "error_type": attempt.error_type,
        "input_tokens": attempt.usage.input_tokens or 0,
        "cache_read_tokens": attempt.usage.cache_read_tokens,
        "cache_write_tokens": attempt.usage.cache_write_tokens,
        "output_tokens": attempt.usage.output_tokens or 0,
        "latency_s": float(attempt.latency_s),
    }


def _filled(texts: Mapping[str, str]) -> Attributes:
    return {key: text for key, text in texts.items() if text}


def _known(values: Mapping[str, Any]) -> Attributes:
    return {key: value for key, value in values.items() if value is not None}


def _double(value: float | None) -> float | None:
    return None if value is None else float(value)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
