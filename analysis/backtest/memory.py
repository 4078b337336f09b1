"""The state that policies see in a backtest: learned row by row from the recorded answers to live's choices.

Planning feeds it, and keeps the snapshot of every query. The run then shows each policy the same snapshots, because the
time to read a table is not the latency of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shadow.domain.outcome import Outcome
from shadow.domain.policy import Decision, Policy
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.policies.guarded import PolicyResult
from shadow.prices.catalogue import Catalogue
from shadow.recording.state_view import StateView
from shadow.runtime.containment import Containment
from shadow.state.own import OwnState
from shadow.state.router_state import State
from shadow.state.settings import StateSettings
from shadowroute.collector.replay.feed import EventClock


@dataclass(frozen=True, slots=True)
class Served:
    """A query that live answered, as a shadow sees it."""

    request: Request
    snapshot: Snapshot
    final: Outcome


class Memory:
    """The router's state, and the private states of the shadows that keep one, in the order of the rows.

    Args:
        catalogue: expected values of a model before its first answer.
        shadows: in the order of the views.

    Attributes:
        views: the state that each shadow sees.
    """

    def __init__(self, catalogue: Catalogue, shadows: Sequence[Policy]) -> None:
        settings, containment = StateSettings(), Containment("raise")
        self._clock = EventClock()
        self._state = State(catalogue, settings, clock=self._clock, events=True, containment=containment)
        self.views = [
            StateView(
                shadow,
                lambda policy: OwnState(catalogue, settings, (), getattr(policy, "models", ())),
                containment,
            )
            for shadow in shadows
        ]

    def snapshot(self, request: Request) -> Snapshot:
        """The state before a query."""
        self._clock.now_us = request.time_us
        return self._state.snapshot(request)

    def note(
        self,
        served: Served,
        decision: Decision,
        results: Sequence[PolicyResult],
        latency_of: Callable[[str], float | None],
    ) -> None:
        """Go on from a query that is used.

        Args:
            served: the query.
            decision: live's.
            results: of the shadows, in the order of the views.
            latency_of: recorded seconds of a model's answer to it; None = not in the table.
        """
        for attempt in served.final.attempts:
            latency_s = latency_of(attempt.model)
            if latency_s is not None:
                self._state.attempt(attempt.model, error_type=attempt.error_type, latency_s=latency_s)
        self._state.observe(served.request, decision, served.final, told=True)
        for view, result in zip(self.views, results, strict=True):
            view.decided(served, result)


class RecordedState(State):
    """Shows every request the snapshot that it was planned with; no policy sees what it learns in the run.

    Args:
        catalogue: the models.
        snapshots: by request id.
    """

    def __init__(self, catalogue: Catalogue, snapshots: Mapping[str, Snapshot]) -> None:
        super().__init__(catalogue)
        self._snapshots = snapshots

    def snapshot(self, request: Request) -> Snapshot:
        """The planned one."""
        return self._snapshots[request.request_id]

    def admits(self, model: str, request: Request) -> bool:  # noqa: ARG002 - State
        """A table answers always."""
        return True
