"""Requests to rows: what is wrong with one span rejects that span only."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shadowroute.collector.doors.reading import inflate
from shadowroute.collector.otlp.bodies import from_json, from_protobuf
from shadowroute.collector.otlp.decode import decode_traces
from shadowroute.collector.otlp.limits import Limits, RefusalError
from shadowroute.collector.otlp.logs import decode_logs
from shadowroute.collector.otlp.scan import check_json, check_protobuf
from tests.support.otlp import Sent, Value, decision, logs, traces


def parse_traces(body: bytes) -> ExportTraceServiceRequest:
    return from_protobuf(body, ExportTraceServiceRequest)


def parse_logs(body: bytes) -> ExportLogsServiceRequest:
    return from_protobuf(body, ExportLogsServiceRequest)


LIMITS = Limits()
NOW = time.time_ns()
YEAR = 365 * 86_400 * 10**9


def wrapped(field: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    size, length = len(content), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([field << 3 | 2, *length, size]) + content


def outcome(parse: Callable[[], ExportTraceServiceRequest]) -> str:
    try:
        decode_traces(parse(), LIMITS).rows.arrow()
    except RefusalError as refusal:
        return str(refusal.status)
    return "rows"


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        (Sent(trace_id=b"\x01" * 8), "trace id must be 16 bytes"),
        (Sent(trace_id=bytes(16)), "trace id must be 16 bytes and not all zero"),
        (Sent(span_id=b""), "span id must be 8 bytes"),
        (Sent(parent_id=b"\x01"), "parent span id must be 8 bytes or absent"),
        (Sent(duration_ns=-1), "end time must not be before the start"),
        (Sent(start_ns=0), "time must be between 2000 and tomorrow"),
        (Sent(start_ns=NOW + YEAR), "time must be between 2000 and tomorrow"),
        (Sent(start_ns=NOW, duration_ns=YEAR), "time must be between 2000 and tomorrow"),
        (Sent(start_ns=2**64 - 2_000), "time must be between 2000 and tomorrow"),
        (Sent(events=[(2**63, "late")]), "time must be between 2000 and tomorrow"),
        (
            Sent({"llm_router.request.time_us": (NOW + YEAR) // 1_000}),
            "llm_router.request.time_us must be between 2000 and tomorrow",
        ),
        (Sent({f"k{i}": 1 for i in range(257)}), "at most 256 attributes"),
        (Sent({"k": "x" * 65_537}), "k must be at most 65,536 characters"),
        (Sent(links=[(b"\x01" * 16, b"\x02" * 8)] * 1_001), "at most 1000 events and links"),
        (Sent({"gen_ai.usage.input_tokens": -4}), "must be an integer from 0"),
    ],
)
def test_a_wrong_span_is_rejected_and_the_others_are_kept(span: Sent, reason: str) -> None:
    """The count and the reason come back; the neighbours become rows."""
    decoded = decode_traces(parse_traces(traces(Sent(), span, Sent())), LIMITS)
    assert (len(decoded.rows), decoded.rejected) == (2, 1)
    assert reason in decoded.message()


def test_columns_of_a_whole_span() -> None:
    """Ids are hex, times nanoseconds, nested lists keep their order."""
    span = Sent(
        {"a": 1},
        parent_id=b"\x0a" * 8,
        start_ns=NOW,
        events=[(NOW, "first"), (NOW, "second")],
        links=[(b"\x03" * 16, b"\x04" * 8)],
    )
    (row,) = (
        decode_traces(parse_traces(traces(span, resource={"llm_router.project": "p"})), LIMITS).rows.arrow().to_pylist()
    )
    assert (row["TraceId"], row["SpanId"], row["ParentSpanId"]) == ("01" * 16, "02" * 8, "0a" * 8)
    assert (row["Timestamp"].value, row["Duration"], row["SpanKind"], row["StatusCode"]) == (
        NOW,
        1_000,
        "Unspecified",
        "Unset",
    )
    assert (row["ServiceName"], row["ScopeName"], row["ScopeVersion"]) == ("test", "shadowroute", "1.2.3")
    assert dict(row["ResourceAttributes"]) == {"service.name": "test", "llm_router.project": "p"}
    assert dict(row["SpanAttributes"]) == {"a": "1"}
    assert row["Events.Name"] == ["first", "second"]
    assert (row["Links.TraceId"], row["Links.SpanId"]) == (["03" * 16], ["04" * 8])


def test_an_empty_request_is_no_error() -> None:
    """Nothing to store is fine."""
    assert decode_traces(parse_traces(b""), LIMITS).rows.arrow().num_rows == 0


def test_json_gives_the_rows_of_protobuf() -> None:
    """Hex ids, lowerCamelCase and 64-bit numbers as text mean the same as the binary form."""
    values: dict[str, Value] = {"i": 2**60, "z": 0, "f": 0.25, "b": False, "s": "ü", "l": [1, "x"], "raw": b"\x01\x02"}
    request = parse_traces(
        traces(Sent(values, events=[(NOW, "e")], links=[(b"\x03" * 16, b"\x04" * 8)], parent_id=b"\x05" * 8))
    )
    document = MessageToDict(request)
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span.update(traceId="01" * 16, spanId="02" * 8, parentSpanId="05" * 8)
    span["links"][0].update(traceId="03" * 16, spanId="04" * 8)
    parsed = from_json(json.dumps(document).encode(), ExportTraceServiceRequest)
    assert decode_traces(parsed, LIMITS).rows.arrow() == decode_traces(request, LIMITS).rows.arrow()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "body must be JSON"),
        (b"[]", "body must be a JSON object, got list"),
        (b"[" * 100_000, "body must be JSON"),
        (b'{"resourceSpans": 3}', "body must be a JSON ExportTraceServiceRequest"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}', "traceId must be hex, got 'xyz'"),
        (
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\\ud800"}]}]}]}',
            "body must be a JSON ExportTraceServiceRequest",
        ),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"soon"}]}]}]}', "body must be a JSON"),
        (b"\xff\xfe", "body must be JSON"),
    ],
)
def test_broken_json_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    """400, and the text says what was expected."""
    with pytest.raises(RefusalError) as caught:
        from_json(body, ExportTraceServiceRequest)
    assert caught.value.status == 400
    assert reason in caught.value.reason


def test_json_ignores_fields_of_a_newer_protocol() -> None:
    """Unknown fields are no error, as OTLP demands."""
    assert from_json(b'{"resourceSpans": [], "later": {"x": 1}}', ExportTraceServiceRequest) is not None


def test_deep_nesting_is_refused() -> None:
    """An attribute nested thousands deep ends in a 400, not in a crash."""
    nested = b'{"arrayValue":{"values":[' * 2_000 + b'{"intValue":1}' + b"]}}" * 2_000
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":' + nested + b"}]}]}]}]}"
    with pytest.raises(RefusalError) as caught:
        from_json(body, ExportTraceServiceRequest)
    assert caught.value.status == 400


@given(st.binary(max_size=300))
def test_garbage_is_parsed_or_refused_never_a_crash(body: bytes) -> None:
    """Any bytes end in rows or in a 400."""
    assert outcome(lambda: parse_traces(body)) in {"rows", "400"}
    assert outcome(lambda: from_json(body, ExportTraceServiceRequest)) in {"rows", "400"}


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_flipped_byte_never_crashes(position: int, value: int) -> None:
    """A damaged body ends in rows, rejected spans or a 400."""
    body = bytearray(traces(Sent(decision("r1"), events=[(NOW, "e")], links=[(b"\x03" * 16, b"\x04" * 8)])))
    body[position % len(body)] = value
    assert outcome(lambda: parse_traces(bytes(body))) in {"rows", "400"}


def test_too_many_spans_are_refused_before_any_is_decoded() -> None:
    """413: the whole request is too large, not each span wrong."""
    with pytest.raises(RefusalError) as caught:
        decode_traces(parse_traces(traces(Sent(), Sent(), Sent())), Limits(spans=2))
    assert caught.value.status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a\x00" * 200_000,
        wrapped(1, b"\x12\x00" * 200_000),
        wrapped(1, wrapped(2, b"\x12\x00" * 200_000)),
    ],
)
def test_a_body_of_empty_messages_is_refused_before_it_is_parsed(body: bytes) -> None:
    """Two bytes on the wire are two hundred in memory, at each level."""
    with pytest.raises(RefusalError) as caught:
        check_protobuf(body, LIMITS)
    assert caught.value.status == 413


def test_a_json_body_of_empty_objects_is_refused_before_it_is_parsed() -> None:
    """The same for JSON."""
    with pytest.raises(RefusalError) as caught:
        check_json(b'{"resourceSpans":[' + b"{}," * 1_000_000 + b"{}]}", LIMITS)
    assert caught.value.status == 413


@given(st.binary(max_size=200))
def test_the_walk_through_a_body_ends_whatever_it_holds(body: bytes) -> None:
    """Garbage is left to the parser."""
    check_protobuf(body, LIMITS)


def test_the_walk_counts_what_the_parser_finds() -> None:
    """Three spans in one scope of one resource are five messages."""
    body = traces(Sent(decision("r")), Sent(), Sent())
    check_protobuf(body, Limits(spans=2))
    with pytest.raises(RefusalError):
        check_protobuf(body, Limits(spans=1))


def test_inflating_stops_at_the_limit() -> None:
    """A bomb costs no more memory than the limit, whatever it claims."""
    bomb = gzip.compress(bytes(200 << 20), 9)
    with pytest.raises(RefusalError) as caught:
        inflate(bomb, "gzip", Limits())
    assert (caught.value.status, "inflate to at most" in caught.value.reason) == (413, True)


def test_the_ratio_holds_for_bodies_below_the_size_limit() -> None:
    """A small body that inflates a thousandfold is refused even if the result would fit."""
    with pytest.raises(RefusalError) as caught:
        inflate(gzip.compress(bytes(10 << 20), 9), "gzip", Limits())
    assert caught.value.status == 413


def test_several_gzip_members_are_one_body() -> None:
    """Concatenated members are read to the end: reading only the first would lose spans silently."""
    assert inflate(gzip.compress(b"one") + gzip.compress(b"two"), "gzip", LIMITS) == b"onetwo"


@pytest.mark.parametrize(("encoding", "status"), [("deflate", 415), ("zstd", 415), ("br", 415)])
def test_other_encodings_are_refused(encoding: str, status: int) -> None:
    """415 names what is accepted."""
    with pytest.raises(RefusalError) as caught:
        inflate(b"x", encoding, LIMITS)
    assert (caught.value.status, "must be gzip or absent" in caught.value.reason) == (status, True)


@pytest.mark.parametrize(
    "body",
    [b"not gzip", gzip.compress(b"x" * 1000)[:-9], gzip.compress(b"x") + b"tail"],
    ids=["no gzip", "cut off", "followed by something"],
)
def test_a_broken_gzip_stream_is_refused(body: bytes) -> None:
    """400 for garbage, truncation and trailing bytes."""
    with pytest.raises(RefusalError) as caught:
        inflate(body, "gzip", LIMITS)
    assert caught.value.status == 400


def test_an_evaluation_event_is_a_signal_of_its_span() -> None:
    """The event's span context becomes the one link that names the judged span."""
    body = logs(
        {"gen_ai.evaluation.name": "q", "gen_ai.evaluation.score.value": 1.0},
        trace_id=b"\x07" * 16,
        span_id=b"\x08" * 8,
    )
    (row,) = decode_logs(parse_logs(body), LIMITS).rows.arrow().to_pylist()
    assert (row["Links.TraceId"], row["Links.SpanId"]) == (["07" * 16], ["08" * 8])
    assert dict(row["SpanAttributes"])["gen_ai.evaluation.score.value"] == "1"


@pytest.mark.parametrize(
    ("attributes", "event", "reason"),
    [
        (
            {"gen_ai.evaluation.name": "q", "llm_router.request.id": "r"},
            "other",
            "only gen_ai.evaluation.result events",
        ),
        ({"llm_router.request.id": "r"}, "gen_ai.evaluation.result", "gen_ai.evaluation.name must be given"),
        ({"gen_ai.evaluation.name": "q"}, "gen_ai.evaluation.result", "a signal must name its target"),
        (
            {"gen_ai.evaluation.name": "q", "gen_ai.evaluation.score.value": 7, "gen_ai.response.id": "x"},
            "gen_ai.evaluation.result",
            "in [0, 1]",
        ),
    ],
)
def test_a_record_that_is_no_signal_is_rejected(attributes: dict[str, Value], event: str, reason: str) -> None:
    """The reason says what is missing."""
    decoded = decode_logs(parse_logs(logs(attributes, event=event)), LIMITS)
    assert (len(decoded.rows), decoded.rejected) == (0, 1)
    assert reason in decoded.message()
