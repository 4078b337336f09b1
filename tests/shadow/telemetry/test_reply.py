"""Replies of a collector, against the official messages."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Value
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shadow.telemetry.export.reply import partial_success, status_message

INT64 = st.integers(-(2**63), 2**63 - 1)
START_GROUP = 3
"""The wire type of what protobuf gave up long ago: the official reader still skips it, ours reads nothing then."""


def officially_partial(body: bytes) -> tuple[int, str]:
    """The same, by the official package; nothing where that cannot read it."""
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:
        return 0, ""
    return max(0, partial.rejected_spans), partial.error_message


def officially_stated(body: bytes) -> str | None:
    """The same for a google.rpc.Status, whose message has the number of `error_message`."""
    try:
        return ExportTracePartialSuccess.FromString(body).error_message
    except DecodeError:
        return None


def assert_read_alike(body: bytes) -> None:
    """Both read the same, or nothing; ours may read nothing where a group could begin."""
    may_hold_a_group = any(byte & 7 == START_GROUP for byte in body)
    assert partial_success(body) in {officially_partial(body), *([(0, "")] if may_hold_a_group else [])}
    assert status_message(body) in {officially_stated(body), *([None] if may_hold_a_group else [])}


def reply(rejected: int, reason: str) -> bytes:
    """An ExportTraceServiceResponse."""
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=reason)
    return bytes(ExportTraceServiceResponse(partial_success=partial).SerializeToString())


def other_message() -> st.SearchStrategy[bytes]:
    """A message with fields of every wire type, of which ours knows none."""
    spans = st.builds(
        Span,
        name=st.text(),
        start_time_unix_nano=st.integers(0, 2**64 - 1),
        kind=st.integers(0, 3),
        flags=st.integers(0, 9),
    )
    return st.one_of(
        spans.map(Span.SerializeToString),
        st.builds(AnyValue, int_value=INT64).map(AnyValue.SerializeToString),
        st.builds(Value, number_value=st.floats(allow_nan=False)).map(Value.SerializeToString),
    )


@given(INT64, st.text())
def test_what_the_official_package_writes_is_read(rejected: int, reason: str) -> None:
    """A negative number of spans is none: it must not add to what arrived."""
    assert partial_success(reply(rejected, reason)) == (max(0, rejected), reason)
    assert (
        status_message(ExportTracePartialSuccess(rejected_spans=rejected, error_message=reason).SerializeToString())
        == reason
    )


@given(st.lists(st.tuples(INT64, st.text()), min_size=2, max_size=3))
def test_a_message_in_pieces_is_one(pieces: list[tuple[int, str]]) -> None:
    """Protobuf merges what comes twice: the last value of a field counts."""
    body = b"".join(reply(*piece) for piece in pieces)
    assert partial_success(body) == officially_partial(body)


@given(other_message(), st.data())
def test_fields_that_are_not_known_are_passed_over(unknown: bytes, data: st.DataObject) -> None:
    """Later versions of the protocol add some, of any type; where the number is ours, the type may not be."""
    for known in (reply(3, "too old"), b""):
        body = unknown + known if data.draw(st.booleans()) else known + unknown
        assert_read_alike(body)


@given(st.binary(max_size=60))
@example(b"\x08" + b"\xff" * 9 + b"\x7f")
@example(b"\x0a\x0a\x08" + b"\xff" * 9)
@example(b"\x12\x02\xff\xff")
@example(b"\x0a\xff\xff\xff\xff\x0f")
@example(b"\x80\x80\x80\x80\x80\x00")
@example(b"\x00\x00")
def test_bytes_of_any_kind_are_read_as_the_official_package_reads_them(body: bytes) -> None:
    """What it cannot read is not read, and nothing raises."""
    assert_read_alike(body)


@given(INT64, st.text(max_size=20), st.data())
def test_a_reply_with_a_wrong_byte_or_cut_off_is_no_surprise(rejected: int, reason: str, data: st.DataObject) -> None:
    """Most of it is right, so that the reader comes far."""
    body = bytearray(reply(rejected, reason))
    for _ in range(data.draw(st.integers(1, 3))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(0, len(body)))])
    assert_read_alike(cut)


@pytest.mark.parametrize("read", [partial_success, status_message])
def test_a_long_reply_takes_no_time(read: Any) -> None:
    """The poster reads 64 KiB at most; every step goes forward."""
    for body in (
        b"\x08\x01" * 32_768,
        b"\x0a\x00" * 32_768,
        b"\xff" * 65_536,
        b"\x0a\xfd\xff\x03" + b"\x08\x01" * 32_766,
    ):
        assert read(body) in ((0, ""), (1, ""), "", None)
