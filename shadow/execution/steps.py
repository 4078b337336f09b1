"""The next step of a decision.

After a refused answer comes the next escalation, a stronger model. After a provider that failed, or must not be asked,
comes the next fallback, a peer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shadow.domain.outcome import AttemptKind
from shadow.domain.policy import Step
from shadow.errors import UnservedError

Refusal = Callable[[str], str]
"""The reason why a model must not be asked now; empty if it is asked next."""


class Steps:
    """The remaining steps of one decision.

    Args:
        steps: as decided; the first is the primary.
        refusal: called immediately before a step is taken.

    Attributes:
        current: the current step.
        kind: of its attempt.
        refusals: model to the reason of its refusal, in order.
    """

    def __init__(self, steps: Iterable[Step], refusal: Refusal) -> None:
        primary, *others = steps
        self._refusal = refusal
        self._escalations = [step for step in others if step.kind == "escalation"]
        self._fallbacks = [step for step in others if step.kind == "fallback"]
        self._failed: set[str] = set()
        self.current = primary
        self.kind: AttemptKind = "primary"
        self.refusals: dict[str, str] = {}
        self._refused: list[tuple[Step, AttemptKind]] = []

    @property
    def may_escalate(self) -> bool:
        """Whether the answer of the current step may still be refused."""
        return bool(self._escalations)

    @property
    def verifies_next(self) -> bool:
        """Whether the next escalation checks the current answer."""
        return bool(self._escalations) and self._escalations[0].verifies

    @property
    def has_more(self) -> bool:
        """Whether a model is left that did not fail."""
        return any(step.model not in self._failed for step in (*self._escalations, *self._fallbacks))

    def begin(self) -> bool:
        """Take the primary, or else a fallback."""
        return self._take([self.current], "primary") or self.fall_back()

    def escalate(self) -> bool:
        """Take the next escalation; if none may be asked, a fallback."""
        return self._take(self._escalations, "escalation") or self._take(self._fallbacks, "fallback")

    def fall_back(self) -> bool:
        """Take the next fallback; without one, the rest of the cascade."""
        return self._take(self._fallbacks, "fallback") or self._take(self._escalations, "fallback")

    def divert(self, model: str) -> bool:
        """Take the model that is configured for a special case; empty = none is."""
        return bool(model) and self._take([Step(kind="fallback", model=model)], "fallback")

    def resort_to(self, may_serve: Callable[[str, str], bool]) -> bool:
        """Take the first refused step that `may_serve` allows, given its model and the reason of the refusal."""
        for step, kind in self._refused:
            if may_serve(step.model, self.refusals[step.model]):
                self.current, self.kind = step, kind
                return True
        return False

    def unserved(self) -> UnservedError:
        """The error of a request that no step may serve: the type of the first refusal, and the names of all."""
        error_type = next(iter(self.refusals.values()), "unavailable")
        named = ", ".join(f"{model}: {reason}" for model, reason in self.refusals.items()) or "none is left"
        text = f"no model may be asked now ({named}); try again later, or add a fallback"
        return UnservedError(text, error_type=error_type)

    def fail(self) -> None:
        """The current model failed; it is not asked again for this request."""
        self._failed.add(self.current.model)

    def _take(self, steps: list[Step], kind: AttemptKind) -> bool:
        while steps:
            step = steps.pop(0)
            if step.model in self._failed:
                continue
            reason = self._refusal(step.model)
            if reason:
                self.refusals[step.model] = reason
                self._refused.append((step, kind))
                continue
            self.current, self.kind = step, kind
            return True
        return False
