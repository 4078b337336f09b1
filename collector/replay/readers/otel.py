"""OTLP traces of any GenAI instrumentation, as a file of the Collector's file exporter or as the body of one request.

The spans of a file are held at once, because the parts of a trace may be anywhere in it. `otel_tree` finds the call
among nested spans.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shadow.domain.outcome import Usage
from shadow.errors import ConfigError
from shadow.telemetry import keys
from shadowroute.collector.otlp.bodies import from_json, from_protobuf
from shadowroute.collector.otlp.decode import attribute_map
from shadowroute.collector.otlp.limits import RefusalError
from shadowroute.collector.replay.readers import otel_attributes as names
from shadowroute.collector.replay.readers import values
from shadowroute.collector.replay.readers.otel_tree import CallSpan, calls_of
from shadowroute.collector.replay.readers.reading import Reading
from shadowroute.collector.replay.record import Read, Record, Skipped

STATUS_ERROR: Final = 2
LENGTH: Final = struct.Struct(">I")
"""Length prefix of every message in the file exporter's protobuf form."""


class OtelLog:
    """Spans of a file.

    Raises:
        ConfigError: the file cannot be read, or holds no OTLP traces.
    """

    def __init__(self, file: Path, reading: Reading | None = None) -> None:
        self._file = file
        self._reading = reading or Reading()
        self.name = file.name
        self._requests = _requests(file)

    def calls(self) -> Iterator[Read]:
        """Every call once, in the file's order; then the skipped records."""
        yield from self._read

    @cached_property
    def _read(self) -> list[Read]:
        spans: list[CallSpan] = []
        read: list[Read] = []
        for span, resource in _spans(self._requests):
            attributes = {**resource, **attribute_map(span.attributes)}
            if keys.ROLE in attributes or keys.EVALUATION_NAME in attributes:
                read.append(Skipped(f"span {span.span_id.hex()}", "shadowroute's own span"))
            else:
                spans.append(_call_span(span, attributes))
        self._requests = ()  # the messages are not needed any more
        kept, skipped = calls_of(spans)
        read = [*read, *skipped]
        for call in kept:
            read += self._call(call)
        return read

    def _call(self, span: CallSpan) -> Iterator[Read]:
        attributes = span.attributes
        renamed = self._reading.renamed(attributes)
        place = f"span {span.span_id}"
        signals, refused = self._reading.judged(attributes, place)
        yield from refused
        failed = span.failed or bool(attributes.get("error.type"))
        asked = values.text(values.first(attributes, names.REQUEST_MODEL))
        response_id = values.text(values.first(attributes, names.RESPONSE_ID))
        yield Record(
            request_id=response_id or f"{span.trace_id}-{span.span_id}",
            time_us=span.start_ns // 1_000,
            model=values.text(values.first(attributes, names.RESPONSE_MODEL)) or asked,
            planned_model=asked,
            provider=values.text(values.first(attributes, names.PROVIDER)),
            response_id=response_id,
            usage=usage_of_span(attributes),
            cost_usd=values.amount(values.first(attributes, names.COST)),
            duration_s=(span.end_ns - span.start_ns) / 1e9 if span.end_ns >= span.start_ns else None,
            ttft_s=values.amount(values.first(attributes, names.TTFT)),
            status="error" if failed else "complete",
            error_type=(values.text(attributes.get("error.type")) or "error") if failed else "",
            messages=names.messages(attributes),
            answer_text=names.answer(attributes),
            user=values.told(renamed, "user", span.inherited(names.USER)),
            session=values.told(renamed, "session", span.inherited(names.SESSION)),
            task=values.told(renamed, "task", span.inherited(names.TASK)),
            user_tier=values.told(renamed, "user_tier", span.inherited(names.USER_TIER)),
            prompt_version=values.text(values.first(attributes, names.PROMPT_VERSION)),
            has_tools=names.has_tools(attributes),
            has_images=names.has_images(attributes),
            wants_json=names.wants_json(attributes),
            max_output_tokens=names.max_output_tokens(attributes),
            labels={**_service(attributes), **self._reading.labels(renamed)},
            signals=signals,
        )


def usage_of_span(attributes: Mapping[str, Any]) -> Usage:
    """Tokens of a span. Cached tokens above the input prove that the input was counted without them."""
    known = values.tokens(values.first(attributes, names.INPUT_TOKENS))
    answer = values.tokens(values.first(attributes, names.OUTPUT_TOKENS))
    cached = values.tokens(values.first(attributes, names.CACHE_READ)) or 0
    written = values.tokens(values.first(attributes, names.CACHE_WRITE)) or 0
    if known is None:
        return Usage(output_tokens=answer)
    if cached + written > known:
        known += cached + written
    return Usage(input_tokens=known, output_tokens=answer, cache_read_tokens=cached, cache_write_tokens=written)


def _service(attributes: Mapping[str, Any]) -> dict[str, str]:
    found = {
        "service": values.text(attributes.get("service.name")),
        "agent": values.text(attributes.get("gen_ai.agent.name")),
    }
    return {key: value for key, value in found.items() if value}


def _call_span(span: Span, attributes: dict[str, str]) -> CallSpan:
    return CallSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=span.status.code == STATUS_ERROR,
        attributes=attributes,
    )


def _spans(requests: tuple[ExportTraceServiceRequest, ...]) -> Iterator[tuple[Span, dict[str, str]]]:
    for request in requests:
        for resource_spans in request.resource_spans:
            resource = attribute_map(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    yield span, resource


def _requests(file: Path) -> tuple[ExportTraceServiceRequest, ...]:
    try:
        body = file.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise ConfigError(reason, file=file) from None
    try:
        found = tuple(_json(body)) if body.lstrip()[:1] == b"{" else tuple(_protobuf(body))
    except RefusalError as error:
        raise ConfigError(f"must hold OTLP traces, as JSON, JSON lines or protobuf ({error})", file=file) from error
    if not any(request.resource_spans for request in found):
        raise ConfigError("must hold OTLP traces (resourceSpans), got none", file=file)
    return found


def _json(body: bytes) -> Iterator[ExportTraceServiceRequest]:
    """One document, or one per line as the Collector's file exporter writes them."""
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].rstrip().endswith(b"}") and lines[1].lstrip()[:1] == b"{":
        for line in lines:
            yield from_json(line, ExportTraceServiceRequest)
    else:
        yield from_json(body, ExportTraceServiceRequest)


def _protobuf(body: bytes) -> Iterator[ExportTraceServiceRequest]:
    """Messages with their length before each, or one message alone."""
    if not _is_framed(body):
        yield from_protobuf(body, ExportTraceServiceRequest)
        return
    place = 0
    while place < len(body):
        (length,) = LENGTH.unpack_from(body, place)
        message = body[place + LENGTH.size : place + LENGTH.size + length]
        yield from_protobuf(message, ExportTraceServiceRequest)
        place += LENGTH.size + length


def _is_framed(body: bytes) -> bool:
    place = 0
    while place + LENGTH.size <= len(body):
        (length,) = LENGTH.unpack_from(body, place)
        place += LENGTH.size + length
    return place == len(body) and place > 0
