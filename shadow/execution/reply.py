"""Return values of the router: a reply, or a stream that becomes one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from shadow.domain.outcome import Answer, Outcome, Usage
from shadow.domain.policy import Decision
from shadow.runtime.frozen import quickly_made


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The served answer of a request, with its record.

    Attributes:
        request_id: the id to send signals and late outcomes for.
        answer: of the provider; `answer.raw` is its own object.
        outcome: every attempt, the served model, tokens and time.
        decision: the live policy's choice and why.
    """

    request_id: str
    answer: Answer
    outcome: Outcome
    decision: Decision

    @property
    def text(self) -> str:
        """The assistant's text."""
        return self.answer.text

    @property
    def model(self) -> str:
        """The model that answered, by its catalogue name."""
        return self.outcome.model

    @property
    def usage(self) -> Usage:
        """Tokens of the attempt that answered."""
        return self.answer.usage

    @property
    def response_id(self) -> str:
        """The provider's own id of the answer."""
        return self.answer.response_id

    @property
    def raw(self) -> Any:
        """The provider's own object, untouched; None for a stream, whose chunks the caller already has."""
        return self.answer.raw


class Streamed(Protocol):
    """The request behind a stream."""

    @property
    def request_id(self) -> str:
        """The id to send signals and late outcomes for."""
        ...

    def finish(self) -> Outcome:
        """Close the record."""
        ...

    def reply(self) -> Reply | None:
        """The reply; None before an answer is served."""
        ...


class ReplyStream(Iterator[Any]):
    """Chunks of a reply as the provider sent them. The first `next` dispatches the request.

    Leaving the `with` block early ends the dispatch; the chunks so far are recorded as a partial answer.
    """

    def __init__(self, routed: Streamed, chunks: Generator[Any, None, None]) -> None:
        self._routed = routed
        self._chunks = chunks

    @property
    def request_id(self) -> str:
        """The id to send signals and late outcomes for."""
        return self._routed.request_id

    @property
    def reply(self) -> Reply | None:
        """The reply of all chunks; None before the end of the stream, and without an answer."""
        return self._routed.reply()

    def __next__(self) -> Any:
        return next(self._chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the dispatch if it still runs."""
        self._chunks.close()
        self._routed.finish()


class AsyncReplyStream(AsyncIterator[Any]):
    """As `ReplyStream`, without blocking the event loop."""

    def __init__(self, routed: Streamed, chunks: AsyncGenerator[Any, None]) -> None:
        self._routed = routed
        self._chunks = chunks

    @property
    def request_id(self) -> str:
        """The id to send signals and late outcomes for."""
        return self._routed.request_id

    @property
    def reply(self) -> Reply | None:
        """The reply of all chunks; None before the end of the stream, and without an answer."""
        return self._routed.reply()

    async def __anext__(self) -> Any:
        return await anext(self._chunks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the dispatch if it still runs."""
        await self._chunks.aclose()
        self._routed.finish()
