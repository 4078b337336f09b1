"""HTTP/1.1 with limits for the time and size of a request's head.

uvicorn limits the idle time of a connection after a request, but not the time of a head: a client that
sends a byte a minute would keep its connection for ever (slowloris).
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES: Final = 65_536


class BoundedProtocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        head_timeout_s: seconds from the opened connection, or from a further request's first byte, to its last header.
    """

    head_timeout_s: ClassVar[float]
    _timer: asyncio.TimerHandle | None = None
    _is_in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Expect the first request."""
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Take received bytes."""
        if self._is_in_head:
            self._start_timer()
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > MOST_HEAD_BYTES:
            self._end(431, b"Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        """The head is complete; the application limits the body."""
        self._is_in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next bytes are the head of a further request."""
        super().on_message_complete()
        self._is_in_head = True
        self._head_bytes = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_timeout_s, self._end, 408, b"Request Timeout")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, status: int, phrase: bytes) -> None:
        """Answer with the reason and close, unless an earlier request of this connection is being answered."""
        self._stop_timer()
        busy = self.cycle is not None and not self.cycle.response_complete
        if not busy and not self.transport.is_closing():
            head = b"HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(head % (status, phrase))
        self.transport.close()


def protocol_with(head_timeout_s: float) -> type[HttpToolsProtocol]:
    """The protocol class for a server; uvicorn makes the instances."""
    return type("Protocol", (BoundedProtocol,), {"head_timeout_s": head_timeout_s})
