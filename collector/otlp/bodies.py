"""OTLP bodies into the protobuf messages.

OTLP/JSON is protobuf's JSON mapping with one exception: trace and span ids are hex, not base64. So the ids are
rewritten in the fields that may hold them, and protobuf's own parser does the rest.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shadowroute.collector.otlp.limits import RefusalError
from shadowroute.collector.otlp.other_signals import check_json_signal, check_protobuf_signal

_ID_FIELDS: Final = ("traceId", "spanId", "parentSpanId")
_PATHS: Final[Mapping[type[Message], tuple[str, ...]]] = {
    ExportTraceServiceRequest: ("resourceSpans", "scopeSpans", "spans"),
    ExportLogsServiceRequest: ("resourceLogs", "scopeLogs", "logRecords"),
}
"""Paths of the items with ids."""
_Message = TypeVar("_Message", bound=Message)


def from_protobuf(body: bytes, kind: type[_Message]) -> _Message:
    """The request of a protobuf body.

    Raises:
        RefusalError: 400, the body is no such message, or one of another signal.
    """
    try:
        request = kind.FromString(body)
    except DecodeError as error:
        check_protobuf_signal(body, None, kind)
        reason = f"body must be a protobuf {kind.__name__}"
        raise RefusalError(400, f"{reason}, got {len(body)} bytes that do not parse ({error})", kind=reason) from error
    check_protobuf_signal(body, request, kind)
    return request


def from_json(body: bytes, kind: type[_Message]) -> _Message:
    """The request of a JSON body.

    Raises:
        RefusalError: 400, the body is no such document, or one of another signal.
    """
    document = load_object(body)
    check_json_signal(document, kind)
    for item in _items(document, *_PATHS[kind]):
        _ids_to_base64(item)
        for link in _list(item, "links"):
            _ids_to_base64(link)
    try:
        return ParseDict(document, kind(), ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, RecursionError) as error:
        reason = f"body must be a JSON {kind.__name__}"
        raise RefusalError(400, f"{reason} ({str(error)[:300]})", kind=reason) from error


def load_object(body: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        RefusalError: 400, the body is not a JSON object.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "body must be JSON"
        raise RefusalError(400, f"{reason}, got {len(body)} bytes that do not parse ({error})", kind=reason) from error
    if not isinstance(document, dict):
        raise RefusalError(400, f"body must be a JSON object, got {type(document).__name__}", kind="body must be JSON")
    return document


def _items(document: Mapping[str, Any], *path: str) -> Iterator[dict[str, Any]]:
    """Objects at a path of lists; other shapes are left to the parser, which reports them."""
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
