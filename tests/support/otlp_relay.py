"""A relay on a real socket: passes OTLP bodies on to a receiver, and keeps them so that they can be sent again."""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shadowroute.collector.serve import IngestEndpoint

HOP_HEADERS = {"host", "connection", "content-length", "accept-encoding"}


class Relay(ThreadingHTTPServer):
    """Keeps (path, headers, body) of everything that was accepted, as it was on the wire."""

    daemon_threads = True

    def __init__(self, target: IngestEndpoint) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.client = httpx.Client(timeout=60)
        self.bodies: list[tuple[str, Mapping[str, str], bytes]] = []

    @property
    def endpoint(self) -> IngestEndpoint:
        """Where to send, instead of the receiver."""
        return IngestEndpoint(f"http://127.0.0.1:{self.server_address[1]}", self.target.headers)

    def send_again(self) -> None:
        """Posts every body once more, byte for byte."""
        for path, headers, body in self.bodies:
            self.client.post(self.target.url + path, headers=dict(headers), content=body).raise_for_status()

    def send_regrouped(self, size: int, seed: int) -> None:
        """Posts the same spans, shuffled, in batches of another size."""
        spans = [span for _, headers, body in self.bodies for span in _spans(headers, body)]
        random.Random(seed).shuffle(spans)
        headers = {**self.target.headers, "content-type": "application/x-protobuf"}
        for start in range(0, len(spans), size):
            batch = ExportTraceServiceRequest()
            for span in spans[start : start + size]:
                batch.MergeFrom(span)
            url = f"{self.target.url}/v1/traces"
            self.client.post(url, headers=headers, content=batch.SerializeToString()).raise_for_status()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Keep the test output quiet."""

    def do_POST(self) -> None:
        relay = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() not in HOP_HEADERS}
        answer = relay.client.post(relay.target.url + self.path, headers=headers, content=body)
        if answer.is_success:
            relay.bodies.append((self.path, headers, body))
        self.send_response(answer.status_code)
        for name in ("content-type", "retry-after"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)


def _spans(headers: Mapping[str, str], body: bytes) -> Iterator[ExportTraceServiceRequest]:
    """Each span of a body as a request of its own, with its resource and scope."""
    raw = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                alone = ExportTraceServiceRequest()
                kept = alone.resource_spans.add(resource=resource.resource, schema_url=resource.schema_url)
                kept.scope_spans.add(scope=scope.scope, schema_url=scope.schema_url).spans.append(span)
                yield alone


@contextmanager
def otlp_relay(target: IngestEndpoint) -> Iterator[Relay]:
    """A running relay, stopped at the end of the block."""
    with Relay(target) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="otlp-relay", daemon=True)
        thread.start()
        try:
            with server.client:
                yield server
        finally:
            server.shutdown()
            thread.join()
