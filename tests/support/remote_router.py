"""A service on a real socket that chooses models as a test says, and keeps every question it was asked."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One scripted reply. `hold` is waited for before anything is said."""

    body: bytes = b'{"selected_roster_id": "small"}'
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


class RemoteRouter(ThreadingHTTPServer):
    """Plays `script` first, then always chooses the small model."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: deque[Reply] = deque()
        self.questions: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.server_address[1]}/route"


class _Handler(BaseHTTPRequestHandler):
    server: RemoteRouter
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.questions.append(json.loads(body))
        self.server.authorizations.append(self.headers.get("Authorization"))
        reply = self.server.script.popleft() if self.server.script else Reply()
        if reply.hold is not None:
            reply.hold.wait(30)
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
        except OSError:
            self.close_connection = True  # the other side is tired of waiting

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


@contextmanager
def remote_router() -> Iterator[RemoteRouter]:
    """A service that is listening."""
    server = RemoteRouter()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
