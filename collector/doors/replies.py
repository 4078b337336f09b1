"""Answers of the OTLP/HTTP protocol, in the encoding of the request."""

from __future__ import annotations

from typing import Any, Final, Literal

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from starlette.responses import JSONResponse, Response

from shadowroute.collector.otlp.limits import RefusalError

Encoding = Literal["application/x-protobuf", "application/json"]
PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

_GRPC_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}


def traces_stored(encoding: Encoding, rejected: int, message: str) -> Response:
    """200, with partial_success if spans were rejected."""
    told = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message) if rejected else None
    return _encoded(encoding, ExportTraceServiceResponse(partial_success=told))


def logs_stored(encoding: Encoding, rejected: int, message: str) -> Response:
    """200, with partial_success if records were rejected."""
    told = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message) if rejected else None
    return _encoded(encoding, ExportLogsServiceResponse(partial_success=told))


def refused(refusal: RefusalError, encoding: Encoding) -> Response:
    """A google.rpc.Status with the reason; Retry-After where the same body may succeed later."""
    headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body is not wanted
    code = _GRPC_CODES.get(refusal.status, 13)
    if encoding == JSON:
        return JSONResponse({"code": code, "message": refusal.reason}, refusal.status, headers)
    return Response(rpc_status(code, refusal.reason), refusal.status, headers, media_type=PROTOBUF)


def rpc_status(code: int, message: str) -> bytes:
    """A google.rpc.Status: its code and message are the same two fields, and its own package is not needed here."""
    return ExportTracePartialSuccess(rejected_spans=code, error_message=message).SerializeToString()


def _encoded(encoding: Encoding, reply: Message) -> Response:
    body: Any = MessageToJson(reply, indent=None) if encoding == JSON else reply.SerializeToString()
    return Response(body, media_type=encoding)
