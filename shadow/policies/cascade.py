"""The mechanism `cascade`: ask a cheap model first, and a stronger one where its answer is refused."""

from __future__ import annotations

from collections.abc import Sequence

from shadow.policies.plan import Plan, Refused
from shadow.policy import Candidate, Step
from shadow.request import Request
from shadow.snapshot import Snapshot
from shadow.validators import Validator


class Cascade:
    """Chooses a first model, the validators that its answer must pass, and the model to go on with."""

    def __init__(self, first: str, accept_if: Sequence[Validator], then: str, *, reason: str = "cheap first") -> None:
        self.models = (first, then)
        self.reads: frozenset[str] | None = frozenset()
        self._plan = Plan(
            steps=(
                Step(kind="primary", model=first, accept_if=tuple(each.name for each in accept_if)),
                Step(kind="escalation", model=then),
            ),
            candidates=(Candidate(model=first), Candidate(model=then, rejected=f"only if {first} is refused")),
            reason=reason,
        )

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:  # noqa: ARG002 - Chooser
        """Always the same plan; the answer decides what is paid."""
        return self._plan
