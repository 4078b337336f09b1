"""OTLP JSON bodies into the protobuf messages.

OTLP/JSON is protobuf's JSON mapping with one exception: trace and span ids are hex, not base64. So the ids are
rewritten where they can stand, and protobuf's own parser does the rest.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from google.protobuf.json_format import ParseDict, ParseError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shadowroute.collector.otlp.limits import RefusalError

_ID_FIELDS: Final = ("traceId", "spanId", "parentSpanId")
_Message = TypeVar("_Message", ExportTraceServiceRequest, ExportLogsServiceRequest)


def traces_from_json(body: bytes) -> ExportTraceServiceRequest:
    """A JSON trace request.

    Raises:
        RefusalError: 400, the body is no such document.
    """
    document = load_object(body)
    for span in _items(document, "resourceSpans", "scopeSpans", "spans"):
        _ids_to_base64(span)
        for link in _list(span, "links"):
            _ids_to_base64(link)
    return _parse(document, ExportTraceServiceRequest())


def logs_from_json(body: bytes) -> ExportLogsServiceRequest:
    """A JSON log request.

    Raises:
        RefusalError: 400, the body is no such document.
    """
    document = load_object(body)
    for record in _items(document, "resourceLogs", "scopeLogs", "logRecords"):
        _ids_to_base64(record)
    return _parse(document, ExportLogsServiceRequest())


def load_object(body: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        RefusalError: 400, the body is not JSON, or no object.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "body must be JSON"
        raise RefusalError(400, f"{reason}, got {len(body)} bytes that do not parse ({error})", kind=reason) from error
    if not isinstance(document, dict):
        raise RefusalError(400, f"body must be a JSON object, got {type(document).__name__}", kind="body must be JSON")
    return document


def _parse(document: dict[str, Any], message: _Message) -> _Message:
    try:
        return ParseDict(document, message, ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, RecursionError) as error:
        reason = f"body must be a JSON {type(message).__name__}"
        raise RefusalError(400, f"{reason} ({str(error)[:300]})", kind=reason) from error


def _items(document: Mapping[str, Any], *path: str) -> Iterator[dict[str, Any]]:
    """Objects at a path of lists; whatever has another shape is left to the parser, which names it."""
    name, *rest = path
    for item in _list(document, name):
        if rest:
            yield from _items(item, *rest)
        else:
            yield item


def _list(parent: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    value = parent.get(name)
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _ids_to_base64(holder: dict[str, Any]) -> None:
    for name in _ID_FIELDS:
        value = holder.get(name)
        if not isinstance(value, str):
            continue
        try:
            holder[name] = base64.b64encode(bytes.fromhex(value)).decode()
        except ValueError as error:
            raise RefusalError(400, f"{name} must be hex, got {value[:64]!r}", kind=f"{name} must be hex") from error
