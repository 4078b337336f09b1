"""The mechanism `policy`: another policy file chooses, with its own filters and fallbacks."""

from __future__ import annotations

from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.policies.composed import Composed
from shadow.policies.plan import Plan, Refused
from shadow.runtime.frozen import copied


class Nested:
    """Chooses what another policy decides."""

    def __init__(self, policy: Composed, *, reason: str = "") -> None:
        self._policy = policy
        self._before = f"{reason}; " if reason else ""
        self.models = policy.models
        self.reads = policy.reads

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:
        """The whole plan of the other policy, without models that the outer filters refuse.

        Raises:
            PolicyError: it gives no decision.
        """
        plan = self._policy.plan(request, snapshot, refused)
        return copied(plan, reason=f"{self._before}{self._policy.name} {self._policy.version}: {plan.reason}")
