"""The HTTP clients of the provider, and their failures.

httpx is the interface. Asynchronous requests go through aiohttp's connections if `httpx-aiohttp` is installed (the
extra `shadowroute[aiohttp]`): several times the requests per core. Any client with the same interface may be passed
instead (httpx2, or an httpx client with another transport).
"""

from __future__ import annotations

import asyncio
import codecs
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, suppress
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Protocol

import httpx

from shadow.errors import ProviderError
from shadow.providers.lean_client import LeanAsyncClient

LIMITS: Final = httpx.Limits(max_connections=1000, max_keepalive_connections=100)

REST_S: Final = 0.1
"""Seconds to read on after the end of an answer, as OpenAI's client does."""
MOST_HEADER_BYTES: Final = 64 * 1024
"""Of one header; httpx allows 100 KiB for all of them."""

TIMEOUTS: Final = {"TimeoutException", "TimeoutError"}
CONNECTION_FAILURES: Final = {"TransportError", "ClientError"}
"""Names of base classes, of both httpx and httpx2; `ClientError` is aiohttp's."""


class HttpResponse(Protocol):
    """The used part of a response."""

    @property
    def status_code(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, in any case."""
        ...

    def iter_bytes(self) -> Iterator[bytes]:
        """The decoded body as it arrives."""
        ...

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """As `iter_bytes`, asynchronous."""
        ...


class HttpClient(Protocol):
    """The used part of a synchronous client."""

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
    """The used part of an asynchronous client."""

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


def load_clients() -> None:
    """Import the clients and read the certificates: most of a second, too long for a request."""
    new_client().close()
    new_async_client()
    codecs.lookup("idna")  # for names of hosts


def new_client() -> httpx.Client:
    """An own client. Proxies of the environment are ignored, and cookies are not kept."""
    return httpx.Client(limits=LIMITS, trust_env=False, cookies=_no_cookies(), verify=_authorities())


def new_async_client() -> LeanAsyncClient:
    """As `new_client`, for the running event loop; over aiohttp if that is installed."""
    return LeanAsyncClient(
        _aiohttp_transport() or httpx.AsyncHTTPTransport(limits=LIMITS, trust_env=False, verify=_authorities())
    )


def allow_reads_of(response: Any, read_s: float) -> None:
    """Set the limit for each further read of a response; its headers may have had a shorter one.

    A blocking client takes one limit for all reads of a request, and reads it again when the body begins. If a
    client keeps it elsewhere, the shorter limit stays.
    """
    extensions = getattr(getattr(response, "request", None), "extensions", None) or {}
    limits = extensions.get("timeout")
    if isinstance(limits, dict):
        limits["read"] = read_s


def read_rest(response: Any, pieces: Iterator[bytes]) -> None:
    """Read what follows the end of an answer, usually nothing, so that the connection can be used again.

    The answer is whole: no error and no silence of the connection matters any more. A blocking read has no limit of its
    own at this point, so a timer wakes it up.
    """
    network: Any = (getattr(response, "extensions", None) or {}).get("network_stream")
    connection = None if network is None else network.get_extra_info("socket")
    if not isinstance(connection, socket.socket):
        return  # the connection is closed with the response
    timer = threading.Timer(REST_S, _shut, (connection,))
    timer.daemon = True
    with suppress(Exception):
        timer.start()  # impossible at the end of the interpreter
        for _ in pieces:
            pass
    timer.cancel()


async def aread_rest(pieces: AsyncIterator[bytes]) -> None:
    """As `read_rest`, without blocking the event loop."""
    with suppress(Exception):
        async with asyncio.timeout(REST_S):
            async for _ in pieces:
                pass


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # TLS would first exchange messages


def close_after_its_loop(client: LeanAsyncClient) -> None:
    """Close a client whose event loop has ended, so that the host's log has no warning about it.

    Its connections ended with the loop. The rest needs no waiting, so one step of the coroutine is enough.
    """
    closing = client.aclose()
    with suppress(StopIteration, RuntimeError):
        closing.send(None)
    closing.close()


@contextmanager
def transport_failures(label: str, redacted: Callable[[bytes], bytes]) -> Iterator[None]:
    """Turn the client's own errors into provider errors; other errors pass.

    Args:
        label: of the endpoint, for the message.
        redacted: removes the key from a text; a client's error may quote the request.

    Raises:
        ProviderError: `timeout` or `connection`; another provider may succeed.
    """
    try:
        yield
    except Exception as error:  # the clients share no base class
        error_type = _failure_of(error)
        if not error_type:
            raise
        said = (str(error) or type(error).__name__).encode("utf-8", "replace")
        shown = redacted(said)
        text = f"{label} did not answer: {shown.decode('utf-8', 'replace')}"
        raise ProviderError(text, error_type=error_type, retryable=True) from (error if shown == said else None)


def _failure_of(error: Exception) -> str:
    """`timeout`, `connection`, or empty for an error of no client.

    httpx-aiohttp raises a time-out for every lost connection; its cause, aiohttp's own error, is exact.
    """
    names = _class_names(error)
    if "ClientError" in (cause := _class_names(error.__cause__)):
        names = cause
    if names & TIMEOUTS:
        return "timeout"
    return "connection" if names & CONNECTION_FAILURES else ""


def _class_names(error: BaseException | None) -> set[str]:
    return {base.__name__ for base in type(error).__mro__}


@cache
def _authorities() -> ssl.SSLContext:
    """The trusted certificates. Reading them is slow, so all clients share them."""
    return httpx.create_ssl_context(trust_env=False)


def _no_cookies() -> CookieJar:
    """An empty cookie jar: a cookie for one caller's request must not be sent with the next caller's."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _aiohttp_transport() -> httpx.AsyncBaseTransport | None:
    """The connections of aiohttp under httpx's interface; None if they are not installed."""
    try:
        import aiohttp  # noqa: PLC0415 - an extra
        from httpx_aiohttp import AiohttpTransport  # noqa: PLC0415 - as above
    except ImportError:
        return None

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=LIMITS.max_connections or 0, keepalive_timeout=LIMITS.keepalive_expiry, ssl=transport.ssl_context
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=MOST_HEADER_BYTES,
            max_field_size=MOST_HEADER_BYTES,
        )

    transport = AiohttpTransport(trust_env=False, verify=_authorities(), client=session)
    return transport
