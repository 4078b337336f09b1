"""The live policy of a router."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from shadow.domain.policy import Decision, Failure, LiveSpec, Policy, state_mode_of
from shadow.domain.request import Request
from shadow.domain.snapshot import STATELESS, Snapshot
from shadow.errors import ConfigError, PolicyError
from shadow.state.switches import POLICY


class Routed(Protocol):
    """The part of a routing that `LivePolicy` reads."""

    @property
    def live(self) -> Policy | LiveSpec:
        """The policy to execute, or the name of the host's router."""
        ...

    @property
    def file(self) -> Path | None:
        """The file that the routing was read from, None if made in code."""
        ...


class LivePolicy:
    """Asks the live policy and checks that its decision can be executed.

    Attributes:
        routing: as given.
        policy: the live policy of the routing.

    Raises:
        ConfigError: the routing only names a router of the host.
    """

    def __init__(self, routing: Routed) -> None:
        if isinstance(routing.live, LiveSpec):
            raise ConfigError(
                f"live must be a policy file where the router executes, got only the name {routing.live.name!r}; "
                f"write `live: policies/live.yaml`, or use shadow.Observer",
                file=routing.file,
            )
        self.routing = routing
        self.policy: Policy = routing.live
        self._is_stateless = state_mode_of(routing.live) == "none"

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        """The decision to execute.

        Raises:
            PolicyError: the policy did not return a decision with steps, or is switched off (`killed`).
            Exception: any exception of the policy, unchanged.
        """
        if snapshot.killed and POLICY + self.policy.name in snapshot.killed:
            raise PolicyError(self.policy.name, "is switched off by a kill switch", error_type="killed")
        decision: object = self.policy.decide(request, STATELESS if self._is_stateless else snapshot)
        if not isinstance(decision, Decision) or not decision.steps:
            got = "none" if isinstance(decision, Decision) else type(decision).__name__
            raise PolicyError(self.policy.name, f"decide must return a Decision with at least one step, got {got}")
        return decision

    def failure(self, error: Exception) -> Failure:
        """The record in place of a decision, if `decide` raised this."""
        return Failure(
            policy=self.policy.name,
            version=self.policy.version,
            status="invalid" if isinstance(error, PolicyError) else "error",
            error_type=error.error_type if isinstance(error, PolicyError) else type(error).__name__,
        )
