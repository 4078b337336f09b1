"""Helpers for ASGI: https://asgi.readthedocs.io."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from shadow.runtime.frozen import quickly_made

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON: Final[Header] = (b"content-type", b"application/json")
EVENTS: Final = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"))


@quickly_made
@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = (JSON,)


def json_bytes(document: Any) -> bytes:
    """Compact JSON in UTF-8. A lone surrogate, which UTF-8 does not allow, is escaped."""
    try:
        return _as_is(document).encode()
    except UnicodeEncodeError:
        return json.dumps(document, separators=(",", ":")).encode()


_as_is = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_response(document: Any, status: int = 200, headers: Iterable[Header] = ()) -> Response:
    """A JSON answer."""
    return Response(status, json_bytes(document), (JSON, *headers))


async def respond(send: Send, response: Response) -> None:
    """Send a whole answer."""
    length = (b"content-length", str(len(response.body)).encode())
    await send({"type": "http.response.start", "status": response.status, "headers": [*response.headers, length]})
    await send({"type": "http.response.body", "body": response.body})


def header_of(scope: Scope, name: bytes) -> str:
    """The first header of that (lower-case) name, empty if there is none."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""
