"""An OTLP/HTTP endpoint that keeps what it is sent, for tests of the SDK alone."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


class OtlpSink(ThreadingHTTPServer):
    """Collects spans as (name, attributes)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        """What goes into `export.to`."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def by_role(self, role: str) -> list[dict[str, Any]]:
        """Attributes of the spans with this role."""
        return [attributes for _, attributes in self.spans if attributes.get("llm_router.role") == role]


class _Handler(BaseHTTPRequestHandler):
    server: OtlpSink

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Keep the test output quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        self.server.spans += [
            (span.name, {attribute.key: _value(attribute.value) for attribute in span.attributes})
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()


def _value(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")


@contextmanager
def otlp_sink() -> Iterator[OtlpSink]:
    """A running endpoint, stopped at the end of the block."""
    with OtlpSink() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="otlp-sink", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
