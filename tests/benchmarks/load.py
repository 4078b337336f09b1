"""Sends chat completions over many connections and times the answers.

Written on bare asyncio protocols: the generator shares the machine with what it measures, so it must cost little.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import uvloop

WAIT_AFTER_S = 30.0
"""Seconds that answers may still take after the last request was sent."""


@dataclass
class Load:
    """What came back.

    Attributes:
        latencies_s: of every answer with status 200; at a fixed rate, from when the request was due.
        statuses: answers by HTTP status; 0 counts connections that broke.
        seconds: from the first request to the last answer.
    """

    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def errors(self) -> int:
        """Requests without a 200."""
        return self.statuses.total() - self.statuses[200]

    @property
    def per_second(self) -> float:
        """Answers with status 200."""
        return self.statuses[200] / self.seconds


@dataclass(frozen=True)
class Target:
    """Where requests go.

    Attributes:
        url: of chat completions.
        body: JSON of every request.
        headers: beside those of every request.
        ids: header that carries an id of its own for each request; empty = none.
        name: what the ids begin with.
    """

    url: str
    body: bytes
    headers: tuple[str, ...] = ()
    ids: str = ""
    name: str = "request"

    def requests(self) -> Iterator[bytes]:
        """The bytes of one request after the other."""
        parts = urlsplit(self.url)
        lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(self.body)}", *self.headers]
        head = "\r\n".join(lines).encode()
        number = 0
        while True:
            named = f"\r\n{self.ids}: {self.name}-{number}" if self.ids else ""
            yield head + named.encode() + b"\r\n\r\n" + self.body
            number += 1


class _Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, free: Callable[[_Connection], None], load: Load) -> None:
        self._free = free
        self._load = load
        self._received = b""
        self._began = 0.0
        self.is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self._free(self)

    def send(self, request: bytes, began: float) -> None:
        self._began, self.is_busy = began, True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length_of(head):
            return
        status = int(head[9:12])
        if status == 200:
            self._load.latencies_s.append(time.perf_counter() - self._began)
        self._load.statuses[status] += 1
        self._received, self.is_busy = b"", False
        self._free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_busy:
            self._load.statuses[0] += 1
            self.is_busy = False

    def close(self) -> None:
        self._transport.close()


def _length_of(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def drive(target: Target, *, connections: int, seconds: float, per_second: float = 0.0) -> Load:
    """Load the target.

    Args:
        target: where requests go.
        connections: how many at a time.
        seconds: how long requests are sent.
        per_second: rate at which they are due; 0 = each connection sends the next one after its answer.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_drive(target, connections, seconds, per_second))


async def _drive(target: Target, connections: int, seconds: float, per_second: float) -> Load:
    loop, load, requests = asyncio.get_running_loop(), Load(), target.requests()
    started = time.perf_counter()
    ends = started + seconds
    idle: deque[_Connection] = deque()
    due: deque[float] = deque()

    def free(connection: _Connection) -> None:
        now = time.perf_counter()
        if per_second and due:
            connection.send(next(requests), due.popleft())
        elif per_second or now >= ends:
            idle.append(connection)
        else:
            connection.send(next(requests), now)

    parts = urlsplit(target.url)
    made = [
        (await loop.create_connection(lambda: _Connection(free, load), parts.hostname or "", parts.port or 80))[1]
        for _ in range(connections)
    ]
    sent = 0
    while per_second and time.perf_counter() < ends:
        while (at := started + sent / per_second) <= time.perf_counter():
            sent += 1
            if idle:
                idle.popleft().send(next(requests), at)
            else:
                due.append(at)
        await asyncio.sleep(0.001)
    if not per_second:
        await asyncio.sleep(seconds)
    given_up = time.perf_counter() + WAIT_AFTER_S
    while any(connection.is_busy for connection in made) and time.perf_counter() < given_up:  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    load.seconds = time.perf_counter() - started
    for connection in made:
        connection.close()
    load.statuses[0] += len(due)
    await asyncio.sleep(0)
    return load
