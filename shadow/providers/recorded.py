"""Serves recorded outcomes from a table instead of calling a model: the provider of backtests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import Answer
from shadow.errors import MissingOutcomeError
from shadow.providers.protocol import Call


class RecordedProvider:
    """Answers from a table with one row per request id and model.

    A missing outcome is a `MissingOutcomeError`, which is not retryable, so that no fallback hides the gap.

    Args:
        outcomes: answer per (request id, model name).
    """

    def __init__(self, outcomes: Mapping[tuple[str, str], Answer]) -> None:
        self._outcomes = outcomes

    def complete(self, call: Call) -> Answer:
        """The recorded answer.

        Raises:
            MissingOutcomeError: the table has no outcome of this model for this request.
        """
        request_id, model = call.request.request_id, call.model.name
        answer = self._outcomes.get((request_id, model))
        if answer is None:
            raise MissingOutcomeError(request_id, model)
        return answer

    async def acomplete(self, call: Call) -> Answer:
        """As `complete`."""
        return self.complete(call)

    def stream(self, call: Call) -> Generator[Chunk, None, None]:
        """The recorded answer as a single chunk."""
        yield _chunk(self.complete(call))

    async def astream(self, call: Call) -> AsyncGenerator[Chunk, None]:
        """As `stream`."""
        yield _chunk(self.complete(call))

    def close(self) -> None:
        """There are no connections."""

    async def aclose(self) -> None:
        """There are no connections."""


def _chunk(answer: Answer) -> Chunk:
    return Chunk(raw=answer.raw, text=answer.text, answer=answer)
