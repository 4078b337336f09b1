"""Bodies of another signal than their path: metrics and logs sent to `/v1/traces`, spans sent to `/v1/logs`.

Protobuf reads the messages of one signal as those of another, and what it does not know is left out. So such a body
would be taken with 200 and be gone. An exporter that has one endpoint for all signals sends them so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shadowroute.collector.otlp.limits import RefusalError

_FIELDS: Final[Mapping[type[Message], tuple[str, str]]] = {
    ExportTraceServiceRequest: ("resourceSpans", "resource_spans"),
    ExportLogsServiceRequest: ("resourceLogs", "resource_logs"),
    ExportMetricsServiceRequest: ("resourceMetrics", "resource_metrics"),
}
"""What the JSON of each must have."""
_NAMES: Final[Mapping[type[Message], str]] = {
    ExportTraceServiceRequest: "spans",
    ExportLogsServiceRequest: "logs",
    ExportMetricsServiceRequest: "metrics",
}
_PATHS: Final[Mapping[type[Message], str]] = {
    ExportTraceServiceRequest: "/v1/traces",
    ExportLogsServiceRequest: "/v1/logs",
}
_ADVICE: Final[Mapping[type[Message], str]] = {
    ExportTraceServiceRequest: "send them to /v1/traces",
    ExportLogsServiceRequest: "send gen_ai.evaluation.result events to /v1/logs, and other logs elsewhere",
    ExportMetricsServiceRequest: "send them elsewhere, or set OTEL_METRICS_EXPORTER=none",
}


def check_json_signal(document: Mapping[str, Any], kind: type[Message]) -> None:
    """Refuse a JSON request of another signal, or of none. An empty one is a request without items.

    Raises:
        RefusalError: 400.
    """
    if not document or any(name in document for name in _FIELDS[kind]):
        return
    for other, names in _FIELDS.items():
        if any(name in document for name in names):
            raise _refusal(other, kind)
    reason = f"body must have {_FIELDS[kind][0]}"
    raise RefusalError(400, f"{reason}, got {', '.join(document)[:100]}", kind=reason)


def check_protobuf_signal(body: bytes, request: Message | None, kind: type[Message]) -> None:
    """Refuse a protobuf body whose messages make sense as those of another signal only.

    Args:
        body: as sent.
        request: what it was read as; None where it could not be.
        kind: of the path.

    Raises:
        RefusalError: 400.
    """
    items = [] if request is None else _items(request)
    if request is not None and (not items or any(map(_is_one, items))):
        return
    for other in _FIELDS:
        if other is not kind and (found := _parsed(body, other)) is not None and any(map(_is_one, _items(found))):
            raise _refusal(other, kind)


def metrics_advice(path: str) -> str:
    """What to do about metrics, which have no place here."""
    return f"metrics sent to {path}; {_ADVICE[ExportMetricsServiceRequest]}"


def _parsed(body: bytes, kind: type[Message]) -> Message | None:
    try:
        return kind.FromString(body)
    except DecodeError:
        return None


def _items(request: Any) -> list[Any]:
    """Spans, log records or metrics."""
    if isinstance(request, ExportTraceServiceRequest):
        return [span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans]
    if isinstance(request, ExportLogsServiceRequest):
        return [item for each in request.resource_logs for scope in each.scope_logs for item in scope.log_records]
    return [item for each in request.resource_metrics for scope in each.scope_metrics for item in scope.metrics]


def _is_one(item: Any) -> bool:
    """Whether an item has what its signal always has, and another's bytes never have in that place."""
    if isinstance(item, Span):
        return len(item.trace_id) == 16 and len(item.span_id) == 8
    if isinstance(item, LogRecord):
        return bool(item.time_unix_nano or item.observed_time_unix_nano or item.event_name)
    return bool(item.name and item.WhichOneof("data"))


def _refusal(sent: type[Message], kind: type[Message]) -> RefusalError:
    what = f"{_NAMES[sent]} sent to {_PATHS[kind]}"
    return RefusalError(400, f"{what}; {_ADVICE[sent]}", kind=what)
