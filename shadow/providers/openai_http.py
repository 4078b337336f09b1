"""OpenAI-compatible chat completions over HTTP.

httpx is the default client. Any client with the same interface may be passed instead (its successor httpx2, or an httpx
client with another transport); nothing else in the package knows which one it is.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from shadow.errors import ProviderError
from shadow.outcome import Answer
from shadow.providers.base import Call, Chunk
from shadow.providers.endpoint import Endpoint, checked, endpoint_of
from shadow.providers.openai_wire import AnswerReader, ChunkReader, Source, request_body

DEFAULT_TIMEOUT_S = 600.0
"""Long answers take minutes; callers who are in a hurry pass `timeout_s`."""

CONNECT_TIMEOUT_S = 5.0
USER_AGENT = "shadowroute"
LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100)


class HttpResponse(Protocol):
    """What is used of a response."""

    @property
    def status_code(self) -> int:
        """HTTP status."""
        ...

    def iter_bytes(self) -> Iterator[bytes]:
        """The decoded body as it arrives."""
        ...

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """As `iter_bytes`, asynchronous."""
        ...


class HttpClient(Protocol):
    """What is used of a synchronous client."""

    def stream(
        self,
        method: str,
        url: str,
        *,
        content: bytes,
        headers: dict[str, str],
        auth: Callable[[Any], Any] = ...,
        follow_redirects: bool,
        timeout: tuple[float, float, float, float],
    ) -> AbstractContextManager[HttpResponse]:
        """Send a request; the body is read inside the block."""
        ...


class AsyncHttpClient(Protocol):
    """What is used of an asynchronous client."""

    def stream(
        self,
        method: str,
        url: str,
        *,
        content: bytes,
        headers: dict[str, str],
        auth: Callable[[Any], Any] = ...,
        follow_redirects: bool,
        timeout: tuple[float, float, float, float],
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """Send a request; the body is read inside the block."""
        ...


class OpenAIHttp:
    """Calls OpenAI-compatible endpoints.

    Redirects are never followed and proxies of the environment are ignored, so that a key reaches only the host it was
    configured for. Keys are read from the environment when a request is sent and are kept nowhere.

    Args:
        base_url: address for models without their own `base_url` in the catalogue.
        api_key_env: environment variable with the key for `base_url`.
        timeout_s: seconds for a whole answer; in a stream, the longest silence.
        client: an httpx-compatible client to use and not to close; None = an own one.
        async_client: the same for the asynchronous methods. An own one is made per event loop.
    """

    def __init__(
        self,
        *,
        base_url: str = "",
        api_key_env: str = "",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        client: HttpClient | None = None,
        async_client: AsyncHttpClient | None = None,
    ) -> None:
        self._default = checked(Endpoint(base_url, api_key_env)) if base_url else None
        self._timeout_s = timeout_s
        self._client = client
        self._async_client = async_client
        self._own_client: httpx.Client | None = None
        # Connections belong to the event loop that opened them; a second asyncio.run needs its own.
        self._own_async_clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._lock = threading.Lock()

    def complete(self, call: Call) -> Answer:
        """The whole answer.

        Raises:
            ProviderError: no connection, time-out, a status that is not 2xx, or a body that is no completion.
        """
        sending = self._sending(call, stream=False)
        with _failures(sending.source), self._sync().stream("POST", sending.url, **sending.options) as response:
            reader = AnswerReader(sending.source, response.status_code, sending.timeout_s)
            for piece in response.iter_bytes():
                reader.feed(piece)
        return reader.answer()

    async def acomplete(self, call: Call) -> Answer:
        """As `complete`, without blocking the event loop."""
        sending = self._sending(call, stream=False)
        with _failures(sending.source):
            async with self._async().stream("POST", sending.url, **sending.options) as response:
                reader = AnswerReader(sending.source, response.status_code, sending.timeout_s)
                async for piece in response.aiter_bytes():
                    reader.feed(piece)
        return reader.answer()

    def stream(self, call: Call) -> Generator[Chunk, None, None]:
        """The chunks of the answer; `raw` is the parsed JSON of the event.

        Raises:
            ProviderError: as `complete`, and if the stream ends in the middle of the answer.
        """
        sending = self._sending(call, stream=True)
        with _failures(sending.source), self._sync().stream("POST", sending.url, **sending.options) as response:
            reader = ChunkReader(sending.source, response.status_code)
            for piece in response.iter_bytes():
                yield from reader.feed(piece)
            yield from reader.end()

    async def astream(self, call: Call) -> AsyncGenerator[Chunk, None]:
        """As `stream`, without blocking the event loop."""
        sending = self._sending(call, stream=True)
        with _failures(sending.source):
            async with self._async().stream("POST", sending.url, **sending.options) as response:
                reader = ChunkReader(sending.source, response.status_code)
                async for piece in response.aiter_bytes():
                    for chunk in reader.feed(piece):
                        yield chunk
                for chunk in reader.end():
                    yield chunk

    def close(self) -> None:
        """Close the connections that were opened here."""
        if self._own_client is not None:
            self._own_client.close()
            self._own_client = None

    async def aclose(self) -> None:
        """Close the connections of the running event loop, and the synchronous ones."""
        client = self._own_async_clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()
        self.close()

    def _sync(self) -> HttpClient:
        if self._client is not None:
            return self._client
        with self._lock:  # two first calls at once must not open two pools
            if self._own_client is None:
                self._own_client = httpx.Client(limits=LIMITS, trust_env=False)
            return self._own_client

    def _async(self) -> AsyncHttpClient:
        if self._async_client is not None:
            return self._async_client
        loop = asyncio.get_running_loop()
        with self._lock:
            client = self._own_async_clients.get(loop)
            if client is None:
                self._own_async_clients = {k: v for k, v in self._own_async_clients.items() if not k.is_closed()}
                client = self._own_async_clients[loop] = httpx.AsyncClient(limits=LIMITS, trust_env=False)
            return client

    def _sending(self, call: Call, *, stream: bool) -> _Sending:
        endpoint = endpoint_of(call.model, self._default)
        key = endpoint.key()  # read now, so that a missing key fails before anything is sent
        timeout_s = self._timeout_s if call.timeout_s is None else call.timeout_s
        connect_s = min(CONNECT_TIMEOUT_S, timeout_s)
        options: dict[str, Any] = {
            "content": request_body(call, stream=stream),
            "headers": {"Content-Type": "application/json", "User-Agent": USER_AGENT},
            "follow_redirects": False,
            "timeout": (connect_s, timeout_s, timeout_s, connect_s),
        }
        if key:
            options["auth"] = endpoint.authorise
        label = f"{call.model.name} at {endpoint.base_url}"
        return _Sending(endpoint.url, Source(label, endpoint.redacted), timeout_s, options)


@dataclass(frozen=True, slots=True)
class _Sending:
    """One request, ready for either kind of client."""

    url: str
    source: Source
    timeout_s: float
    options: dict[str, Any]


@contextmanager
def _failures(source: Source) -> Iterator[None]:
    """Turn the client's own errors into provider errors.

    They are told apart by the names of their base classes, which httpx and httpx2 share; the classes are not related.
    """
    try:
        yield
    except Exception as error:  # the two clients share no base class; what is not theirs goes on
        names = {base.__name__ for base in type(error).__mro__}
        if "TimeoutException" in names:
            error_type = "timeout"
        elif "TransportError" in names:
            error_type = "connection"
        else:
            raise
        text = f"{source.label} did not answer: {str(error) or type(error).__name__}"
        raise ProviderError(text, error_type=error_type, retryable=True) from error
