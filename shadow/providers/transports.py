"""The HTTP clients under the provider, and which failures are theirs.

httpx is the interface. Asynchronous requests go through aiohttp's connections where `httpx-aiohttp` is installed (the
extra `shadowroute[aiohttp]`): several times the requests per core. Any client with the same interface may be passed
instead (httpx2, or an httpx client with another transport); nothing else in the package knows which one it is.
"""

from __future__ import annotations

import codecs
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, suppress
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Protocol

import httpx

from shadow.errors import ProviderError
from shadow.providers.lean_client import LeanAsyncClient

LIMITS: Final = httpx.Limits(max_connections=1000, max_keepalive_connections=100)

TIMEOUTS: Final = {"TimeoutException", "TimeoutError"}
CONNECTION_FAILURES: Final = {"TransportError", "ClientError"}
"""Names of base classes. httpx and httpx2 share them without being related; `ClientError` is aiohttp's."""


class HttpResponse(Protocol):
    """What is used of a response."""

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


def load_clients() -> None:
    """Import what clients need and read the certificates: most of a second, which no request may wait for."""
    new_client().close()
    new_async_client()
    codecs.lookup("idna")  # for names of hosts


def new_client() -> httpx.Client:
    """A client of our own. Proxies of the environment are ignored, and no cookie outlives its request."""
    return httpx.Client(limits=LIMITS, trust_env=False, cookies=_no_cookies(), verify=_authorities())


def new_async_client() -> LeanAsyncClient:
    """As `new_client`, for the running event loop; over aiohttp where that is installed."""
    return LeanAsyncClient(
        _aiohttp_transport() or httpx.AsyncHTTPTransport(limits=LIMITS, trust_env=False, verify=_authorities())
    )


def allow_reads_of(response: Any, read_s: float) -> None:
    """Let each further read of a response take this long; its headers may have had less time.

    A blocking client takes one limit for all reads of a request, and looks it up again when the body begins. Where a
    client keeps it elsewhere, the shorter limit stays.
    """
    extensions = getattr(getattr(response, "request", None), "extensions", None) or {}
    limits = extensions.get("timeout")
    if isinstance(limits, dict):
        limits["read"] = read_s


def close_after_its_loop(client: LeanAsyncClient) -> None:
    """Close a client whose event loop has ended, so that nothing complains about it in the host's log.

    Its connections ended with the loop. What is left takes no waiting, so one step of the coroutine is all of it.
    """
    closing = client.aclose()
    with suppress(StopIteration, RuntimeError):
        closing.send(None)
    closing.close()


@contextmanager
def transport_failures(label: str, redacted: Callable[[bytes], bytes]) -> Iterator[None]:
    """Turn the client's own errors into provider errors; whatever is not theirs goes on.

    Args:
        label: who did not answer, for the message.
        redacted: removes the key from a text; a client's error may quote what it could not send.

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
    """`timeout`, `connection`, or empty for an error that no client raised.

    httpx-aiohttp calls every lost connection a time-out. It passes aiohttp's own error on as the cause: that one knows.
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
    """Whose certificates are trusted. Reading them takes as long as many requests, so all clients share them."""
    return httpx.create_ssl_context(trust_env=False)


def _no_cookies() -> CookieJar:
    """A cookie that an upstream sets for one caller's request must not travel with the next caller's."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _aiohttp_transport() -> httpx.AsyncBaseTransport | None:
    """The connections of aiohttp under httpx's interface; None where they are not installed."""
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
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
        )

    transport = AiohttpTransport(trust_env=False, verify=_authorities(), client=session)
    return transport
