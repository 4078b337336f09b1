"""The findings of the live policy's validators on an answer, and the correction for its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shadow.domain.outcome import REFUSED, UNJUDGED, Answer
from shadow.domain.policy import ACCEPTED, Decision, Escalating, Examining, Policy, Step, Verdict
from shadow.domain.request import Request
from shadow.execution.validator_context import LiveValidatorContext
from shadow.runtime.frozen import quickly_made


@quickly_made
@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one answer.

    Attributes:
        error_type: of its attempt: empty, `quality` or `validator_error`.
        duration_s: seconds that the validators took.
    """

    error_type: str = ""
    verdict: Verdict = ACCEPTED
    duration_s: float = 0.0


PASSED: Final = Finding()


@dataclass(frozen=True, slots=True)
class Correction:
    """A refused answer and the reason, for the model that gave it."""

    text: str
    asks: str

    def messages(self) -> list[dict[str, str]]:
        """Messages to the model, after the caller's own."""
        wish = (
            f"Your answer was not accepted: it must {self.asks}. Answer again, with nothing but the corrected answer."
        )
        return [{"role": "assistant", "content": self.text}, {"role": "user", "content": wish}]


class Inspector:
    """Lets the policy of one request validate its answers. An exception of a validator is a finding, no error.

    Args:
        policy: the live policy.
        request: of the decision.
        decision: of the policy.
        context: time and models for validators; None = only validators without input or output run.
    """

    def __init__(
        self, policy: Policy, request: Request, decision: Decision, context: LiveValidatorContext | None
    ) -> None:
        self._policy = policy
        self._request = request
        self._decision = decision
        self._context = context

    @property
    def can_judge(self) -> bool:
        """Whether the policy validates answers."""
        return isinstance(self._policy, Escalating)

    def inspect(self, step: Step, answer: Answer, left_s: float | None) -> Finding:
        """The finding on an answer of this step, `left_s` seconds before the deadline; None = no deadline."""
        policy, context = self._policy, self._context
        if context is None or not isinstance(policy, Examining):
            return self._without_context(step, answer)
        context.begin(left_s)
        started = context.tick()
        try:
            verdict = policy.examine(self._request, step, answer, context)
        except Exception:  # noqa: BLE001 - a user's validator may raise anything; the attempt records it
            return Finding(UNJUDGED, duration_s=context.tick() - started)
        return _finding(verdict, context.tick() - started)

    async def ainspect(self, step: Step, answer: Answer, left_s: float | None) -> Finding:
        """As `inspect`, without blocking the event loop."""
        policy, context = self._policy, self._context
        if context is None or not isinstance(policy, Examining):
            return self._without_context(step, answer)
        context.begin(left_s)
        started = context.tick()
        try:
            verdict = await policy.aexamine(self._request, step, answer, context)
        except Exception:  # noqa: BLE001 - as above
            return Finding(UNJUDGED, duration_s=context.tick() - started)
        return _finding(verdict, context.tick() - started)

    def _without_context(self, step: Step, answer: Answer) -> Finding:
        if not isinstance(self._policy, Escalating):
            return PASSED
        try:
            refused_by = self._policy.accepts(self._request, self._decision, step, answer)
        except Exception:  # noqa: BLE001 - as above
            return Finding(UNJUDGED)
        return _finding(Verdict(refused_by=refused_by, asks=f"pass {refused_by}"), 0.0)


def _finding(verdict: Verdict, duration_s: float) -> Finding:
    return Finding(REFUSED if verdict.refused_by else "", verdict, duration_s)
