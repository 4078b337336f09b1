"""OTLP trace requests to rows. An invalid span is rejected; the others are stored."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shadow.telemetry import keys
from shadowroute.collector.moments import YEAR_2000_US, latest_us
from shadowroute.collector.otlp.limits import Limits, RefusalError
from shadowroute.collector.otlp.rows import KINDS, STATUS_CODES, SpanRows
from shadowroute.collector.otlp.rules import broken_rule
from shadowroute.collector.otlp.values import as_text

_NO_ID: Final = frozenset((bytes(8), bytes(16)))
_REASONS_KEPT: Final = 20
Item = TypeVar("Item")
Origin = TypeVar("Origin")


class InvalidSpanError(Exception):
    """One span or record breaks a rule; the text is the reason."""


@dataclass(slots=True)
class Decoded:
    """Rows of one request, and its rejected items.

    Attributes:
        rejected: number of spans or log records that are not stored.
        reasons: with the number of items; a reason quotes the wrong value.
    """

    rows: SpanRows = field(default_factory=SpanRows)
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def reject(self, reason: str) -> None:
        """Count one rejected span or record."""
        self.rejected += 1
        known = len(self.reasons) < _REASONS_KEPT or reason in self.reasons
        self.reasons[reason if known else "other reasons"] += 1

    def message(self) -> str:
        """The text of partial_success; empty if nothing was rejected."""
        return "; ".join(f"{count} rejected: {reason}" for reason, count in self.reasons.most_common(5))


@dataclass(frozen=True, slots=True)
class _Origin:
    """The common parts of the spans of one resource and scope."""

    service: str
    resource: dict[str, str]
    scope: InstrumentationScope


def decode_traces(request: ExportTraceServiceRequest, limits: Limits, *, now_ns: int | None = None) -> Decoded:
    """Rows of all valid spans.

    Args:
        request: parsed request.
        limits: of one request.
        now_ns: receiver's time, epoch nanoseconds; spans more than a day later are rejected.

    Raises:
        RefusalError: 413, more spans than one request may carry.
    """
    now = time.time_ns() if now_ns is None else now_ns

    def spans() -> Iterator[tuple[Span, _Origin]]:
        for resource_spans in request.resource_spans:
            resource = attribute_map(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                origin = _Origin(resource.get("service.name", ""), resource, scope_spans.scope)
                yield from ((span, origin) for span in scope_spans.spans)

    sent = sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
    check_number(sent, "spans", limits, kind="too many spans")
    return decoded(spans(), lambda rows, span, origin: _add(rows, span, origin, limits, now))


def decoded(items: Iterable[tuple[Item, Origin]], add: Callable[[SpanRows, Item, Origin], None]) -> Decoded:
    """The rows of valid items; the others are counted."""
    found = Decoded()
    for item, origin in items:
        try:
            add(found.rows, item, origin)
        except InvalidSpanError as error:
            found.reject(str(error))
    return found


def check_number(sent: int, what: str, limits: Limits, *, kind: str) -> None:
    """Refuse more items than one request may carry.

    Raises:
        RefusalError: 413.
    """
    if sent > limits.spans:
        reason = f"a request must carry at most {limits.spans:,} {what}, got {sent:,}; send smaller batches"
        raise RefusalError(413, reason, kind=kind)


def attribute_map(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes as text; the last value of a repeated key counts."""
    # Most values are strings: reading one is cheaper than a call that asks which field is set.
    return {sent.key: sent.value.string_value or as_text(sent.value) for sent in attributes}


def check_attributes(sent: Collection[KeyValue], limits: Limits) -> dict[str, str]:
    """Attributes as text.

    Raises:
        InvalidSpanError: too many, too long, or a value breaks its rule.
    """
    if len(sent) > limits.attributes:
        raise InvalidSpanError(f"a span must have at most {limits.attributes} attributes, got {len(sent)}")
    attributes = attribute_map(sent)
    if max(map(len, attributes.values()), default=0) > limits.value_characters:
        key = max(attributes, key=lambda name: len(attributes[name]))
        length = f"{len(attributes[key]):,}"
        raise InvalidSpanError(f"{key} must be at most {limits.value_characters:,} characters, got {length}")
    reason = broken_rule(attributes)
    if reason:
        raise InvalidSpanError(reason)
    return attributes


def check_time(time_ns: int, now_ns: int, what: str = "time") -> None:
    """Refuse what no clock can have said.

    Raises:
        InvalidSpanError: before 2000, or more than a day ahead of the receiver.
    """
    if not YEAR_2000_US * 1_000 <= time_ns <= latest_us(0) * 1_000 + now_ns:
        raise InvalidSpanError(f"{what} must be between 2000 and tomorrow, got {time_ns} in epoch nanoseconds")


def _add(rows: SpanRows, span: Span, origin: _Origin, limits: Limits, now_ns: int) -> None:
    _check_ids(span)
    check_time(span.start_time_unix_nano, now_ns)
    if span.end_time_unix_nano < span.start_time_unix_nano:
        raise InvalidSpanError(
            f"end time must not be before the start ({span.start_time_unix_nano}), got {span.end_time_unix_nano}"
        )
    check_time(span.end_time_unix_nano, now_ns)
    _check_details(span, limits, now_ns)
    attributes = check_attributes(span.attributes, limits)
    decided_us = attributes.get(keys.REQUEST_TIME_US)
    if decided_us is not None:
        check_time(int(decided_us) * 1_000, now_ns, keys.REQUEST_TIME_US)
    rows.add(
        start_ns=span.start_time_unix_nano,
        duration_ns=span.end_time_unix_nano - span.start_time_unix_nano,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        trace_state=span.trace_state,
        name=span.name,
        kind=_name(KINDS, span.kind),
        service=origin.service,
        scope_name=origin.scope.name,
        scope_version=origin.scope.version,
        status_code=_name(STATUS_CODES, span.status.code),
        status_message=span.status.message,
        resource=origin.resource,
        attributes=attributes,
        events=[(e.time_unix_nano, e.name, attribute_map(e.attributes)) for e in span.events],
        links=[(k.trace_id.hex(), k.span_id.hex(), k.trace_state, attribute_map(k.attributes)) for k in span.links],
    )


def _check_ids(span: Span) -> None:
    if len(span.trace_id) != 16 or span.trace_id in _NO_ID:
        raise InvalidSpanError(f"trace id must be 16 bytes and not all zero, got {span.trace_id.hex()[:64]!r}")
    if len(span.span_id) != 8 or span.span_id in _NO_ID:
        raise InvalidSpanError(f"span id must be 8 bytes and not all zero, got {span.span_id.hex()[:64]!r}")
    if len(span.parent_span_id) not in (0, 8):
        raise InvalidSpanError(f"parent span id must be 8 bytes or absent, got {span.parent_span_id.hex()[:64]!r}")


def _check_details(span: Span, limits: Limits, now_ns: int) -> None:
    if len(span.events) + len(span.links) > limits.details:
        raise InvalidSpanError(
            f"a span must have at most {limits.details} events and links, got {len(span.events) + len(span.links)}"
        )
    for event in span.events:
        check_time(event.time_unix_nano, now_ns)


def _name(names: tuple[str, ...], number: int) -> str:
    """Enums of protobuf are open: an unknown number reads as the first name, which is the unspecified one."""
    return names[number] if 0 <= number < len(names) else names[0]
