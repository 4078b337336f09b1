"""OpenAI-compatible chat completions over HTTP."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import httpx

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import Answer
from shadow.errors import ProviderError
from shadow.providers.endpoint import Endpoint, checked, endpoint_of
from shadow.providers.lean_client import LeanAsyncClient
from shadow.providers.openai_wire import AnswerReader, ChunkReader, Source, refuses_options, request_body
from shadow.providers.protocol import Call
from shadow.providers.times import Times
from shadow.providers.transports import (
    AsyncHttpClient,
    HttpClient,
    HttpResponse,
    allow_reads_of,
    aread_rest,
    close_after_its_loop,
    load_clients,
    new_async_client,
    new_client,
    read_rest,
    transport_failures,
)
from shadow.runtime.frozen import quickly_made

DEFAULT_TIMEOUT_S = 600.0
"""Long answers take minutes; `timeout_s` sets a shorter limit."""

CONNECT_TIMEOUT_S = 5.0
USER_AGENT = "shadowroute"


class OpenAIHttp:
    """Calls OpenAI-compatible endpoints.

    Redirects are never followed and proxies of the environment are ignored, so that a key reaches only its configured
    host. Keys are read from the environment when a request is sent, and never stored.

    Args:
        base_url: address for models without their own `base_url` in the catalogue.
        api_key_env: environment variable with the key for `base_url`.
        timeout_s: seconds for a whole answer; in a stream, the longest silence.
        client: an httpx-compatible client, which is not closed here; None = an own one.
        async_client: the same for the asynchronous methods; None = an own one per event loop.
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
        # Connections belong to one event loop; a second asyncio.run needs its own.
        self._own_async_clients: dict[asyncio.AbstractEventLoop, LeanAsyncClient] = {}
        self._optionless: set[str] = set()
        self._lock = threading.Lock()
        if client is None or async_client is None:
            load_clients()
        weakref.finalize(self, _drop_ended, self._own_async_clients)  # for callers that close nothing

    def complete(self, call: Call) -> Answer:
        """The whole answer.

        Raises:
            ProviderError: no connection, time-out, a status that is not 2xx, or a body that is no completion.
        """
        sending = self._sending(call, stream=False)
        with (
            sending.failures(),
            self._sync().stream("POST", sending.url, **sending.options) as response,
        ):
            reader = sending.answer_reader(response)
            for piece in response.iter_bytes():
                reader.feed(piece)
        return reader.answer()

    async def acomplete(self, call: Call) -> Answer:
        """As `complete`, without blocking the event loop."""
        sending = self._sending(call, stream=False)
        with sending.failures():
            async with self._async().stream("POST", sending.url, **sending.options) as response:
                reader = sending.answer_reader(response)
                async for piece in response.aiter_bytes():
                    reader.feed(piece)
        return reader.answer()

    def stream(self, call: Call) -> Generator[Chunk, None, None]:
        """The chunks of the answer; `raw` is the parsed JSON of the event.

        Raises:
            ProviderError: as `complete`, and if the stream ends in the middle of the answer.
        """
        while True:
            sending = self._sending(call, stream=True, first_read_s=call.first_chunk_s)
            try:
                with (
                    sending.failures(),
                    self._sync().stream("POST", sending.url, **sending.options) as response,
                ):
                    reader = sending.chunk_reader(response)
                    allow_reads_of(response, sending.times.silence_s)
                    pieces = response.iter_bytes()
                    for piece in pieces:
                        yield from reader.feed(piece)
                        if reader.is_done:
                            read_rest(response, pieces)
                            return
                    yield from reader.end()
                    return
            except ProviderError as error:
                if not self._leaves_options_out(sending, error):
                    raise

    async def astream(self, call: Call) -> AsyncGenerator[Chunk, None]:
        """As `stream`, without blocking the event loop."""
        while True:
            sending = self._sending(call, stream=True)
            try:
                with sending.failures():
                    async with self._async().stream("POST", sending.url, **sending.options) as response:
                        reader = sending.chunk_reader(response)
                        pieces = response.aiter_bytes()
                        async for piece in pieces:
                            for chunk in reader.feed(piece):
                                yield chunk
                            if reader.is_done:
                                await aread_rest(pieces)
                                return
                        for chunk in reader.end():
                            yield chunk
                        return
            except ProviderError as error:
                if not self._leaves_options_out(sending, error):
                    raise

    def _leaves_options_out(self, sending: _Sending, error: ProviderError) -> bool:
        """Whether the endpoint refused the options of a stream for the first time; from now on it gets none."""
        if not sending.has_options or not refuses_options(error):
            return False
        self._optionless.add(sending.url)
        return True

    def close(self) -> None:
        """Close own connections."""
        if self._own_client is not None:
            self._own_client.close()
            self._own_client = None
        _drop_ended(self._own_async_clients)

    async def aclose(self) -> None:
        """Close the connections of the running event loop, and the synchronous ones."""
        client = self._own_async_clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()
        self.close()

    def _sync(self) -> HttpClient:
        if self._client is not None:
            return self._client
        with self._lock:  # two simultaneous first calls must not open two pools
            if self._own_client is None:
                self._own_client = new_client()
            return self._own_client

    def _async(self) -> AsyncHttpClient:
        if self._async_client is not None:
            return self._async_client
        loop = asyncio.get_running_loop()
        with self._lock:
            client = self._own_async_clients.get(loop)
            if client is None:
                _drop_ended(self._own_async_clients)
                client = self._own_async_clients[loop] = new_async_client()
            return client

    def _sending(self, call: Call, *, stream: bool, first_read_s: float | None = None) -> _Sending:
        endpoint = endpoint_of(call.model, self._default)
        key = endpoint.key()  # read now, so that a missing key fails before the request
        times = Times.of(call, self._timeout_s)
        connect_s = min(CONNECT_TIMEOUT_S, times.first_chunk_s)
        read_s = times.silence_s if first_read_s is None else times.first_chunk_s
        has_options = stream and endpoint.url not in self._optionless
        options: dict[str, Any] = {
            "content": request_body(call, stream=stream, options=has_options),
            "headers": {"Content-Type": "application/json", "User-Agent": USER_AGENT},
            "follow_redirects": False,
            "timeout": (connect_s, read_s, times.silence_s, connect_s),
        }
        if key:
            options["auth"] = endpoint.authorise
        label = f"{call.model.name} at {endpoint.base_url}"
        return _Sending(endpoint.url, Source(label, endpoint.redacted), times, call.on_headers, options, has_options)


def _drop_ended(clients: dict[asyncio.AbstractEventLoop, LeanAsyncClient]) -> None:
    for loop in [loop for loop in clients if loop.is_closed()]:
        close_after_its_loop(clients.pop(loop))


@quickly_made
@dataclass(frozen=True, slots=True)
class _Sending:
    """One request, ready for either kind of client."""

    url: str
    source: Source
    times: Times
    on_headers: Callable[[Mapping[str, str]], None]
    options: dict[str, Any]
    has_options: bool

    def answer_reader(self, response: HttpResponse) -> AnswerReader:
        """A reader for the body of a response."""
        self.on_headers(response.headers)
        return AnswerReader(self.source, response.status_code, response.headers, self.times)

    def chunk_reader(self, response: HttpResponse) -> ChunkReader:
        """As `answer_reader`, for a stream."""
        self.on_headers(response.headers)
        return ChunkReader(self.source, response.status_code, response.headers, self.times)

    def failures(self) -> AbstractContextManager[None]:
        """Turns errors of the client into provider errors."""
        return transport_failures(self.source.label, self.source.redacted)
