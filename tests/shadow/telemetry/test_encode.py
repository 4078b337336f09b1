from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import TraceFlags

from shadow.telemetry.export import encode
from shadow.telemetry.export.encode import REMEMBERED_LENGTH, encode_request, encode_span
from shadow.telemetry.span import Part, Source, Span

SOURCE = Source(
    resource=(("service.name", "s"), ("llm_router.project", "p")),
    scope="shadowroute",
    version="0.1.0",
    schema_url="urn:shadowroute:spans:1",
)


def a_span(*parts: dict[str, Any], **changes: Any) -> Span:
    arguments: dict[str, Any] = {
        "source": SOURCE,
        "name": "route",
        "trace_id": 0x0AF7651916CD43DD8448EB211C80319C.to_bytes(16, "big"),
        "span_id": 0xB7AD6B7169203331.to_bytes(8, "big"),
        "start_ns": 1_700_000_000_000_000_001,
        "end_ns": 1_700_000_000_500_000_000,
        "parts": tuple(Part(attributes) for attributes in parts),
    }
    return Span(**(arguments | changes))


def ours(*spans: Span) -> ExportTraceServiceRequest:
    body = encode_request([(SOURCE, [encode_span(span) for span in spans])])
    return ExportTraceServiceRequest.FromString(body)


def official(*spans: Span) -> ExportTraceServiceRequest:
    written = encode_spans([span.readable() for span in spans]).SerializeToString()
    request = ExportTraceServiceRequest.FromString(written)
    for resource_spans in request.resource_spans:
        resource_spans.schema_url = ""
        for scope_spans in resource_spans.scope_spans:
            scope_spans.schema_url = SOURCE.schema_url
            for span in scope_spans.spans:
                span.flags |= TraceFlags.SAMPLED  # bits 0-7 are the trace flags; the official encoder leaves them out
    return request


@pytest.mark.parametrize(
    "span",
    [
        a_span(),
        a_span(
            {"text": "ä 漢 🙂", "int": 0, "large": 2**62, "negative": -5, "double": 0.1, "false": False, "true": True}
        ),
        a_span({"empty": "", "long": "x" * (REMEMBERED_LENGTH + 1)}),
        a_span({"a": "1"}, {}, {"b": 2, "c": 3.0}),
        a_span(is_client=True, failed=True),
        a_span(failed=True),
        a_span(parent_id=b"parent 7"),
        a_span(parent_id=b"parent 7", parent_is_remote=True),
        a_span(source=SOURCE, name="n" * 300),
    ],
    ids=["bare", "types", "long", "parts", "client", "failed", "parent", "remote", "long-name"],
)
def test_a_span_is_what_the_official_encoder_says(span: Span) -> None:
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


def test_a_part_of_several_spans_is_encoded_once() -> None:
    """What a request's spans share is the larger half of them."""
    shared = Part({"a": "1", "b": 2})
    first, second = (a_span(parts=(shared, Part({"n": n}))) for n in (1, 2))
    alone = a_span({"a": "1", "b": 2}, {"n": 2})
    encode_span(first)
    kept = shared.encoded
    assert encode_span(second) == encode_span(alone)
    assert kept is not None
    assert shared.encoded is kept


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request brings ids of its own."""
    monkeypatch.setattr(encode, "REMEMBERED_TEXTS", 5)
    for n in range(50):
        span = a_span({"id": f"r{n}", "same": "s"})
        assert ours(span) == official(span)
        assert len(encode._texts) <= 5


def test_half_a_character_does_not_cost_the_span() -> None:
    """A lone surrogate, as JSON may hold one, is replaced."""
    span = ours(a_span({"text": "a\ud800b"})).resource_spans[0].scope_spans[0].spans[0]
    assert span.attributes[0].value.string_value == "a?b"


def test_an_attribute_of_another_type_is_refused() -> None:
    """The contract knows texts, integers, doubles and truth values; structured values travel as JSON."""
    with pytest.raises(TypeError, match="must be str, bool, int or float, got bytes"):
        encode_span(a_span({"x": b"1"}))
