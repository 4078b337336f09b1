"""A finished span: plain values, and attributes in parts that several spans share.

The spans of a request share most attributes, and decisions of different requests, too. So attributes come in parts,
and a part is encoded once for all its spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """The source of spans: attributes of the resource, and name, version and schema of the instrumentation scope.

    Compared by identity: spans of one source have the same object.
    """

    resource: tuple[tuple[str, str], ...]
    scope: str
    version: str
    schema_url: str = ""


class Part:
    """Some attributes of one or more spans. Immutable once a span has it.

    Attributes:
        attributes: by name; no other part of the same span has the same names.
        encoded: their encoding, for the next span with this part; None before the first.
    """

    __slots__ = ("attributes", "encoded")

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes
        self.encoded: bytes | None = None


class Span(NamedTuple):
    """One span.

    Attributes:
        trace_id: 16 bytes.
        span_id: 8 bytes.
        start_ns: epoch nanoseconds.
        parts: its attributes.
        parent_id: 8 bytes; empty if it has no parent.
        parent_is_remote: the parent is a span of another process.
        is_client: it is a call of another service.
        failed: its status is an error; unset if not.
    """

    source: Source
    name: str
    trace_id: bytes
    span_id: bytes
    start_ns: int
    end_ns: int
    parts: tuple[Part, ...]
    parent_id: bytes = b""
    parent_is_remote: bool = False
    is_client: bool = False
    failed: bool = False

    @property
    def attributes(self) -> Attributes:
        """Those of all parts."""
        return {name: value for part in self.parts for name, value in part.attributes.items()}

    def readable(self) -> ReadableSpan:
        """The span as OpenTelemetry's own class, whose import takes 0.2 s."""
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - see above
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags  # noqa: PLC0415

        resource, scope = _resource_and_scope(self.source)
        trace_id, sampled = int.from_bytes(self.trace_id, "big"), TraceFlags(TraceFlags.SAMPLED)

        def context(span_id: bytes, *, is_remote: bool) -> SpanContext:
            return SpanContext(trace_id, int.from_bytes(span_id, "big"), is_remote=is_remote, trace_flags=sampled)

        return ReadableSpan(
            self.name,
            context=context(self.span_id, is_remote=False),
            parent=context(self.parent_id, is_remote=self.parent_is_remote) if self.parent_id else None,
            resource=resource,
            attributes=self.attributes,
            kind=SpanKind.CLIENT if self.is_client else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR if self.failed else StatusCode.UNSET),
            start_time=self.start_ns,
            end_time=self.end_ns,
            instrumentation_scope=scope,
        )


@lru_cache(maxsize=64)
def _resource_and_scope(source: Source) -> tuple[Resource, InstrumentationScope]:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - heavy, and few services need it
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415 - as above

    return Resource(dict(source.resource)), InstrumentationScope(source.scope, source.version, source.schema_url)
