"""An OTLP endpoint in a process of its own that writes every body to a file, and what such a file holds.

Counting is left for later: the endpoint shares the machine with what is measured.
"""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shadow.telemetry import keys
from tests.benchmarks.measured_process import free_port, program


@contextmanager
def kept_spans(file: Path, core: int) -> Iterator[str]:
    """Address of the endpoint; what it took is in the file when the block ends."""
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "tests.benchmarks.kept_spans", str(port), file]
    with program(command, port=port, core=core, log=file.with_suffix(".log")):
        yield f"http://127.0.0.1:{port}"


def serve(port: int, file: Path) -> None:
    """Take everything, until the process is ended."""
    output = file.open("ab", buffering=0)  # open as long as the process lives

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
            """Quiet."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            output.write(len(body).to_bytes(8, "big") + body)  # one write each, so that threads do not mix
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def rows_by_request(file: Path) -> dict[str, Counter[str]]:
    """How many rows each request id has, per policy: `live` and the shadows by name."""
    rows: dict[str, Counter[str]] = {}
    with file.open("rb") as kept:
        while size := kept.read(8):
            for policy, request_id in _rows(kept.read(int.from_bytes(size, "big"))):
                rows.setdefault(policy, Counter())[request_id] += 1
    return rows


def _rows(body: bytes) -> Iterator[tuple[str, str]]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                if span.name == "route" or span.name.startswith("shadow "):
                    ids = [each.value.string_value for each in span.attributes if each.key == keys.REQUEST_ID]
                    yield "live" if span.name == "route" else span.name.removeprefix("shadow "), ids[0]


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
