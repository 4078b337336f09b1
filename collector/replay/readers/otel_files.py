"""Spans of a file: OTLP as JSON, JSON lines, arrays of requests or protobuf; exports of Tempo, Jaeger and a console.

A span that is broken costs itself, a line that is cut costs itself, and what holds no spans at all is refused by name.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shadow.errors import ConfigError
from shadowroute.collector.otlp.decode import attribute_map
from shadowroute.collector.replay.readers import files
from shadowroute.collector.replay.readers.otel_values import (
    BrokenSpanError,
    attributes_of,
    end_ns,
    parent_id,
    span_id,
    tags_of,
    time_ns,
)
from shadowroute.collector.replay.readers.text_rows import MAY_HOLD_SURROGATE, documents, repaired
from shadowroute.collector.replay.record import Skipped

LENGTH: Final = struct.Struct(">I")
"""Before every message of the file exporter's protobuf form."""
STATUS_ERROR: Final = frozenset({2, "2", "STATUS_CODE_ERROR", "ERROR", "Error"})
MUST: Final = "must hold OTLP traces, as JSON, JSON lines or protobuf, or an export of Tempo or Jaeger"
OTHER_SIGNALS: Final = {
    "resourceMetrics": "metrics", "resource_metrics": "metrics", "resourceLogs": "logs", "resource_logs": "logs",
}  # fmt: skip
TRACE_BYTES: Final = 16
SPAN_BYTES: Final = 8


@dataclass(slots=True, kw_only=True)
class SpanRead:
    """A span as a file holds it: ids in hex, times in epoch nanoseconds, its attributes above those of its resource."""

    place: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    failed: bool
    scope: str
    attributes: Mapping[str, str] = field(repr=False)


Reader = Callable[[Mapping[str, Any], str], SpanRead]
"""Makes a span of an object, or raises a `BrokenSpanError`."""


def spans_of(file: Path) -> Iterator[SpanRead | Skipped]:
    """Every span of a file, and what could not be read.

    Raises:
        ConfigError: the file cannot be read, or holds no spans; the text names what it holds.
    """
    body, cut_off = files.whole(file)
    is_json = body.lstrip(b" \t\r\n\0")[:1] in (b"{", b"[")
    found = seen = False
    others: dict[str, None] = {}
    for each in _of_json(body.decode("utf-8", "replace")) if is_json else _of_protobuf(body, file):
        seen = True
        if isinstance(each, Skipped):
            others[each.reason] = None
        found = found or isinstance(each, SpanRead)
        yield each
    if not found and not (seen and cut_off):
        what = f"got {'; '.join(others)}" if others else "got no span (resourceSpans)"
        raise ConfigError(f"{MUST}, {what}", file=file)
    if cut_off:
        yield Skipped("end of file", cut_off)


def _of_json(text: str) -> Iterator[SpanRead | Skipped]:
    for place, value in _values(text):
        if isinstance(value, Skipped):
            yield value
        else:
            yield from _of_document(value, place)


def _values(text: str) -> Iterator[tuple[str, Any]]:
    """JSON values of a file: one document, one per line, or one after another."""
    mended = repaired if MAY_HOLD_SURROGATE.search(text) else _as_is
    text = text.lstrip("\ufeff\0 \t\r\n")
    lines = [(f"line {number}", line) for number, line in enumerate(text.split("\n"), 1) if line.strip(" \t\r\n\0")]
    if text[:1] != "[" and len(lines) > 1 and any(_loaded(line) is not None for _, line in lines[:2]):
        for place, line in lines:
            value = _loaded(line)
            yield place, Skipped(place, "no JSON") if value is None else mended(value)
        return
    try:
        yield from ((place, mended(value)) for place, value in documents(text))
    except ValueError as error:
        yield str(error), Skipped(str(error), "no JSON")


def _as_is(value: Any) -> Any:
    return value


def _loaded(line: str) -> Any:
    """A JSON object or array; None for anything else."""
    try:
        value = json.loads(line.strip("\0"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, (dict, list)) else None


def _of_document(value: Any, place: str) -> Iterator[SpanRead | Skipped]:
    """The spans of one JSON value, by what it looks like."""
    if isinstance(value, list):
        for number, each in enumerate(value, 1):
            yield from _of_document(each, f"{place}, entry {number}")
    elif isinstance(value, dict):
        yield from _of_object(value, place)
    else:
        yield Skipped(place, "no JSON object")


def _of_object(value: Mapping[str, Any], place: str) -> Iterator[SpanRead | Skipped]:
    if resources := _first_list(value, "resourceSpans", "resource_spans", "batches"):
        for resource in resources:
            yield from _of_resource(resource, place)
    elif _first_list(value, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
        yield from _of_resource(value, place)
    elif isinstance(value.get("trace"), dict):  # Tempo's second API
        yield from _of_document(value["trace"], place)
    elif isinstance(value.get("spans"), list) and "processes" in value:
        yield from _of_jaeger(value, place)
    elif _first_list(value, "data", "traces"):
        yield from _of_document(_first_list(value, "data", "traces"), place)
    elif isinstance(value.get("context"), dict) and "trace_id" in value["context"]:
        yield from _checked(_console_span, value, place)
    else:
        yield from _unknown(value, place)


def _unknown(value: Mapping[str, Any], place: str) -> Iterator[Skipped]:
    kind = next((kind for name, kind in OTHER_SIGNALS.items() if name in value), "")
    if kind:
        yield Skipped(place, f"{kind}, not traces")
    elif "traceId" in value and "id" in value:
        yield Skipped(place, "a span of Zipkin; export the trace as OTLP")
    elif value.keys() - {"resourceSpans", "resource_spans", "batches"}:
        yield Skipped(place, "no resourceSpans")


def _of_resource(resource: Any, place: str) -> Iterator[SpanRead | Skipped]:
    if not isinstance(resource, dict):
        yield Skipped(place, "no OTLP resource")
        return
    held = resource.get("resource")
    shared = attributes_of(held.get("attributes")) if isinstance(held, dict) else {}
    for scope in _first_list(resource, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
        if not isinstance(scope, dict):
            yield Skipped(place, "no OTLP scope")
            continue
        named = scope.get("scope") or scope.get("instrumentationLibrary")
        name = str(named.get("name") or "") if isinstance(named, dict) else ""
        for span in _first_list(scope, "spans"):
            yield from _checked(partial(_otlp_span, shared=shared, scope=name), span, place)


def _checked(
    read: Callable[[Mapping[str, Any], str], SpanRead], value: Any, place: str
) -> Iterator[SpanRead | Skipped]:
    """One span, or why it is none."""
    if not isinstance(value, dict):
        yield Skipped(place, "a span that is no object")
        return
    told = value.get("spanId") or value.get("span_id") or value.get("spanID")
    place = f"{place}, span {str(told)[:40]}" if told else place
    try:
        yield read(value, place)
    except BrokenSpanError as error:
        yield Skipped(place, str(error))


def _otlp_span(span: Mapping[str, Any], place: str, shared: Mapping[str, str], scope: str) -> SpanRead:
    status = span.get("status")
    return SpanRead(
        place=place,
        trace_id=span_id(_either(span, "traceId", "trace_id"), TRACE_BYTES, "trace id"),
        span_id=span_id(_either(span, "spanId", "span_id"), SPAN_BYTES, "span id"),
        parent_id=parent_id(_either(span, "parentSpanId", "parent_span_id"), SPAN_BYTES),
        start_ns=time_ns(_either(span, "startTimeUnixNano", "start_time_unix_nano"), "start"),
        end_ns=end_ns(_either(span, "endTimeUnixNano", "end_time_unix_nano")),
        failed=isinstance(status, dict) and status.get("code") in STATUS_ERROR,
        scope=scope,
        attributes={**shared, **attributes_of(span.get("attributes"))},
    )


def _console_span(span: Mapping[str, Any], place: str) -> SpanRead:
    """As `ConsoleSpanExporter` of Python prints it."""
    context, status, resource = span["context"], span.get("status"), span.get("resource")
    shared = attributes_of(resource.get("attributes")) if isinstance(resource, dict) else {}
    return SpanRead(
        place=place,
        trace_id=span_id(context.get("trace_id"), TRACE_BYTES, "trace id"),
        span_id=span_id(context.get("span_id"), SPAN_BYTES, "span id"),
        parent_id=parent_id(span.get("parent_id"), SPAN_BYTES),
        start_ns=time_ns(span.get("start_time"), "start"),
        end_ns=end_ns(span.get("end_time")),
        failed=isinstance(status, dict) and status.get("status_code") in STATUS_ERROR,
        scope="",
        attributes={**shared, **attributes_of(span.get("attributes"))},
    )


def _of_jaeger(trace: Mapping[str, Any], place: str) -> Iterator[SpanRead | Skipped]:
    """Jaeger's query API: times in microseconds, attributes as tags, parents as references."""
    processes = trace.get("processes")

    def read(span: Mapping[str, Any], place: str) -> SpanRead:
        process = processes.get(str(span.get("processID"))) if isinstance(processes, dict) else None
        shared = tags_of(process.get("tags")) if isinstance(process, dict) else {}
        if isinstance(process, dict) and process.get("serviceName"):
            shared["service.name"] = str(process["serviceName"])
        tags = tags_of(span.get("tags"))
        start_ns, length = time_ns(span.get("startTime"), "start"), span.get("duration")
        references = [each for each in _first_list(span, "references") if isinstance(each, dict)]
        above = [each for each in references if each.get("refType") == "CHILD_OF"] or references
        return SpanRead(
            place=place,
            trace_id=span_id(span.get("traceID"), TRACE_BYTES, "trace id"),
            span_id=span_id(span.get("spanID"), SPAN_BYTES, "span id"),
            parent_id=parent_id(above[0].get("spanID") if above else span.get("parentSpanID"), SPAN_BYTES),
            start_ns=start_ns,
            end_ns=start_ns + (int(length) * 1_000 if isinstance(length, (int, float)) and length >= 0 else 0),
            failed=tags.get("error") == "true" or tags.get("otel.status_code") in STATUS_ERROR,
            scope=tags.get("otel.scope.name") or tags.get("otel.library.name") or "",
            attributes={**shared, **tags},
        )

    for span in trace["spans"]:
        yield from _checked(read, span, place)


def _of_protobuf(body: bytes, file: Path) -> Iterator[SpanRead | Skipped]:
    """Messages with their length before each, or one message alone."""
    frames = list(_frames(body))
    for place, message in frames or [("", body)]:
        try:
            request = ExportTraceServiceRequest.FromString(message)
        except DecodeError as error:
            if not frames:
                raise ConfigError(f"{MUST} ({len(body)} bytes that do not parse)", file=file) from error
            yield Skipped(place, "no OTLP message")
            continue
        for resource in request.resource_spans:
            shared = attribute_map(resource.resource.attributes)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    held = f"{place}, span {span.span_id.hex()}".lstrip(", ")
                    if len(span.trace_id) == TRACE_BYTES and len(span.span_id) == SPAN_BYTES:
                        yield _of_message(span, held, shared, scope.scope.name)
                    else:
                        yield Skipped(held, "trace id and span id must be 16 and 8 bytes")


def _of_message(span: Span, place: str, shared: Mapping[str, str], scope: str) -> SpanRead:
    return SpanRead(
        place=place,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=span.status.code in STATUS_ERROR,
        scope=scope,
        attributes={**shared, **attribute_map(span.attributes)},
    )


def _frames(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Messages with a length; the last may be cut. Nothing if the file begins otherwise."""
    found: list[tuple[str, bytes]] = []
    place = 0
    while place + LENGTH.size <= len(body):
        (length,) = LENGTH.unpack_from(body, place)
        start = place + LENGTH.size
        found.append((f"message {len(found) + 1}", body[start : start + length]))
        place = start + length
    if (place == len(body) and found) or (len(found) > 1 and found[0][1][:1] == b"\n"):
        yield from found


def _first_list(holder: Mapping[str, Any], *names: str) -> list[Any]:
    """The first list under one of the names; empty if there is none."""
    return next((value for name in names if isinstance(value := holder.get(name), list)), [])


def _either(holder: Mapping[str, Any], *names: str) -> Any:
    return next((value for name in names if (value := holder.get(name)) is not None), None)
