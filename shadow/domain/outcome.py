"""The outcome of a request: attempts, tokens, latency, and the answer for validators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

from shadow.errors import ShadowError
from shadow.runtime.frozen import quickly_made

AttemptKind = Literal["primary", "retry", "fallback", "escalation"]
OutcomeStatus = Literal["complete", "partial", "error", "unreported"]
ReviewReason = Literal["last_step_refused", "refused_in_a_row"]
Contamination = Literal["fallback", "cache_hit", "pinned", "rewritten"]
CONTAMINATIONS: Final[tuple[Contamination, ...]] = get_args(Contamination)

REFUSED: Final = "quality"
"""`error_type` of an attempt whose answer the validators refused: no error of the provider."""

UNJUDGED: Final = "validator_error"
"""`error_type` of an attempt whose validator failed: an unvalidated answer is not served."""


def contaminations(said: Any) -> tuple[Contamination, ...]:
    """The contamination that a host gives: one word, or several.

    Raises:
        ShadowError: a word is not in `CONTAMINATIONS`.
    """
    if not said:
        return ()
    words = [said] if isinstance(said, str) else list(said or ())
    unknown = [word for word in words if word not in CONTAMINATIONS]
    if unknown:
        raise ShadowError(f"contamination must be one of {', '.join(CONTAMINATIONS)}, got {unknown}")
    return tuple(kind for kind in CONTAMINATIONS if kind in words)


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the provider counted them. Cache tokens are part of `input_tokens`. None = not reported.

    Attributes:
        unpriced: terms under which the list price does not hold, such as a service tier; empty = it holds.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    unpriced: str = ""


UNKNOWN_USAGE = Usage()


class ToolCall(NamedTuple):
    """One call of a tool that an answer asks for; `arguments` is the text that should be a JSON object."""

    name: str
    arguments: str


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A provider's answer to one dispatch. Stays in the process: validators read it, spans never carry it.

    Attributes:
        text: the assistant's text.
        model: the model id that the provider reports; empty if it reports none.
        contamination: that the provider itself reports, such as a cache hit.
        score: recorded quality in [0, 1] in backtests; None in production.
        tool_calls: tool calls of the answer; None = unknown.
        finish_reasons: why the choices end, in their order, in the provider's words; empty = unknown.
        system_fingerprint: of the provider's configuration; empty = not reported.
        raw: the provider's own object, passed to the caller unchanged.
    """

    text: str = ""
    model: str = ""
    response_id: str = ""
    usage: Usage = UNKNOWN_USAGE
    cost_usd: float | None = None
    score: float | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    latency_s: float | None = None
    contamination: tuple[Contamination, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    system_fingerprint: str = ""
    raw: Any = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One dispatch to one provider. `error_type` is empty if it answered, and `quality` for a refused answer."""

    kind: AttemptKind
    model: str
    provider: str = ""
    error_type: str = ""
    usage: Usage = UNKNOWN_USAGE
    latency_s: float = 0.0
    response_model: str = ""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCall:
    """One question of a validator to a model. It is no attempt, because its reply is never served."""

    model: str
    provider: str = ""
    error_type: str = ""
    usage: Usage = UNKNOWN_USAGE
    latency_s: float = 0.0
    response_model: str = ""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of one request.

    Attributes:
        model: the model that answered, by its catalogue name if the catalogue has the provider's id.
        contamination: why the served model is not the policy's choice.
        attempts: every dispatch in order; may be empty for observed routers that report only the result.
        duration_s: from dispatch to the end of the answer. ttft_s: to the first chunk of a stream.
        cost_usd: only if the provider or host reported one.
        answer: for the shadows' validators; never exported.
        reported_model: the model that answered, as the provider names it.
        finish_reasons: of the served answer.
        system_fingerprint: of the served answer.
        escalated: an escalation was paid; None = unknown.
        needs_review: why a person should review it; empty = no reason.
        judge_calls: questions of validators to models about its answers.
    """

    status: OutcomeStatus
    model: str = ""
    provider: str = ""
    response_id: str = ""
    usage: Usage = UNKNOWN_USAGE
    cost_usd: float | None = None
    duration_s: float | None = None
    ttft_s: float | None = None
    error_type: str = ""
    contamination: tuple[Contamination, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    answer: Answer | None = None
    escalated: bool | None = None
    needs_review: ReviewReason | Literal[""] = ""
    judge_calls: tuple[JudgeCall, ...] = ()
    reported_model: str = ""
    finish_reasons: tuple[str, ...] = ()
    system_fingerprint: str = ""


UNREPORTED = Outcome(status="unreported")
