"""An asynchronous client over one of httpx's transports, with only the functions that calls to providers need.

`httpx.AsyncClient` handles cookies, redirects, proxies and hooks on every request, which takes more than half of the
time of a small request and is not needed here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final

import httpx

COMMON_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
"""Encodings that httpx decodes without further packages."""


class LeanAsyncClient:
    """A small `httpx.AsyncClient`. It follows no redirect and keeps no cookie.

    Args:
        transport: sends requests; closed with the client.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        content: bytes,
        headers: dict[str, str],
        auth: Callable[[Any], Any] | None = None,
        follow_redirects: bool = False,  # noqa: ARG002 - an argument of httpx's client
        timeout: tuple[float, float, float, float],  # noqa: ASYNC109 - the transport's, per step
    ) -> AsyncIterator[httpx.Response]:
        """Send a request; the body is read inside the block."""
        request = httpx.Request(
            method,
            _url(url),
            headers=COMMON_HEADERS | headers,
            content=content,
            extensions={"timeout": dict(zip(("connect", "read", "write", "pool"), timeout, strict=True))},
        )
        if auth is not None:
            auth(request)
        response = await self._transport.handle_async_request(request)
        response.request = request
        try:
            yield response
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


@lru_cache(maxsize=256)
def _url(url: str) -> httpx.URL:
    return httpx.URL(url)
