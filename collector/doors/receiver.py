"""OTLP/HTTP: `/v1/traces` and `/v1/logs`, and the status of this port.

A sender gets 200 only after its rows are stored. Every other status comes with a reason, and with Retry-After if the
same body may succeed later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pyarrow as pa
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from shadowroute.collector.doors import replies
from shadowroute.collector.doors.auth import Gate
from shadowroute.collector.doors.http_server import GRPC_ADVICE
from shadowroute.collector.doors.metrics import CONTENT_TYPE, Exposition, Metrics
from shadowroute.collector.doors.reading import Budget, read_body
from shadowroute.collector.doors.signals_http import decode_signal
from shadowroute.collector.otlp.bodies import from_json, from_protobuf
from shadowroute.collector.otlp.decode import Decoded, decode_traces
from shadowroute.collector.otlp.limits import Limits, RefusalError
from shadowroute.collector.otlp.logs import decode_logs
from shadowroute.collector.otlp.other_signals import metrics_advice
from shadowroute.collector.otlp.scan import check_json, check_protobuf
from shadowroute.collector.store import Store
from shadowroute.collector.store.writer import WriteError, Writer, body_token

_log = logging.getLogger(__name__)

_ABOUT: Final = """This is shadowroute's OTLP/HTTP receiver, not a page to look at.

POST /v1/traces   spans, application/x-protobuf or application/json, gzip or plain
POST /v1/logs     gen_ai.evaluation.result events
POST /v1/signals  {"request_id" or "response_id", "name", "value"}
GET  /healthz /readyz /metrics /-/status
"""

Handler = Callable[[Request], Awaitable[Response]]
Decode = Callable[[bytes, replies.Encoding, Limits], Decoded]
M = TypeVar("M", bound=Message)
Reply = Callable[[replies.Encoding, int, str], Response]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of OTLP request."""

    counted_as: str
    decode: Decode
    reply: Reply


class Receiver:
    """The handlers of the OTLP port.

    Attributes:
        routes: Starlette routes; another application puts them after its own, because the last refuses any path.
    """

    def __init__(self, store: Store, writer: Writer, gate: Gate, metrics: Metrics, limits: Limits) -> None:
        self._store = store
        self._writer = writer
        self._gate = gate
        self._metrics = metrics
        self._limits = limits
        self._budget = Budget(limits.in_flight_bytes)
        self._decoders = asyncio.Semaphore(2)
        self.routes = [
            Route("/", _about, methods=["GET"]),
            Route("/v1/traces", self._otlp(_TRACES), methods=["POST"]),
            Route("/v1/logs", self._otlp(_LOGS), methods=["POST"]),
            Route("/v1/signals", self._guarded(self._signals), methods=["POST"]),
            Route("/v1/metrics", self._guarded(_refuse_metrics), methods=["POST"]),
            Route("/healthz", _healthy, methods=["GET"]),
            Route("/readyz", self._ready, methods=["GET"]),
            Route("/metrics", self._guarded(self._prometheus), methods=["GET"]),
            Route("/-/status", self._guarded(self._status), methods=["GET"]),
            Route("/{path:path}", self._guarded(_refuse_path), methods=["POST"]),
        ]

    def status(self) -> dict[str, Any]:
        """Counts of stored and refused items since the start."""
        writer = self._writer.stats
        return {
            "schema": "shadowroute/receiver-status/1",
            **self._metrics.snapshot(),
            "in_flight_bytes": self._budget.used,
            "writer": {"inserts": writer.inserts, "rows": writer.rows, "failures": writer.failures}
            | {"insert_seconds": writer.seconds, "waiting_bodies": writer.waiting},
        }

    def _otlp(self, kind: _Kind) -> Handler:
        async def handle(request: Request) -> Response:
            encoding = _encoding(request)
            if encoding is None:
                raise _wrong_type(request)
            async with read_body(request, self._limits, self._budget) as body:
                decoded, rows = await self._decode(kind, body, encoding)
                await self._store_rows(rows, body_token(body))
                self._metrics.stored(kind.counted_as, len(decoded.rows), len(body))
            for reason, count in decoded.reasons.items():
                self._metrics.refuse(200, reason.split(", got ")[0], reason, sender=_sender(request), count=count)
            return kind.reply(encoding, decoded.rejected, decoded.message())

        return self._guarded(handle)

    async def _decode(self, kind: _Kind, body: bytes, encoding: replies.Encoding) -> tuple[Decoded, pa.Table]:
        def work() -> tuple[Decoded, pa.Table]:
            decoded = kind.decode(body, encoding, self._limits)
            return decoded, decoded.rows.arrow()

        async with self._decoders:  # a parsed body is many times its bytes
            return await run_in_threadpool(work)

    async def _store_rows(self, rows: pa.Table, token: str) -> None:
        if rows.num_rows == 0:
            return
        try:
            await asyncio.wrap_future(self._writer.submit(rows, token))
        except WriteError as error:
            raise RefusalError(503, f"the rows are not stored: {error}", kind="store", retry_after_s=2) from error

    async def _signals(self, request: Request) -> Response:
        if _media_type(request) != replies.JSON:
            raise _wrong_type(request)
        async with read_body(request, self._limits, self._budget) as body:
            signal = decode_signal(body)
            await self._store_rows(signal.rows.arrow(), signal.token)
            self._metrics.stored("signals", 1, len(body))
        return JSONResponse({"target": signal.target, "name": signal.name, "time": signal.time})

    async def _status(self, _request: Request) -> Response:
        return JSONResponse(self.status())

    async def _prometheus(self, _request: Request) -> Response:
        writer = self._writer.stats
        gauges = {
            "in_flight_bytes": self._budget.used,
            "waiting_bodies": writer.waiting,
            "insert_seconds": writer.seconds,
        }
        body = Exposition(self._metrics.snapshot()["counts"], gauges).text()
        return Response(body, headers={"content-type": CONTENT_TYPE})

    async def _ready(self, _request: Request) -> Response:
        try:
            await run_in_threadpool(lambda: self._store.reader().command("SELECT 1"))
        except Exception as error:  # noqa: BLE001  # whatever it is, the answer is: not ready, and why
            return JSONResponse({"ready": False, "reason": str(error)[:300]}, 503)
        return JSONResponse({"ready": True})

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                self._gate.check(request.headers)
                return await handler(request)
            except RefusalError as refusal:
                self._metrics.refuse(refusal.status, refusal.kind, refusal.reason, sender=_sender(request))
                return replies.refused(refusal, _encoding(request) or replies.JSON)

        return guarded


def _parsed(body: bytes, encoding: replies.Encoding, limits: Limits, kind: type[M]) -> M:
    if encoding == replies.JSON:
        check_json(body, limits)
        return from_json(body, kind)
    check_protobuf(body, limits)
    return from_protobuf(body, kind)


_TRACES: Final = _Kind(
    "spans",
    lambda body, encoding, limits: decode_traces(_parsed(body, encoding, limits, ExportTraceServiceRequest), limits),
    replies.traces_stored,
)
_LOGS: Final = _Kind(
    "signals",
    lambda body, encoding, limits: decode_logs(_parsed(body, encoding, limits, ExportLogsServiceRequest), limits),
    replies.logs_stored,
)


async def _about(_request: Request) -> Response:
    return PlainTextResponse(_ABOUT)


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _refuse_metrics(_request: Request) -> Response:
    raise RefusalError(404, metrics_advice("/v1/metrics"), kind="metrics sent to /v1/metrics")


async def _refuse_path(request: Request) -> Response:
    """A sender that posts to a wrong path hears 404 from any server; only here somebody can see it."""
    reason = f"nothing is received at {request.url.path[:100]}; spans go to /v1/traces, gen_ai.evaluation.result events"
    raise RefusalError(404, f"{reason} to /v1/logs, single signals to /v1/signals", kind="unknown path")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _encoding(request: Request) -> replies.Encoding | None:
    media_type = _media_type(request)
    if media_type == "application/json":
        return "application/json"
    return "application/x-protobuf" if media_type == "application/x-protobuf" else None


def _wrong_type(request: Request) -> RefusalError:
    media_type = _media_type(request)
    if media_type.startswith("application/grpc"):
        return RefusalError(415, f"{media_type}: {GRPC_ADVICE}", kind="application/grpc")
    also = "" if request.url.path.endswith("/signals") else "application/x-protobuf or "
    reason = f"Content-Type must be {also}application/json, got {media_type[:100]!r}"
    return RefusalError(415, reason, kind="Content-Type")


def _sender(request: Request) -> str:
    return request.headers.get("user-agent", "")
