"""The mechanism `cascade`: ask a cheap model first, and a stronger one if its answer is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shadow.domain.policy import Candidate, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.policies.plan import Plan, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One model of a cascade.

    Attributes:
        accept_if: names of the validators that its answer must pass; none = any answer is served.
        retry_same: how often it is asked again after a refused answer.
        tells_why: whether the new question includes the refused answer and the reason.
        verifies: whether it checks the previous answer, instead of answering itself.
    """

    model: str
    accept_if: tuple[str, ...] = ()
    retry_same: int = 0
    tells_why: bool = False
    verifies: bool = False


class Cascade:
    """Chooses models from cheap to strong, with validators for their answers.

    Args:
        stages: at least two, in order. All but the last need validators, unless the next one verifies.
        reason: of the decision.
    """

    def __init__(self, stages: Sequence[Stage], *, reason: str = "cheap first") -> None:
        self.models = tuple(stage.model for stage in stages)
        self.reads: frozenset[str] | None = frozenset()
        steps = tuple(
            Step(
                kind="escalation" if place else "primary",
                model=stage.model,
                accept_if=stage.accept_if,
                retry_same=stage.retry_same,
                tells_why=stage.tells_why,
                verifies=stage.verifies,
            )
            for place, stage in enumerate(stages)
        )
        later = (
            Candidate(
                model=stage.model,
                rejected=f"checks {before.model}" if stage.verifies else f"only if {before.model} is refused",
            )
            for before, stage in pairwise(stages)
        )
        self._plan = Plan(steps=steps, candidates=(Candidate(model=stages[0].model), *later), reason=reason)

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:  # noqa: ARG002 - Chooser
        """Always the same plan; the answers decide how many models are asked."""
        return self._plan
