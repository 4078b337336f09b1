"""Spans to OTLP protobuf, written directly.

Every span of ours is encoded here, in the service's own process: about 15 µs with 25 attributes, where building the
message objects takes 50 µs and the official encoder 82 µs. Two things make that possible: field numbers of a stable
format are constants, and most attributes repeat from span to span, so their bytes are remembered.
Numbers: opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto; a test compares with the official encoder.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, Status

HAS_IS_REMOTE: Final = 0x100
IS_REMOTE: Final = 0x200
REMEMBERED_ATTRIBUTES: Final = 8192
REMEMBERED_LENGTH: Final = 512
"""Longer texts (candidates of many models) are encoded each time, so that the memory stays below 8 MB."""

_DOUBLE = struct.Struct("<d").pack
_FIXED64 = struct.Struct("<Q").pack
_FIXED32 = struct.Struct("<I").pack


def encode_request(groups: Iterable[tuple[Resource, InstrumentationScope, Sequence[bytes]]]) -> bytes:
    """An ExportTraceServiceRequest with one ResourceSpans per group of encoded spans."""
    return b"".join(_field(1, _resource_spans(*group)) for group in groups)


def encode_span(span: ReadableSpan) -> bytes:
    """The Span message of one finished span, with its tag and length, as ScopeSpans holds it.

    Raises:
        TypeError: an attribute is neither str, bool, int nor float, or the span has no context.
    """
    context, parent = span.context, span.parent
    if context is None:
        raise TypeError(f"span must have a context, got {span.name!r} without one")
    flags = int(context.trace_flags) | HAS_IS_REMOTE
    parts = [
        b"\x0a\x10",
        context.trace_id.to_bytes(16, "big"),
        b"\x12\x08",
        context.span_id.to_bytes(8, "big"),
    ]
    if context.trace_state:
        parts.append(_text(3, context.trace_state.to_header()))
    if parent is not None:
        parts += (b"\x22\x08", parent.span_id.to_bytes(8, "big"))
        flags |= IS_REMOTE if parent.is_remote else 0
    parts += (
        _name_and_kind(span.name, span.kind.value + 1),
        b"\x39",
        _FIXED64(span.start_time or 0),
        b"\x41",
        _FIXED64(span.end_time or 0),
        encode_attributes(span.attributes or {}),
    )
    parts += [_field(13, _link(link)) for link in span.links]
    parts += (_status(span.status), b"\x85\x01", _FIXED32(flags))
    return _field(2, b"".join(parts))


def encode_attributes(attributes: Mapping[str, Any]) -> bytes:
    """The attributes field (9) of a span."""
    parts = []
    for key, value in attributes.items():
        if type(value) is str and len(value) > REMEMBERED_LENGTH:
            parts.append(_attribute(9, key, value))
        else:
            parts.append(_remembered_attribute(9, key, value))
    return b"".join(parts)


def _attribute(number: int, key: str, value: Any) -> bytes:
    """One KeyValue, as the given field of its parent message."""
    return _field(number, _text(1, key) + _field(2, _any_value(value)))


# `typed`, because 1, 1.0 and True are equal and mean three different attributes.
_remembered_attribute = lru_cache(maxsize=REMEMBERED_ATTRIBUTES, typed=True)(_attribute)


def _any_value(value: Any) -> bytes:
    if isinstance(value, str):
        return _text(1, value)
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, float):
        return b"\x21" + _DOUBLE(value)
    raise TypeError(f"attribute must be str, bool, int or float, got {type(value).__name__}")


def _resource_spans(resource: Resource, scope: InstrumentationScope, spans: Sequence[bytes]) -> bytes:
    schema_url = scope.schema_url
    scope_message = _text(1, scope.name) + (_text(2, scope.version) if scope.version else b"")
    scope_spans = _field(1, scope_message) + b"".join(spans) + (_text(3, schema_url) if schema_url else b"")
    attributes = b"".join(_attribute(1, key, value) for key, value in resource.attributes.items())
    return _field(1, attributes) + _field(2, scope_spans)


@lru_cache(maxsize=1024)
def _name_and_kind(name: str, kind: int) -> bytes:
    return _text(5, name) + b"\x30" + _varint(kind)


def _link(link: Link) -> bytes:
    context = link.context
    return b"".join(
        (
            b"\x0a\x10",
            context.trace_id.to_bytes(16, "big"),
            b"\x12\x08",
            context.span_id.to_bytes(8, "big"),
            *(_attribute(4, key, value) for key, value in (link.attributes or {}).items()),
            b"\x35",
            _FIXED32(int(context.trace_flags) | HAS_IS_REMOTE | (IS_REMOTE if context.is_remote else 0)),
        )
    )


def _status(status: Status) -> bytes:
    description = _text(2, status.description) if status.description else b""
    code = status.status_code.value
    return _field(15, description + (b"\x18" + _varint(code) if code else b""))


def _text(number: int, value: str) -> bytes:
    return _field(number, value.encode("utf-8", "replace"))


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


_SMALL_VARINTS = tuple(bytes((n,)) for n in range(128))


def _varint(value: int) -> bytes:
    if value < 128:
        return _SMALL_VARINTS[value]
    out = bytearray()
    while value >= 128:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
