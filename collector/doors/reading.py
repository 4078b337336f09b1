"""Reads request bodies within their limits: bytes on the wire, seconds, and bytes of all bodies together."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from shadowroute.collector.doors.wire import zlib_frames
from shadowroute.collector.otlp.limits import MEBIBYTE, Limits, RefusalError

GZIP: Final = 31
"""zlib's window setting for a gzip member."""


class Budget:
    """Bytes that the receiver may hold. Used from one event loop, so it needs no lock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0

    def take(self, size: int) -> None:
        """Reserve bytes.

        Raises:
            RefusalError: 429, too many bytes wait to be stored.
        """
        if self.used + size > self._limit:
            raise RefusalError(
                429,
                f"the receiver holds {self.used:,} bytes that are not stored yet; send again later",
                kind="too many bytes in flight",
                retry_after_s=1,
            )
        self.used += size

    def give_back(self, size: int) -> None:
        """Free reserved bytes."""
        self.used -= size


@asynccontextmanager
async def read_body(request: Request, limits: Limits, budget: Budget) -> AsyncIterator[bytes]:
    """The inflated body; its bytes count against the budget until the block ends.

    Raises:
        RefusalError: 400, 408, 413, 415 or 429; the text says which limit.
    """
    held = 0
    try:
        wire = bytearray()
        _check_length(request, limits)
        try:
            async with asyncio.timeout(limits.read_s):
                async for chunk in request.stream():
                    budget.take(len(chunk))
                    held += len(chunk)
                    wire += chunk
                    _check_size(len(wire), limits)
        except TimeoutError as error:
            reason = f"a body must arrive within {limits.read_s:g} s, got {len(wire):,} bytes by then"
            raise RefusalError(408, reason, kind="slow body") from error
        except ClientDisconnect as error:
            raise RefusalError(400, "the sender closed the connection within the body", kind="cut body") from error
        encoding = request.headers.get("content-encoding", "").strip().lower()
        body = await run_in_threadpool(inflate, bytes(wire), encoding, limits)
        budget.take(len(body))
        held += len(body)
        yield body
    finally:
        budget.give_back(held)


def inflate(body: bytes, encoding: str, limits: Limits) -> bytes:
    """The body without its Content-Encoding.

    Raises:
        RefusalError: 415 for another encoding than gzip, 413 beyond a limit, 400 for a broken stream.
    """
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise RefusalError(415, f"Content-Encoding must be gzip or absent, got {encoding!r}", kind="Content-Encoding")
    ceiling = min(limits.inflated_bytes, max(MEBIBYTE, len(body) * limits.ratio))
    out = bytearray()
    try:
        for piece in zlib_frames(body, GZIP):
            out += piece
            if len(out) > ceiling:
                reason = f"body must inflate to at most {ceiling:,} bytes, got more; send smaller batches"
                raise RefusalError(413, reason, kind="inflated body too large")
    except zlib.error as error:
        reason = f"body must be gzip as its Content-Encoding says ({error})"
        raise RefusalError(400, reason, kind="broken gzip") from error
    except EOFError as error:
        reason = "body must be a whole gzip stream, got a truncated one"
        raise RefusalError(400, reason, kind="broken gzip") from error
    return bytes(out)


def _check_length(request: Request, limits: Limits) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal():
        _check_size(int(announced), limits)


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.body_bytes:
        raise RefusalError(
            413,
            f"body must be at most {limits.body_bytes:,} bytes, got {size:,} or more; send smaller batches",
            kind="body too large",
        )
