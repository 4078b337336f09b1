"""What the observed requests of one observer share."""

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
class Watch:
    """What every observed request of one observer shares.

    Attributes:
        recorder: takes the records.
        clock: event time and durations.
        routing_version: the version of the routing.
        state: gives the snapshot that shadows see.
        version: of the live router, where its host knows it and the routing does not; empty = the routing's.
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

    def now(self) -> Watch:
        """The same with the version of the routing that runs now. A request asks once and ends with what it got."""
        routing_version = self.recorder.routing_version
        return self if routing_version is self.routing_version else replace(self, routing_version=routing_version)

    def of_version(self, version: str) -> Watch:
        """The same for a live router whose version the routing file does not tell."""
        return replace(self, version=version)

    def decision(self, model: str) -> Decision:
        """The live decision for a model that the host chose."""
        return self.routing_version.decision(model, self.version)

    def failure(self, status: Literal["error", "invalid"], error_type: str) -> Failure:
        """A live decision that was not made, or not told."""
        return self.routing_version.failure(status, error_type, self.version)
