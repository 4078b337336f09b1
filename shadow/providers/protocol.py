"""The protocol of providers: one dispatch of one request to one model, whole or as a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import Answer
from shadow.domain.request import Request
from shadow.prices.catalogue import Model
from shadow.runtime.frozen import quickly_made


def ignore_headers(headers: Mapping[str, str]) -> None:
    """Do nothing with the headers of an answer."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One dispatch.

    Attributes:
        request: the frozen request, for providers that need its id.
        model: the model to call.
        messages: the caller's own messages, not the reduced ones of the request.
        params: further arguments of the caller, for example `temperature` or `tools`.
        timeout_s: seconds for the whole answer, or in a stream the longest silence; None = the provider's default.
        first_chunk_s: seconds until the first chunk of a stream; None = as `timeout_s`.
        deadline_s: seconds after which this dispatch ends, also in a stream; None = never.
        on_headers: called with the headers of an answer of any status, as soon as they arrive.
    """

    request: Request
    model: Model
    messages: Sequence[Any]
    params: Mapping[str, Any]
    timeout_s: float | None = None
    first_chunk_s: float | None = None
    deadline_s: float | None = None
    on_headers: Callable[[Mapping[str, str]], None] = ignore_headers


class Provider(Protocol):
    """Four ways to run one dispatch. A failure is a `ProviderError`; only after a retryable one a fallback may run."""

    def complete(self, call: Call) -> Answer:
        """The whole answer."""
        ...

    async def acomplete(self, call: Call) -> Answer:
        """The whole answer, without blocking the event loop."""
        ...

    def stream(self, call: Call) -> Generator[Chunk, None, None]:
        """The answer piece by piece; closing the generator ends the dispatch."""
        ...

    def astream(self, call: Call) -> AsyncGenerator[Chunk, None]:
        """As `stream`, without blocking the event loop."""
        ...

    def close(self) -> None:
        """Close connections. The provider is not used afterwards."""
        ...

    async def aclose(self) -> None:
        """As `close`, for connections that belong to the running event loop."""
        ...
