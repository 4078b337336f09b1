"""Calls a policy safely: the result is a checked decision, or a failure with its reason.

A policy is user code. It may raise anything, return anything, and change its arguments. It gets
its own copy of the request, in a thread that the caller never waits for, and its return value is checked.
"""

from __future__ import annotations

import inspect
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from shadow.domain.outcome import Outcome
from shadow.domain.policy import Candidate, Decision, Escalating, Failure, Policy, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import PolicyError, UnjudgedError
from shadow.runtime.containment import Containment, describe
from shadow.runtime.frozen import copied, quickly_made

if TYPE_CHECKING:
    from shadow.prices.catalogue import Catalogue

STEPS_AT_MOST: Final = 20
CANDIDATES_AT_MOST: Final = 100
TERMS_AT_MOST: Final = 20
NAME_CHARACTERS: Final = 200
REASON_CHARACTERS: Final = 500


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResult:
    """One policy's result for one request.

    Attributes:
        duration_s: seconds of the policy; None if it was not asked.
        escalated: whether its validators refuse the live answer; None = unknown.
    """

    decision: Decision | Failure
    duration_s: float | None = None
    escalated: bool | None = None


class GuardedPolicy:
    """Asks one policy. Used by the thread of that policy only."""

    def __init__(self, policy: Policy, catalogue: Catalogue, containment: Containment) -> None:
        self._policy = policy
        self._name = policy.name
        self._version = policy.version
        self._catalogue = catalogue
        self._containment = containment

    def ask(self, request: Request, snapshot: Snapshot, outcome: Outcome) -> PolicyResult:
        """The policy's checked decision, and whether it would have escalated after the live answer."""
        own_request, own_snapshot = copied(request), copied(snapshot)
        started = time.perf_counter()
        try:
            answer: Any = self._policy.decide(own_request, own_snapshot)
        except PolicyError as error:
            failure = self.failure("invalid", error.error_type, str(error))
            return PolicyResult(decision=failure, duration_s=time.perf_counter() - started)
        except BaseException as error:  # noqa: BLE001 - a shadow's SystemExit is a failed decision like any other
            return PolicyResult(decision=self._raised(error), duration_s=time.perf_counter() - started)
        duration_s = time.perf_counter() - started
        try:
            if own_request != request or own_snapshot != snapshot:
                raise PolicyError(self._name, "decide must not change the request", error_type="mutated_request")
            decision = checked(self._name, answer, self._catalogue)
            if decision.state_mode != snapshot.mode:
                # A class of the user may have other fields.
                quick = copied if type(decision) is Decision else replace
                decision = quick(decision, state_mode=snapshot.mode)
        except PolicyError as error:
            return PolicyResult(decision=self.failure("invalid", error.error_type, str(error)), duration_s=duration_s)
        except BaseException as error:  # noqa: BLE001 - comparing or reading the user's object runs its code
            return PolicyResult(decision=self._raised(error), duration_s=duration_s)
        return PolicyResult(
            decision=decision, duration_s=duration_s, escalated=self._escalated(own_request, decision, outcome)
        )

    def failure(self, status: Literal["error", "timeout", "invalid"], error_type: str, message: str = "") -> Failure:
        """A failure of this policy."""
        return Failure(
            policy=self._name, version=self._version, status=status, error_type=error_type, message=message[:200]
        )

    def _raised(self, error: BaseException) -> Failure:
        return self.failure("error", type(error).__name__, describe(error))

    def _escalated(self, request: Request, decision: Decision, outcome: Outcome) -> bool | None:
        """Whether the cascade would have escalated; known only if its first model answered."""
        if (
            not decision.escalation_model
            or not isinstance(self._policy, Escalating)
            or outcome.answer is None
            or outcome.status != "complete"
            or outcome.model != decision.model
            or _checks_drafts(decision)  # the check of the other model is unknown
        ):
            return None
        try:
            is_refused = bool(self._policy.accepts(request, decision, decision.steps[0], outcome.answer))
            # The same model would be asked again first, and that second answer does not exist.
            return None if is_refused and decision.steps[0].retry_same else is_refused
        except UnjudgedError:
            return None
        except BaseException as error:  # noqa: BLE001 - a validator that fails leaves the escalation unknown
            self._containment.note(f"accept_if of {self._name}", error)
            return None


def _checks_drafts(decision: Decision) -> bool:
    return any(step.verifies for step in decision.steps)


def checked(policy: str, answer: Any, catalogue: Catalogue) -> Decision:
    """A decision that can be recorded, with its models by their catalogue names.

    Raises:
        PolicyError: it is not a decision, breaks a rule, or names a model outside the catalogue.
    """
    if not isinstance(answer, Decision):
        if inspect.iscoroutine(answer):
            answer.close()
        raise PolicyError(policy, f"decide must return a Decision, got {type(answer).__name__}; a policy is not async")
    _check_steps(policy, answer.steps)
    _check_text(policy, "reason", answer.reason, REASON_CHARACTERS)
    _check_share(policy, "confidence", answer.confidence)
    _check_share(policy, "propensity", answer.propensity)
    if answer.propensity == 0:
        raise PolicyError(policy, "propensity must be above 0, got 0; None means unknown")
    if not isinstance(answer.candidates, tuple) or len(answer.candidates) > CANDIDATES_AT_MOST:
        raise PolicyError(policy, f"candidates must be a tuple of at most {CANDIDATES_AT_MOST}")
    for candidate in answer.candidates:
        _check_candidate(policy, candidate)
    return named(policy, answer, catalogue)


def named(policy: str, decision: Decision, catalogue: Catalogue) -> Decision:
    """The decision with every alias replaced by the model's name; the same object if there is none.

    Raises:
        PolicyError: a model is not in the catalogue.
    """
    changed = False
    steps = []
    for step in decision.steps:
        model = catalogue.get(step.model) or catalogue.get(catalogue.canonical(step.model))
        if model is None and step.model not in catalogue:
            nearest = catalogue.nearest(step.model)
            hint = f"; nearest: {nearest}" if nearest else ""
            raise PolicyError(policy, f'no model "{step.model}" in the catalogue{hint}', error_type="unknown_model")
        if model is not None and model.name != step.model:
            step = replace(step, model=model.name)  # noqa: PLW2901 - the renamed step takes its place
            changed = True
        steps.append(step)
    return replace(decision, steps=tuple(steps)) if changed else decision


def _check_steps(policy: str, steps: Any) -> None:
    if not isinstance(steps, tuple) or not 1 <= len(steps) <= STEPS_AT_MOST:
        raise PolicyError(policy, f"steps must be a tuple of 1 to {STEPS_AT_MOST} steps")
    for step in steps:
        if not isinstance(step, Step):
            raise PolicyError(policy, f"steps must hold Step objects, got {type(step).__name__}")
        _check_text(policy, "model of a step", step.model, NAME_CHARACTERS)
        if not step.model:
            raise PolicyError(policy, "model of a step must not be empty")
        if not isinstance(step.accept_if, tuple):
            raise PolicyError(policy, f"accept_if must be a tuple of names, got {type(step.accept_if).__name__}")
        for validator in step.accept_if:
            _check_text(policy, "accept_if", validator, NAME_CHARACTERS)
    if steps[0].kind != "primary":
        raise PolicyError(policy, f"the first step must be primary, got {steps[0].kind!r}"[:200])


def _check_candidate(policy: str, candidate: Any) -> None:
    if not isinstance(candidate, Candidate):
        raise PolicyError(policy, f"candidates must hold Candidate objects, got {type(candidate).__name__}")
    _check_text(policy, "model of a candidate", candidate.model, NAME_CHARACTERS)
    _check_text(policy, "rejected", candidate.rejected, REASON_CHARACTERS)
    if len(candidate.terms) > TERMS_AT_MOST:
        raise PolicyError(policy, f"terms of a candidate must be at most {TERMS_AT_MOST}")
    for term, value in candidate.terms.items():
        _check_text(policy, "term", term, NAME_CHARACTERS)
        _check_finite(policy, "term", value)
    if candidate.score is not None:
        _check_finite(policy, "score", candidate.score)


def _check_text(policy: str, field: str, value: Any, characters: int) -> None:
    if not isinstance(value, str):
        raise PolicyError(policy, f"{field} must be text, got {type(value).__name__}")
    if len(value) > characters:
        raise PolicyError(policy, f"{field} must have at most {characters} characters, got {len(value)}")


def _check_finite(policy: str, field: str, value: Any) -> None:
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise PolicyError(policy, f"{field} must be a finite number, got {str(value)[:40]}")


def _check_share(policy: str, field: str, value: Any) -> None:
    if value is None:
        return
    _check_finite(policy, field, value)
    if not 0 <= value <= 1:
        raise PolicyError(policy, f"{field} must be in [0, 1], got {value}")
