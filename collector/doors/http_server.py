"""uvicorn in a thread, set up for exporters: bounded, quiet, and with a clear answer to gRPC."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from shadowroute.collector.doors.metrics import Metrics
from shadowroute.collector.errors import StoreError

GRPC_ADVICE: Final = (
    "this is OTLP/HTTP, not gRPC; set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, "
    "or put an OpenTelemetry Collector in front"
)
DRAIN_S: Final = 10
"""Seconds that requests under way may take once the server stops."""

_CONNECTIONS: Final = 512
_HTTP2_PREFACE: Final = b"PRI * HTTP/2"


class Server(uvicorn.Server):
    """A server that other threads can wait for. Outside the main thread uvicorn installs no signal handlers."""

    def wait_until_started(self, timeout_s: float = 10.0) -> None:
        """Block until the port answers.

        Raises:
            StoreError: no answer within the time-out.
        """
        deadline = time.monotonic() + timeout_s
        while not self.started:
            if time.monotonic() > deadline:
                raise StoreError(f"the collector did not start within {timeout_s:g} s; see its log")
            time.sleep(0.002)


def http_server(routes: Sequence[Route], metrics: Metrics) -> Server:
    """A server for these routes; the caller gives it a socket and a loop."""
    config = uvicorn.Config(
        Starlette(routes=list(routes)),
        http=_protocol(metrics),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=DRAIN_S,
        server_header=False,
    )
    return Server(config)


def _protocol(metrics: Metrics) -> type[H11Protocol]:
    """HTTP/1.1 that recognises gRPC: the commonest wrong exporter would otherwise only see a broken connection."""

    class Protocol(H11Protocol):
        def data_received(self, data: bytes) -> None:
            if not data.startswith(_HTTP2_PREFACE):
                super().data_received(data)
                return
            metrics.refuse(415, "application/grpc", GRPC_ADVICE)
            body = GRPC_ADVICE.encode() + b"\n"
            head = f"HTTP/1.1 415 Unsupported Media Type\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}"
            self.transport.write(head.encode() + b"\r\nconnection: close\r\n\r\n" + body)
            self.transport.close()

    return Protocol
