"""The context that all observed requests of one observer share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from shadow.config import Routing
from shadow.domain.policy import Decision, Failure
from shadow.recording.recorder import Recorder
from shadow.recording.routing_version import RoutingVersion
from shadow.runtime.clock import Clock
from shadow.state.router_state import State


@dataclass(frozen=True, slots=True)
class ObserverContext:
    """The context of an observer's requests.

    Attributes:
        recorder: takes the records.
        clock: event time and durations.
        routing_version: the version of the routing.
        state: gives the snapshots for shadows.
        version: of the live router, from its host; empty = the routing's.
    """

    recorder: Recorder
    clock: Clock
    routing_version: RoutingVersion
    state: State
    version: str = ""

    @property
    def routing(self) -> Routing:
        """The settings."""
        return self.routing_version.routing

    def now(self) -> ObserverContext:
        """The same with the current version of the routing. A request calls this once and keeps the result."""
        routing_version = self.recorder.routing_version
        return self if routing_version is self.routing_version else replace(self, routing_version=routing_version)

    def of_version(self, version: str) -> ObserverContext:
        """The same for a live router with a version of its host."""
        return replace(self, version=version)

    def decision(self, model: str) -> Decision:
        """The live decision for a model that the host chose."""
        return self.routing_version.decision(model, self.version)

    def failure(self, status: Literal["error", "invalid"], error_type: str) -> Failure:
        """The record of a live decision that is missing or unknown."""
        return self.routing_version.failure(status, error_type, self.version)
