"""Reads the body of a request, bounded in size and time."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NoReturn

from shadow.gateway.asgi import Receive, Scope, header_of
from shadow.gateway.refusals import RefusedError


class ClientGoneError(Exception):
    """The client closed its connection before the answer."""


async def read_body(scope: Scope, receive: Receive, *, most_bytes: int, timeout_s: float) -> bytes:
    """The whole body.

    Raises:
        RefusedError: 413 too large (before reading, if the client sends a length), 408 too slow, 415 encoded.
        ClientGoneError: the client left.
    """
    if header_of(scope, b"content-encoding").lower() not in ("", "identity"):
        raise RefusedError(415, "the body must be sent without Content-Encoding", code="unsupported_encoding")
    length = header_of(scope, b"content-length")
    if length.isdecimal() and int(length) > most_bytes:
        raise _too_large(most_bytes)
    pieces = bytearray()
    more = True
    try:
        async with asyncio.timeout(timeout_s):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientGoneError
                pieces += message.get("body", b"")
                more = message.get("more_body", False)
                if len(pieces) > most_bytes:
                    raise _too_large(most_bytes)
    except TimeoutError:
        raise RefusedError(408, f"the body must arrive within {timeout_s:g} s", code="request_timeout") from None
    return bytes(pieces)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        RefusedError: 400, the body is no JSON object, or has a number that no provider can be sent.
    """
    try:
        document = json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body must be a JSON object, got something else", code="invalid_json") from None
    if not isinstance(document, dict):
        raise RefusedError(400, f"the body must be a JSON object, got {type(document).__name__}", code="invalid_json")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    """A number; `1e999` is JSON, but infinite in every language that reads it as a double."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise RefusedError(400, "numbers must be finite, got one beyond 1.8e308", code="invalid_value")
    return number


def _too_large(most_bytes: int) -> RefusedError:
    return RefusedError(
        413, f"the body must be at most {most_bytes:,} bytes (gateway.max_body_bytes)", code="request_too_large"
    )
