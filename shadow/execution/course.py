"""The course of one request: primary, escalation after a refused answer, fallback after a failure.

`Execution` is the whole logic and does no input or output: it says what to dispatch next and is told what came of it.

The rules:
- An answer that the policy's validators refuse escalates to the plan's next escalation step. It is never served.
- A retryable failure goes to the next fallback step. If none is left, an escalation step that was not needed yet may
  still serve the request. Any other failure, and a failure after the first chunk was handed out, reaches the caller
  as it is.
- A model that failed is not called again for the same request.
"""

from __future__ import annotations

from dataclasses import dataclass

from shadow.catalogue import Catalogue
from shadow.errors import ProviderError
from shadow.outcome import UNKNOWN_USAGE, UNREPORTED, Answer, Attempt, AttemptKind, Outcome, OutcomeStatus
from shadow.policy import Decision, Escalating, Policy, Step
from shadow.request import Request

REFUSED = "quality"
"""`error_type` of an attempt whose answer the validators refused."""

UNJUDGED = "validator_error"
"""`error_type` of an attempt whose validator failed itself: an answer that nobody could check is not served."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What to call next. A `judged` answer must be whole before anything of it may reach the caller."""

    kind: AttemptKind
    model: str
    judged: bool


class Execution:
    """The course of one request through the steps of its decision. Fed by exactly one shell."""

    def __init__(self, *, policy: Policy, request: Request, decision: Decision, catalogue: Catalogue) -> None:
        self._policy = policy
        self._request = request
        self._decision = decision
        self._catalogue = catalogue
        self._escalations = [step for step in decision.steps if step.kind == "escalation"]
        self._fallbacks = [step for step in decision.steps if step.kind == "fallback"]
        self._step: Step = decision.steps[0]
        self._next = self._dispatch("primary")
        self._attempts: list[Attempt] = []
        self._costs: list[float | None] = []
        self._failed: set[str] = set()
        self._status: OutcomeStatus = "error"
        self._error_type = ""
        self._ttft_s: float | None = None
        self.answer: Answer | None = None

    def next(self) -> Dispatch:
        """The dispatch to run now."""
        return self._next

    def answered(self, answer: Answer, latency_s: float, *, ttft_s: float | None = None) -> bool:
        """A dispatch gave a whole answer, `latency_s` after it started; its first chunk came after `ttft_s`.

        Returns:
            True if the answer is to be served, False if it was refused and `next` escalates.
        """
        refusal = self._refusal(answer)
        self._note(answer, refusal, latency_s)
        if refusal:
            self._step = self._escalations.pop(0)
            self._next = self._dispatch("escalation")
        else:
            self._serve(answer, "complete", ttft_s)
        return not refusal

    def failed(self, error: BaseException, latency_s: float) -> bool:
        """A dispatch failed and nothing of it reached the caller.

        Returns:
            True if `next` falls back, False if the error must be raised to the caller.
        """
        self._error_type = error_type_of(error)
        self._note(None, self._error_type, latency_s)
        self._failed.add(self._step.model)
        return isinstance(error, ProviderError) and error.retryable and self._fall_back()

    def broken(self, error: BaseException, received: Answer, latency_s: float, *, ttft_s: float | None) -> None:
        """A stream ended early after chunks were handed out: by a failure, or because the caller closed it."""
        self._error_type = "" if isinstance(error, GeneratorExit) else error_type_of(error)
        self._note(received, self._error_type, latency_s)
        self._serve(received, "partial", ttft_s)

    def outcome(self) -> Outcome:
        """What was served, with every attempt: `error` if nothing was, `unreported` if nothing was dispatched."""
        if not self._attempts:
            return UNREPORTED
        attempts = tuple(self._attempts)
        duration_s = sum(attempt.latency_s for attempt in attempts)
        escalated = any(attempt.kind == "escalation" for attempt in attempts)
        if self.answer is None:
            return Outcome(
                status="error",
                error_type=self._error_type,
                duration_s=duration_s,
                attempts=attempts,
                escalated=escalated,
            )
        last = attempts[-1]
        return Outcome(
            status=self._status,
            model=self._catalogue.canonical(self.answer.model, last.model) if self.answer.model else last.model,
            provider=last.provider,
            response_id=self.answer.response_id,
            usage=self.answer.usage,
            cost_usd=self._cost_usd(),
            duration_s=duration_s,
            ttft_s=self._ttft_s,
            error_type=self._error_type,
            contamination=("fallback",) if last.kind == "fallback" else (),
            attempts=attempts,
            answer=self.answer,
            escalated=escalated,
        )

    def _dispatch(self, kind: AttemptKind) -> Dispatch:
        judged = kind != "fallback" and bool(self._escalations) and isinstance(self._policy, Escalating)
        return Dispatch(kind, self._step.model, judged)

    def _refusal(self, answer: Answer) -> str:
        """`error_type` of a refused answer, empty for one that may be served."""
        if not self._next.judged or not isinstance(self._policy, Escalating):
            return ""
        try:
            return REFUSED if self._policy.accepts(self._request, self._decision, self._step, answer) else ""
        except Exception:  # noqa: BLE001 - a user's validator may raise anything; the attempt records that it did
            return UNJUDGED

    def _fall_back(self) -> bool:
        """Go to the next step whose model has not failed yet: fallbacks first, then what is left of the cascade."""
        for steps in (self._fallbacks, self._escalations):
            while steps:
                self._step = steps.pop(0)
                if self._step.model not in self._failed:
                    self._next = self._dispatch("fallback")
                    return True
        return False

    def _serve(self, answer: Answer, status: OutcomeStatus, ttft_s: float | None) -> None:
        self.answer = answer
        self._status = status
        self._error_type = self._error_type if status == "partial" else ""
        self._ttft_s = None if ttft_s is None else sum(a.latency_s for a in self._attempts[:-1]) + ttft_s

    def _note(self, answer: Answer | None, error_type: str, latency_s: float) -> None:
        """Append the attempt. A recorded answer brings the latency it had when it was recorded."""
        model = self._catalogue.get(self._step.model)
        recorded_s = None if answer is None else answer.latency_s
        attempt = Attempt(
            kind=self._next.kind,
            model=self._step.model if model is None else model.name,
            provider="" if model is None else model.provider,
            error_type=error_type,
            usage=UNKNOWN_USAGE if answer is None else answer.usage,
            latency_s=latency_s if recorded_s is None else recorded_s,
            response_model="" if answer is None else answer.model,
        )
        self._attempts.append(attempt)
        if answer is not None:
            self._costs.append(answer.cost_usd)

    def _cost_usd(self) -> float | None:
        """What every answer that was paid for cost; unknown as soon as one provider did not say."""
        known = [cost for cost in self._costs if cost is not None]
        return sum(known) if len(known) == len(self._costs) else None


def error_type_of(error: BaseException) -> str:
    """Class of a failure, of low cardinality: the provider's own, else the exception's name."""
    return error.error_type if isinstance(error, ProviderError) else type(error).__name__
