"""A collector on a real socket that answers as a script says, and keeps every body it was sent."""

from __future__ import annotations

import gzip
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Answer:
    """One scripted answer. `status` 0 cuts the connection; `hold` is waited for before anything is said."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/x-protobuf"
    headers: dict[str, str] = field(default_factory=dict)
    close_after: bool = False
    hold: threading.Event | None = None


class ScriptedCollector(ThreadingHTTPServer):
    """Plays `script` first, then takes everything."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: deque[Answer] = deque()
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0

    @property
    def url(self) -> str:
        """What goes into `export.to`."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def names(self) -> list[str]:
        """Names of all spans, in order, as often as they were sent."""
        return [
            span.name
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(gzip.decompress(body)).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedCollector
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Keep the test output quiet."""

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.headers.append({**self.headers, ":path": self.path})
        answer = self.server.script.popleft() if self.server.script else Answer()
        if answer.hold is not None:
            answer.hold.wait(10)
        if answer.status == 0:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        self.close_connection = answer.close_after


@contextmanager
def scripted_collector() -> Iterator[ScriptedCollector]:
    """A running collector, stopped at the end of the block."""
    with ScriptedCollector() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="scripted-collector", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
