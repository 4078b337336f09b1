"""The simulated models behind the router's provider interface."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable
from dataclasses import replace

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import Answer
from shadow.providers.protocol import Call
from shadowroute.app.demo.traffic import Turn
from shadowroute.app.demo.truth import World


class SimulatedProvider:
    """Answers each turn in the live policy's world. The score stays behind: no policy may see the truth."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._turns = {turn.request_id: turn for turn in turns}
        self._world = World()

    def complete(self, call: Call) -> Answer:
        """The simulated answer."""
        return replace(self._world.answer(self._turns[call.request.request_id], call.model.name), score=None)

    async def acomplete(self, call: Call) -> Answer:
        """As `complete`."""
        return self.complete(call)

    def stream(self, call: Call) -> Generator[Chunk, None, None]:
        """The answer in one piece."""
        answer = self.complete(call)
        yield Chunk(raw=answer.text, text=answer.text, answer=answer)

    async def astream(self, call: Call) -> AsyncGenerator[Chunk, None]:
        """As `stream`."""
        answer = self.complete(call)
        yield Chunk(raw=answer.text, text=answer.text, answer=answer)

    def close(self) -> None:
        """Nothing to give back."""

    async def aclose(self) -> None:
        """Nothing to give back."""
