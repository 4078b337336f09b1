"""The state that a shadow sees: the router's, its own simulated one, or none (`state:` of its file)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from shadow.domain.outcome import Outcome
from shadow.domain.policy import Decision, Policy, state_mode_of
from shadow.domain.request import Request
from shadow.domain.snapshot import STATELESS, Snapshot
from shadow.policies.guarded import PolicyResult
from shadow.runtime.containment import Containment
from shadow.state.own import OwnState
from shadow.state.switches import POLICY


class Decided(Protocol):
    """A closed request, for a view."""

    @property
    def request(self) -> Request:
        """The frozen request."""
        ...

    @property
    def snapshot(self) -> Snapshot:
        """The router's state when live decided."""
        ...

    @property
    def final(self) -> Outcome:
        """The outcome."""
        ...


class StateView:
    """The state that one policy sees. Used by the thread of that policy."""

    def __init__(self, policy: Policy, own_state: Callable[[Policy], OwnState], containment: Containment) -> None:
        mode = state_mode_of(policy)
        self._sees_shared = mode == "shared"
        self._own = own_state(policy) if mode == "own" else None
        self._guard = containment.guard
        self._switch = POLICY + policy.name

    @property
    def is_private(self) -> bool:
        """Whether its snapshot of a request depends on its decision for the previous one."""
        return self._own is not None

    def is_killed(self, closed: Decided) -> bool:
        """Whether the policy's kill switch was on when live decided."""
        return self._switch in closed.snapshot.killed

    def snapshot(self, closed: Decided) -> Snapshot:
        """Its snapshot of a request."""
        if self._sees_shared:
            return closed.snapshot
        if self._own is not None:
            with self._guard("own state"):
                return self._own.snapshot(closed.request, closed.snapshot)
        return STATELESS

    def decided(self, closed: Decided, result: PolicyResult) -> None:
        """Update the private state by a decision."""
        decision = result.decision
        if self._own is not None and isinstance(decision, Decision):
            with self._guard("own state"):
                self._own.decided(closed.request, decision, closed.final, escalated=bool(result.escalated))
