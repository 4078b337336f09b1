"""A chooser with a name, a version, filters, fallbacks and the validators of its cascades: a whole policy."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

from shadow.domain.outcome import Answer
from shadow.domain.policy import Candidate, Decision, Step, ValidatorContext, Verdict
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot, StateMode
from shadow.errors import OverBudgetError, PolicyError, UnknownFeatureError
from shadow.policies.plan import Chooser, Filter, Plan, Refused, nothing_refused
from shadow.policies.validators import AnyValidator, Case
from shadow.policies.validators.panel import Validators
from shadow.runtime.frozen import copied


class Composed:
    """A policy: a chooser with filters, fallbacks and validators.

    Args:
        name: kebab-case name.
        version: changes whenever the policy may decide differently.
        chooser: picks the first steps.
        filters: hard conditions; a refused model is in no step of a decision.
        fallback: models for failures of providers, in order.
        validators: of all cascades; steps name them in `accept_if`.
        why: a note for readers.
        state_mode: the state that it sees as a shadow.
    """

    def __init__(
        self,
        *,
        name: str,
        version: str,
        chooser: Chooser,
        filters: Iterable[Filter] = (),
        fallback: Iterable[str] = (),
        validators: Iterable[AnyValidator] = (),
        why: str = "",
        state_mode: StateMode = "shared",
    ) -> None:
        self._name = name
        self._version = version
        self._chooser = chooser
        self._filters = tuple(filters)
        self._fallback = tuple(Step(kind="fallback", model=model) for model in fallback)
        self._validators = Validators(name, validators)
        self.why = why
        self.state_mode: StateMode = state_mode

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
        """Every model that a decision may name, if that is known before a request."""
        return tuple(dict.fromkeys((*self._chooser.models, *(step.model for step in self._fallback))))

    @property
    def reads(self) -> frozenset[str] | None:
        """Features of a request that its decisions depend on, as in `Request.unknown`; None = not known."""
        if self._chooser.reads is None:
            return None
        return self._chooser.reads.union(*(each.reads for each in self._filters))

    @property
    def has_validators(self) -> bool:
        """Whether an outcome may depend on the text of an answer."""
        return bool(self._validators)

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        """The chooser's plan, followed by further fallbacks, without filtered models.

        Raises:
            PolicyError: `unknown_feature`: the decision needs an unknown feature of the request; `no_candidate`:
                no model may get it; `over_budget`: none fits a budget that must be kept.
        """
        plan = self.plan(request, snapshot, nothing_refused)
        return Decision(
            policy=self._name,
            version=self._version,
            steps=plan.steps,
            candidates=plan.candidates,
            reason=plan.reason,
            confidence=plan.confidence,
            propensity=plan.propensity,
            state_mode=snapshot.mode,
        )

    def plan(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:
        """The decision as a plan, for an outer policy.

        Args:
            request: the request.
            snapshot: the router's state.
            refused: refusals by the filters of the outer policy.

        Raises:
            PolicyError: as `decide`.
        """
        if self._filters:
            refused = self._refusals(request, snapshot, refused)
        try:
            chosen = self._chooser.choose(request, snapshot, refused)
            plan = self._finished(chosen, refused)
            return self._with_total(plan, refused) if chosen.others else plan
        except UnknownFeatureError as error:
            raise PolicyError(self._name, str(error), error_type="unknown_feature") from None
        except OverBudgetError as error:
            raise PolicyError(self._name, str(error), error_type="over_budget") from None

    def accepts(self, request: Request, decision: Decision, step: Step, answer: Answer) -> str:  # noqa: ARG002 - Escalating
        """Empty if the answer passes every validator of the step, else the name of the first that refuses it.

        Raises:
            PolicyError: the policy has no validator of that name.
            UnjudgedError: a validator lacks information, or needs time or money that a shadow must not spend. The
                result is unknown, not refused.
        """
        return self._validators.shadow_verdict(step.accept_if, Case(request, answer)).refused_by

    def examine(self, request: Request, step: Step, answer: Answer, context: ValidatorContext) -> Verdict:
        """The verdict of every validator of the step, for an answer of the live path.

        Raises:
            PolicyError: the policy has no validator of that name.
            Exception: a validator gives no verdict.
        """
        return self._validators.verdict(step.accept_if, Case(request, answer), context)

    async def aexamine(self, request: Request, step: Step, answer: Answer, context: ValidatorContext) -> Verdict:
        """As `examine`, without blocking the event loop."""
        return await self._validators.averdict(step.accept_if, Case(request, answer), context)

    def _finished(self, plan: Plan, refused: Refused) -> Plan:
        """The plan with its fallbacks and without refused steps; the first remaining step is the primary."""
        if not self._fallback and refused is nothing_refused and plan.steps:
            return plan
        planned = self._with_fallback(plan)
        steps = planned if refused is nothing_refused else tuple(step for step in planned if not refused(step.model))
        if not steps:
            reasons = {candidate.model: candidate.rejected for candidate in plan.candidates}
            reasons |= {step.model: refused(step.model) for step in planned}
            told = "; ".join(f"{model}: {reason}" for model, reason in reasons.items() if reason)
            raise PolicyError(self._name, f"no model may get this request: {told}", error_type="no_candidate")
        if steps == plan.steps:
            return plan
        if plan.steps and len(steps) == len(planned):
            return copied(plan, steps=steps)
        first = steps[0] if steps[0].kind == "primary" else copied(steps[0], kind="primary", verifies=False)
        steps = _without_idle_checks((first, *steps[1:]), planned)
        named = {candidate.model for candidate in plan.candidates if candidate.rejected}
        gone = [step.model for step in planned if step.model not in named and refused(step.model)]
        kept = tuple(candidate for candidate in plan.candidates if candidate.model not in gone)
        return copied(
            plan,
            steps=steps,
            candidates=kept + tuple(Candidate(model=model, rejected=refused(model)) for model in dict.fromkeys(gone)),
        )

    def _with_fallback(self, plan: Plan) -> tuple[Step, ...]:
        if not self._fallback:
            return plan.steps
        planned = {step.model for step in plan.steps}
        return plan.steps + tuple(step for step in self._fallback if step.model not in planned)

    def _with_total(self, plan: Plan, refused: Refused) -> Plan:
        """The plan with the total probability of all draws with the same first and escalation model.

        Unknown if another draw needs an unknown feature, or has draws of its own.
        """
        shares = [plan.propensity]
        for draw in plan.others:
            try:
                other = None if draw.plan is None else self._finished(draw.plan, refused)
            except PolicyError:
                continue  # that draw gives no decision
            if other is None or other.propensity != 1.0:
                shares.append(None)
            elif _models(other) == _models(plan):
                shares.append(draw.probability)
        known = [share for share in shares if share is not None]
        # Rounded, so that certainty is exactly 1, in any order of the parts.
        total = round(fsum(known), 12) if len(known) == len(shares) else None
        return copied(plan, propensity=total, others=())

    def _refusals(self, request: Request, snapshot: Snapshot, outer: Refused) -> Refused:
        """A function that asks the filters about each model at most once."""
        known: dict[str, str] = {}

        def refused(model: str) -> str:
            reason = known.get(model)
            if reason is None:
                refusals = (each.refusal(request, snapshot, model) for each in self._filters)
                reason = known[model] = outer(model) or next((each for each in refusals if each), "")
            return reason

        return refused


def _models(plan: Plan) -> tuple[str, str]:
    """The first model and that of the first escalation, which reports compare."""
    return plan.steps[0].model, next((step.model for step in plan.steps if step.kind == "escalation"), "")


def _without_idle_checks(steps: tuple[Step, ...], planned: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, without validators at the last step of a shortened cascade: their escalation is gone."""
    cascade, whole = ([step for step in each if step.kind != "fallback"] for each in (steps, planned))
    if not whole or cascade[-1].model == whole[-1].model:
        return steps
    return tuple(copied(step, accept_if=(), retry_same=0) if step is cascade[-1] else step for step in steps)
