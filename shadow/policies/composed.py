"""A chooser with a name, a version, filters, fallbacks and the validators of its cascades: a whole policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from shadow.errors import PolicyError, UnknownFeatureError
from shadow.outcome import Answer
from shadow.policies.plan import Chooser, Filter, Plan, Refused, nothing_refused
from shadow.policy import Candidate, Decision, Step
from shadow.request import Request
from shadow.snapshot import Snapshot
from shadow.validators import Validator


class Composed:
    """A policy made of a chooser and what surrounds every choice.

    Args:
        name: kebab-case name.
        version: changes whenever the policy could decide differently.
        chooser: picks the first steps.
        filters: hard conditions; a model that one of them refuses is in no step of a decision.
        fallback: models to go on with when a provider fails, in order.
        validators: of all cascades, by the names that steps give in `accept_if`.
        why: what the policy is for.
    """

    def __init__(
        self,
        *,
        name: str,
        version: str,
        chooser: Chooser,
        filters: Iterable[Filter] = (),
        fallback: Iterable[str] = (),
        validators: Iterable[Validator] = (),
        why: str = "",
    ) -> None:
        self._name = name
        self._version = version
        self._chooser = chooser
        self._filters = tuple(filters)
        self._fallback = tuple(Step(kind="fallback", model=model) for model in fallback)
        self._validators: Mapping[str, Validator] = MappingProxyType({each.name: each for each in validators})
        self.why = why

    def __repr__(self) -> str:
        return f"<policy {self._name} {self._version}>"

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def version(self) -> str:
        """Its version."""
        return self._version

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that a decision may name, as far as that is known before a request."""
        return tuple(dict.fromkeys((*self._chooser.models, *(step.model for step in self._fallback))))

    @property
    def reads(self) -> frozenset[str] | None:
        """Features of a request that its decisions depend on, as `Request.unknown` names them; None = not known."""
        if self._chooser.reads is None:
            return None
        return self._chooser.reads.union(*(each.reads for each in self._filters))

    @property
    def has_validators(self) -> bool:
        """Whether some decision depends on the text of an answer."""
        return bool(self._validators)

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        """The chooser's plan, followed by the fallbacks that it does not name already, without what is filtered out.

        Raises:
            PolicyError: `unknown_feature`: the decision depends on what is not known of the request; `no_candidate`:
                the filters refuse every model of it.
        """
        refused = self._refusals(request, snapshot) if self._filters else nothing_refused
        try:
            plan = self._chooser.choose(request, snapshot, refused)
            steps = self._with_fallback(plan)
            if self._filters:
                plan = self._admitted(plan, steps, refused)
                steps = plan.steps
        except UnknownFeatureError as error:
            raise PolicyError(self._name, str(error), error_type="unknown_feature") from None
        return Decision(
            policy=self._name,
            version=self._version,
            steps=steps,
            candidates=plan.candidates,
            reason=plan.reason,
            confidence=plan.confidence,
            propensity=plan.propensity,
            state_mode=snapshot.mode,
        )

    def accepts(self, request: Request, decision: Decision, step: Step, answer: Answer) -> str:  # noqa: ARG002 - Escalating
        """Empty if the answer passes every validator of the step, else the name of the first that refuses it.

        Raises:
            PolicyError: the step names a validator that this policy does not have.
            ShadowError: a validator cannot judge this answer. That is unknown, not refused.
        """
        for name in step.accept_if:
            validator = self._validators.get(name)
            if validator is None:
                raise PolicyError(self._name, f"has no validator {name!r}", error_type="unknown_validator")
            if not validator.accepts(answer):
                return name
        return ""

    def _with_fallback(self, plan: Plan) -> tuple[Step, ...]:
        if not self._fallback:
            return plan.steps
        planned = {step.model for step in plan.steps}
        return plan.steps + tuple(step for step in self._fallback if step.model not in planned)

    def _refusals(self, request: Request, snapshot: Snapshot) -> Refused:
        """Asks the filters about each model at most once."""
        known: dict[str, str] = {}

        def refused(model: str) -> str:
            reason = known.get(model)
            if reason is None:
                refusals = (each.refusal(request, snapshot, model) for each in self._filters)
                reason = known[model] = next((each for each in refusals if each), "")
            return reason

        return refused

    def _admitted(self, plan: Plan, planned: tuple[Step, ...], refused: Refused) -> Plan:
        """The plan without refused steps; the first one that is left is the primary."""
        steps = [step for step in planned if not refused(step.model)]
        if len(steps) == len(planned):
            return replace(plan, steps=planned)
        if not steps:
            reasons = "; ".join(f"{step.model}: {refused(step.model)}" for step in planned)
            raise PolicyError(self._name, f"no model may get this request: {reasons}", error_type="no_candidate")
        if steps[0].kind != "primary":
            steps[0] = Step(kind="primary", model=steps[0].model)
        if not any(step.kind == "escalation" for step in steps):
            steps[0] = replace(steps[0], accept_if=())  # nothing is left to go on with
        named = {candidate.model for candidate in plan.candidates if candidate.rejected}
        gone = [step.model for step in planned if refused(step.model) and step.model not in named]
        kept = tuple(candidate for candidate in plan.candidates if candidate.model not in gone)
        return replace(
            plan,
            steps=tuple(steps),
            candidates=kept + tuple(Candidate(model=model, rejected=refused(model)) for model in dict.fromkeys(gone)),
        )
