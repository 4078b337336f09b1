"""The attempts of one execution, and their outcome."""

from __future__ import annotations

from typing import Literal

from shadow.domain.outcome import (
    UNKNOWN_USAGE,
    UNREPORTED,
    Answer,
    Attempt,
    AttemptKind,
    Contamination,
    Outcome,
    OutcomeStatus,
    ReviewReason,
)
from shadow.prices.catalogue import Catalogue


class Ledger:
    """Adds up one execution.

    Args:
        catalogue: names models and their providers.
        is_pinned: the caller asked for the model, not the policy.

    Attributes:
        attempts: every dispatch in order.
        elapsed_s: real seconds, waits included; recorded answers have recorded latencies.
        answer: the served answer; None before there is one.
        error_type: of the failure that ends the request without a whole answer; empty if none did.
        strayed: a step was taken in place of the policy's choice.
        is_cut: the served answer was cut to keep a cost budget.
        needs_review: why a person should review the answer; empty = no reason.
    """

    def __init__(self, catalogue: Catalogue, *, is_pinned: bool = False) -> None:
        self._catalogue = catalogue
        self._is_pinned = is_pinned
        self._costs: list[float | None] = []
        self._waited_s = 0.0
        self._ttft_s: float | None = None
        self._status: OutcomeStatus = "error"
        self._served = -1
        self.attempts: list[Attempt] = []
        self.elapsed_s = 0.0
        self.answer: Answer | None = None
        self.error_type = ""
        self.strayed = False
        self.is_cut = False
        self.needs_review: ReviewReason | Literal[""] = ""

    def waited(self, wait_s: float) -> None:
        """Count time outside of dispatches: before one, or in validators."""
        self._waited_s += wait_s
        self.elapsed_s += wait_s

    def note(self, kind: AttemptKind, model: str, answer: Answer | None, error_type: str, latency_s: float) -> None:
        """Append an attempt. A recorded answer has its recorded latency."""
        known = self._catalogue.get(model)
        recorded_s = None if answer is None else answer.latency_s
        attempt = Attempt(
            kind=kind,
            model=model if known is None else known.name,
            provider="" if known is None else known.provider,
            error_type=error_type,
            usage=UNKNOWN_USAGE if answer is None else answer.usage,
            latency_s=latency_s if recorded_s is None else recorded_s,
            response_model="" if answer is None else answer.model,
        )
        self.attempts.append(attempt)
        self.elapsed_s += latency_s
        if answer is not None:
            self._costs.append(answer.cost_usd)

    def serve(self, answer: Answer, status: OutcomeStatus, ttft_s: float | None, *, place: int = -1) -> None:
        """The answer of an attempt reaches the caller; the first chunk came `ttft_s` after the last dispatch.

        Args:
            answer: as the provider gave it.
            status: whether it is whole.
            ttft_s: seconds; None = the answer came whole.
            place: of its attempt; not the last one if it is an approved draft.
        """
        self.answer = answer
        self._served = place
        self._status = status
        if ttft_s is not None:
            self._ttft_s = sum(attempt.latency_s for attempt in self.attempts[:-1]) + self._waited_s + ttft_s

    def outcome(self) -> Outcome:
        """The outcome: `error` without an answer, `unreported` without an attempt."""
        if not self.attempts and not self.error_type:
            return UNREPORTED
        attempts = tuple(self.attempts)
        duration_s = sum(attempt.latency_s for attempt in attempts) + self._waited_s
        escalated = any(attempt.kind == "escalation" for attempt in attempts)
        if self.answer is None:
            return Outcome(
                status="error",
                error_type=self.error_type,
                duration_s=duration_s,
                attempts=attempts,
                escalated=escalated,
            )
        served = attempts[self._served]
        return Outcome(
            status=self._status,
            model=self._catalogue.canonical(self.answer.model, served.model) if self.answer.model else served.model,
            provider=served.provider,
            response_id=self.answer.response_id,
            usage=self.answer.usage,
            cost_usd=self._cost_usd(),
            duration_s=duration_s,
            ttft_s=self._ttft_s,
            error_type=self.error_type if self._status == "partial" else "",
            contamination=self._contamination(self.answer),
            attempts=attempts,
            answer=self.answer,
            escalated=escalated,
            needs_review=self.needs_review,
            reported_model=self.answer.model,
            finish_reasons=self.answer.finish_reasons,
            system_fingerprint=self.answer.system_fingerprint,
        )

    def _contamination(self, served: Answer) -> tuple[Contamination, ...]:
        kinds: list[Contamination] = []
        if self._is_pinned:
            kinds.append("pinned")
        if self.strayed:
            kinds.append("fallback")
        if self.is_cut:
            kinds.append("rewritten")
        return tuple(dict.fromkeys((*kinds, *served.contamination)))

    def _cost_usd(self) -> float | None:
        """The cost of all answers; unknown as soon as one provider reports none."""
        known = [cost for cost in self._costs if cost is not None]
        return sum(known) if len(known) == len(self._costs) else None
