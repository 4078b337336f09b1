"""The simulated models behind the router's provider interface."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shadow.domain.outcome import Answer
from shadow.providers.protocol import Call
from shadow.providers.recorded import RecordedProvider
from shadowroute.app.demo.traffic import Turn
from shadowroute.app.demo.truth import World


class SimulatedProvider(RecordedProvider):
    """Answers each turn in the live policy's world. The score stays behind: no policy may see the truth."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        super().__init__({})
        self._turns = {turn.request_id: turn for turn in turns}
        self._world = World()

    def complete(self, call: Call) -> Answer:
        """The simulated answer."""
        return replace(self._world.answer(self._turns[call.request.request_id], call.model.name), score=None)
