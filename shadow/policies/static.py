"""The mechanism `use`: always the same model."""

from __future__ import annotations

from shadow.domain.policy import Candidate, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.policies.plan import Plan, Refused


class Static:
    """Chooses one model for every request."""

    def __init__(self, model: str, *, reason: str = "always") -> None:
        self.models = (model,)
        self.reads: frozenset[str] | None = frozenset()
        self._plan = Plan(
            steps=(Step(kind="primary", model=model),), candidates=(Candidate(model=model),), reason=reason
        )

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:  # noqa: ARG002 - Chooser
        """Always the same plan."""
        return self._plan
