"""Requests, decisions and outcomes as span attributes. Unknown is absent; 0 and false are values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from shadow.domain.accounting import count_of
from shadow.domain.outcome import Attempt, JudgeCall, Outcome, Usage
from shadow.domain.policy import Decision, Failure, Step
from shadow.domain.request import Request
from shadow.telemetry import keys
from shadow.telemetry.span import Attributes, Part

MESSAGE_CHARACTERS: Final = 200
NAME_CHARACTERS: Final = 256


def request_attributes(request: Request, origin: str) -> Attributes:
    """Attributes of the request."""
    attributes = filled(
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
    if "input_tokens" not in request.unknown:
        attributes[keys.INPUT_TOKENS_ESTIMATE] = request.input_tokens
    if request.labels:
        attributes[keys.LABELS] = _json(dict(request.labels))
    return attributes


def decision_parts(
    decision: Decision | Failure, duration_s: float | None, *, tier: str, escalated: bool | None
) -> tuple[Part, ...]:
    """Attributes of a decision or failure: a part that other requests share, and an own part."""
    own: Attributes = {}
    if duration_s is not None:
        own[keys.DECISION_DURATION_S] = float(duration_s)
    if escalated is not None:
        own[keys.DECISION_ESCALATED] = int(escalated)
    if isinstance(decision, Failure):
        return _failure_part(decision), Part(own)
    if decision.candidates:
        own[keys.DECISION_CANDIDATES] = _json(
            [
                {"model": c.model, "score": c.score, "terms": dict(c.terms), "rejected": c.rejected}
                for c in decision.candidates
            ]
        )
    if decision.confidence is not None:
        own[keys.DECISION_CONFIDENCE] = float(decision.confidence)
    if decision.propensity is not None:
        own[keys.DECISION_PROPENSITY] = float(decision.propensity)
    chosen = _chosen_part(decision.policy, decision.version, decision.steps, tier, decision.reason, decision.state_mode)
    return chosen, Part(own)


@lru_cache(maxsize=1024)
def _chosen_part(  # noqa: PLR0917 - the key of the cache
    policy: str, version: str, steps: tuple[Step, ...], tier: str, reason: str, state_mode: str
) -> Part:
    """The shared part of a decision; cached, because it repeats from request to request."""
    decision = Decision(policy=policy, version=version, steps=steps)
    steps_id, plan = plan_texts(steps)
    return Part(
        {
            keys.POLICY_NAME: policy,
            keys.POLICY_VERSION: version,
            **filled(
                {
                    keys.DECISION_STATUS: "ok",
                    keys.DECISION_MODEL: decision.model,
                    keys.DECISION_TIER: tier,
                    keys.DECISION_ESCALATION_MODEL: decision.escalation_model,
                    keys.DECISION_STEPS_ID: steps_id,
                    keys.DECISION_STEPS: plan,
                    keys.DECISION_REASON: reason,
                    keys.STATE_MODE: state_mode,
                }
            ),
        }
    )


@lru_cache(maxsize=256)
def _failure_part(failure: Failure) -> Part:
    attributes: Attributes = {
        keys.POLICY_NAME: failure.policy,
        keys.POLICY_VERSION: failure.version,
        keys.DECISION_STATUS: failure.status,
        keys.ERROR_TYPE: failure.error_type,
    }
    if failure.message:
        attributes[keys.ERROR_MESSAGE] = failure.message[:MESSAGE_CHARACTERS]
    return Part(attributes)


@lru_cache(maxsize=1024)
def live_copy_part(steps: tuple[Step, ...], tier: str) -> Part:
    """The copy of the live decision on every shadow's span."""
    return Part(
        filled({keys.LIVE_MODEL: steps[0].model, keys.LIVE_TIER: tier, keys.LIVE_STEPS_ID: plan_texts(steps)[0]})
    )


@lru_cache(maxsize=256)
def shadows_part(shadows: tuple[tuple[str, str], ...]) -> Part:
    """Which shadows were meant to decide on the request, by policy and version; without it a loss looks like design."""
    return Part({keys.SHADOWS: _json([{"policy": policy, "version": version} for policy, version in shadows])})


def outcome_attributes(outcome: Outcome, provider: str) -> Attributes:
    """Attributes of the outcome. Without tokens, which would be priced, where no list price holds; `chat` has them."""
    unpriced = outcome.usage.unpriced or next(
        (each.usage.unpriced for each in outcome.attempts if each.usage.unpriced), ""
    )
    attributes: Attributes = {
        keys.OUTCOME_STATUS: outcome.status,
        **filled(
            {
                keys.OUTCOME_CONTAMINATION: ",".join(outcome.contamination),
                keys.OUTCOME_NEEDS_REVIEW: outcome.needs_review,
                keys.RESPONSE_MODEL: outcome.model,
                keys.REPORTED_MODEL: _reported(outcome),
                keys.RESPONSE_ID: outcome.response_id,
                keys.PROVIDER_NAME: provider,
            }
        ),
        **(usage_attributes(outcome.usage) if not unpriced else {keys.OUTCOME_UNPRICED: unpriced[:NAME_CHARACTERS]}),
        **known(
            {
                keys.OUTCOME_DURATION_S: _double(outcome.duration_s),
                keys.TIME_TO_FIRST_CHUNK: _double(outcome.ttft_s),
                keys.OUTCOME_COST_USD: _double(outcome.cost_usd),
            }
        ),
    }
    if len(outcome.attempts) > 1 or any(attempt.kind != "primary" for attempt in outcome.attempts):
        attributes[keys.ATTEMPTS] = _json([_attempt(each, priced=not unpriced) for each in outcome.attempts])
    return attributes


def live_attributes(request: Request, outcome: Outcome) -> Attributes:
    """Facts of the request and its answer that only the live span carries."""
    attributes = answer_attributes(outcome)
    attributes[keys.HAS_TOOLS] = int(request.has_tools)
    if "has_images" not in request.unknown:
        attributes[keys.HAS_IMAGES] = int(request.has_images)
    return attributes


def answer_attributes(outcome: Outcome) -> Attributes:
    """What the provider says about its answer, in its own words."""
    return filled(
        {
            keys.FINISH_REASONS: _json(list(outcome.finish_reasons)) if outcome.finish_reasons else "",
            keys.SYSTEM_FINGERPRINT: outcome.system_fingerprint[:NAME_CHARACTERS],
        }
    )


def _reported(outcome: Outcome) -> str:
    return "" if outcome.reported_model == outcome.model else outcome.reported_model[:NAME_CHARACTERS]


def chat_attributes(attempt: Attempt | JudgeCall) -> Attributes:
    """One dispatch in the GenAI conventions, for people and other tools."""
    return {
        keys.OPERATION_NAME: "chat",
        keys.REQUEST_MODEL: attempt.model,
        keys.ATTEMPT_KIND: attempt.kind if isinstance(attempt, Attempt) else "judge",
        **filled(
            {
                keys.PROVIDER_NAME: attempt.provider,
                keys.RESPONSE_MODEL: attempt.response_model,
                keys.ERROR_TYPE: attempt.error_type,
            }
        ),
        **usage_attributes(attempt.usage),
    }


def usage_attributes(usage: Usage) -> Attributes:
    """Tokens as the provider counted them; absent = not reported.

    A collector rejects a span with an impossible token count. So a wrong number of the host counts as unknown: only
    the number is lost, not the record.
    """
    output_tokens = count_of(usage.output_tokens)
    input_tokens = count_of(usage.input_tokens)
    cache_read, cache_write = count_of(usage.cache_read_tokens) or 0, count_of(usage.cache_write_tokens) or 0
    if input_tokens is None or cache_read + cache_write > input_tokens:
        return known({keys.USAGE_OUTPUT_TOKENS: output_tokens})
    return known(
        {
            keys.USAGE_INPUT_TOKENS: input_tokens,
            keys.USAGE_OUTPUT_TOKENS: output_tokens,
            keys.USAGE_CACHE_READ_TOKENS: cache_read,
            keys.USAGE_CACHE_WRITE_TOKENS: cache_write,
        }
    )


@lru_cache(maxsize=1024)
def plan_texts(steps: tuple[Step, ...]) -> tuple[str, str]:
    """`steps_id` and the JSON of a plan; cached, because a policy has few plans."""
    decision = Decision(policy="", version="", steps=steps)
    return decision.steps_id, _json([step.document() for step in steps])


def _attempt(attempt: Attempt, *, priced: bool) -> Mapping[str, Any]:
    """All keys present, 0 tokens if nothing was billed, or at no list price."""
    tokens = usage_attributes(attempt.usage) if priced else {}
    return {
        "kind": attempt.kind,
        "provider": attempt.provider,
        "model": attempt.model,
        "error_type": attempt.error_type,
        "input_tokens": tokens.get(keys.USAGE_INPUT_TOKENS, 0),
        "cache_read_tokens": tokens.get(keys.USAGE_CACHE_READ_TOKENS, 0),
        "cache_write_tokens": tokens.get(keys.USAGE_CACHE_WRITE_TOKENS, 0),
        "output_tokens": tokens.get(keys.USAGE_OUTPUT_TOKENS, 0),
        "latency_s": float(attempt.latency_s),
    }


def filled(texts: Mapping[str, str]) -> Attributes:
    """Without empty texts."""
    return {key: text for key, text in texts.items() if text}


def known(values: Mapping[str, Any]) -> Attributes:
    """Without None."""
    return {key: value for key, value in values.items() if value is not None}


def _double(value: Any) -> float | None:
    """Seconds and dollars; any value that is not finite and at least 0 is unknown, as above."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        return None
    return float(value)


_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
