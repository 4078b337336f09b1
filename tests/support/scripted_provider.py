"""A provider of raw bytes on a real socket: every connection is played by a script that a test wrote.

`fake_openai` speaks HTTP properly. Here nothing is proper unless the script says so: silence, single bytes, resets and
bodies that are no protocol at all.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

LONGEST_S = 120.0
"""A script that waits for a client which never leaves ends then."""


class Wire:
    """One connection, after its request was read."""

    def __init__(
        self, connection: socket.socket, headers: bytes, body: dict[str, Any], closing: threading.Event
    ) -> None:
        self._connection = connection
        self._closing = closing
        self.headers = headers
        self.body = body

    def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(content)

    def reset(self) -> None:
        """End the connection with a TCP reset, as a crashed provider does."""
        time.sleep(0.02)  # else the reset overtakes what was already sent
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def wait_until_left(self) -> None:
        """Keep silent until the client closes the connection, or the server ends."""
        self._connection.settimeout(0.05)
        ends = time.monotonic() + LONGEST_S
        while time.monotonic() < ends and not self._closing.is_set():
            try:
                if not self._connection.recv(1024):
                    return
            except TimeoutError:
                continue
            except OSError:
                return


Play = Callable[[Wire], None]


def head(status: int, headers: Mapping[str, str], kind: str = "application/json") -> bytes:
    """Status line and headers; the end of the connection is the end of the body."""
    lines = [f"HTTP/1.1 {status} x", f"Content-Type: {kind}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def event(data: Any) -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data)
    return f"data: {text}\n\n".encode()


def delta(text: str, finish_reason: str | None = None, model: str = "a") -> bytes:
    """One chunk of a completion."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return event({"id": "c-1", "object": "chat.completion.chunk", "model": model, "choices": [choice]})


USAGE = event({"id": "c-1", "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}})
DONE = event("[DONE]")


def says(text: str = "fine") -> Play:
    """A proper answer, whole or as a stream, as the request asks."""

    def play(wire: Wire) -> None:
        model = wire.body["model"]
        if wire.body.get("stream"):
            chunks = delta(text, model=model) + delta("", "stop", model) + USAGE + DONE
            wire.send(head(200, {}, "text/event-stream") + chunks)
            return
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        body = {"id": "c-1", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}
        wire.send(head(200, {}) + json.dumps(body).encode())

    return play


def refuses(status: int, body: Any = None, **headers: str) -> Play:
    """An error; an underscore in a header's name is a dash."""
    content = json.dumps({"error": {"message": f"refused with {status}"}} if body is None else body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda wire: wire.send(head(status, named) + content)


def sends(*pieces: bytes, then: str = "close") -> Play:
    """Bytes as they are; then the connection ends, by `reset` or otherwise, or `silence`."""

    def play(wire: Wire) -> None:
        for piece in pieces:
            wire.send(piece)
        if then == "reset":
            wire.reset()
        elif then == "silence":
            wire.wait_until_left()

    return play


def drips(first: bytes, forever: bytes, *, every_s: float = 0.02) -> Play:
    """Some bytes, then one byte after the other until the client has enough of it."""

    def play(wire: Wire) -> None:
        wire.send(first)
        for _ in range(int(LONGEST_S / every_s)):
            for byte in forever:
                time.sleep(every_s)
                wire.send(bytes([byte]))

    return play


def streams(*pieces: bytes, then: str = "close") -> Play:
    """An event stream of these pieces, in chunked encoding; `cut` ends the connection without the last chunk."""
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
    end = [b"0\r\n\r\n"] if then == "close" else []
    return sends(head(200, {"Transfer-Encoding": "chunked"}, "text/event-stream"), *chunks, *end, then=then)


class ScriptedProvider:
    """Plays its scripts in order, one per connection; when they are used up it plays the last one for ever."""

    def __init__(self, plays: Iterable[Play]) -> None:
        self._plays = deque(plays)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self.calls = 0

    @property
    def base_url(self) -> str:
        """What goes into models.yaml."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def serve(self) -> None:
        """Accept connections until `close`."""
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._play, args=(connection,), name="scripted-provider", daemon=True).start()

    def close(self) -> None:
        """End the server and every script that waits."""
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _play(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = _request(connection)
            if request is None:
                return
            with self._lock:
                self.calls += 1
                play = self._plays.popleft() if len(self._plays) > 1 else self._plays[0]
            play(Wire(connection, *request, self._closing))


def _request(connection: socket.socket) -> tuple[bytes, dict[str, Any]] | None:
    """The headers and the JSON of one request; None if the client left, or speaks something else (TLS)."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65_536)
        if not piece or not (received + piece).startswith(b"POST"[: len(received + piece)]):
            return None
        received += piece
    headers, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in headers.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return headers, json.loads(body)


@contextmanager
def scripted(*plays: Play) -> Iterator[ScriptedProvider]:
    """A running provider, ended with the block."""
    provider = ScriptedProvider(plays)
    thread = threading.Thread(target=provider.serve, name="scripted-provider-accept", daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.close()
        thread.join(timeout=10)
