from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from shadow.export.encode import REMEMBERED_LENGTH, encode_request, encode_span

RESOURCE = Resource({"service.name": "s", "llm_router.project": "p"})
SCOPE = InstrumentationScope("shadowroute", "0.1.0", "urn:shadowroute:spans:1")
CONTEXT = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, False, TraceFlags(1))


def a_span(attributes: dict[str, Any] | None = None, **changes: Any) -> ReadableSpan:
    arguments: dict[str, Any] = {
        "name": "route",
        "context": CONTEXT,
        "resource": RESOURCE,
        "attributes": attributes or {},
        "start_time": 1_700_000_000_000_000_001,
        "end_time": 1_700_000_000_500_000_000,
        "instrumentation_scope": SCOPE,
    }
    return ReadableSpan(**(arguments | changes))


def ours(*spans: ReadableSpan) -> ExportTraceServiceRequest:
    body = encode_request([(RESOURCE, SCOPE, [encode_span(span) for span in spans])])
    return ExportTraceServiceRequest.FromString(body)


def official(*spans: ReadableSpan) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest.FromString(encode_spans(spans).SerializeToString())
    for resource_spans in request.resource_spans:
        resource_spans.schema_url = ""
        for scope_spans in resource_spans.scope_spans:
            scope_spans.schema_url = SCOPE.schema_url or ""
            for span in scope_spans.spans:
                span.flags |= TraceFlags.SAMPLED  # bits 0-7 are the trace flags; the official encoder leaves them out
    return request


PARENT = SpanContext(CONTEXT.trace_id, 7, True, TraceFlags(0))


@pytest.mark.parametrize(
    "span",
    [
        a_span(),
        a_span(
            {"text": "ä 漢 🙂", "int": 0, "large": 2**62, "negative": -5, "double": 0.1, "false": False, "true": True}
        ),
        a_span({"empty": "", "long": "x" * (REMEMBERED_LENGTH + 1)}),
        a_span(kind=SpanKind.CLIENT, status=Status(StatusCode.ERROR)),
        a_span(status=Status(StatusCode.ERROR, "no answer")),
        a_span(parent=PARENT),
        a_span(links=[Link(PARENT, {"why": "target"})]),
        a_span(context=SpanContext(1, 2, False, TraceFlags(1), TraceState([("vendor", "1")]))),
    ],
    ids=["bare", "types", "long", "client", "described", "parent", "link", "trace-state"],
)
def test_a_span_is_what_the_official_encoder_says(span: ReadableSpan) -> None:
    """Any OTLP receiver must read our bytes as it reads everybody's."""
    assert ours(span) == official(span)


def test_several_spans_keep_their_order() -> None:
    """A batch is one message."""
    spans = [a_span({"n": n}) for n in range(5)]
    assert ours(*spans) == official(*spans)


def test_equal_numbers_of_different_types_stay_apart() -> None:
    """1, 1.0 and True are equal in Python and three different attributes on the wire."""
    attributes = [a_span({"x": value}) for value in (1, 1.0, True, 1, 0, 0.0, False)]
    assert ours(*attributes) == official(*attributes)


values = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=700),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), values, max_size=8))
def test_any_attributes_are_what_the_official_encoder_says(attributes: dict[str, Any]) -> None:
    """Also where a length needs two bytes, or an integer ten."""
    assert ours(a_span(attributes)) == official(a_span(attributes))


def test_half_a_character_does_not_cost_the_span() -> None:
    """A lone surrogate, as JSON may hold one, is replaced."""
    span = ours(a_span({"text": "a\ud800b"})).resource_spans[0].scope_spans[0].spans[0]
    assert span.attributes[0].value.string_value == "a?b"


def test_an_attribute_of_another_type_is_refused() -> None:
    """The contract knows texts, integers, doubles and truth values; structured values travel as JSON."""
    with pytest.raises(TypeError, match="must be str, bool, int or float, got bytes"):
        encode_span(a_span({"x": b"1"}))
