"""Bodies of the ClickHouse protocol: frames in every encoding, and where SQL ends and data begins."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from shadowroute.collector.doors.wire import BodyError, inflate, split_insert

PACK: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
ENCODINGS = sorted(PACK)


@given(encoding=st.sampled_from(ENCODINGS), parts=st.lists(st.binary(max_size=3_000), min_size=1, max_size=6))
def test_every_frame_of_a_body_is_read(encoding: str, parts: list[bytes]) -> None:
    """A client sends an insert as several frames; none is lost, in any encoding."""
    body = b"".join(PACK[encoding](part) for part in parts)
    assert inflate(body, encoding, limit=1 << 20) == b"".join(parts)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_large_frames_are_read_whole(encoding: str) -> None:
    """Frames larger than the piece that is read at once come out whole."""
    data = bytes(range(256)) * 20_000
    assert inflate(PACK[encoding](data) * 2, encoding, limit=20 << 20) == data * 2


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_bomb_is_stopped(encoding: str) -> None:
    """The limit holds after inflation, whatever the size on the wire."""
    body = PACK[encoding](bytes(8 << 20))
    assert len(body) < 100_000
    with pytest.raises(BodyError, match="body must be at most 4 MiB when inflated") as caught:
        inflate(body, encoding, limit=4 << 20)
    assert caught.value.status == 413


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b"\x00garbage" + b, lambda b: b[:4]])
def test_broken_frames_are_refused(encoding: str, damage: Callable[[bytes], bytes]) -> None:
    """A cut or damaged body is an error, never fewer rows."""
    with pytest.raises(BodyError, match=f"must be {encoding} frames") as caught:
        inflate(damage(PACK[encoding](b"some rows" * 50)), encoding, limit=1 << 20)
    assert caught.value.status == 400


def test_an_unknown_encoding_is_named() -> None:
    """The message lists what can be sent."""
    with pytest.raises(BodyError, match="must be one of lz4, zstd, gzip, deflate, got 'br'") as caught:
        inflate(b"x", "br", limit=10)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("body", "sql", "data_format", "data"),
    [
        (b"INSERT INTO t FORMAT Native\n\x00\n\xff", "INSERT INTO t", "Native", b"\x00\n\xff"),
        (b"insert into t (a, `b c`) format CSV\n1,2\n", "insert into t (a, `b c`)", "CSV", b"1,2\n"),
        (b"INSERT INTO `d`.`t`\n(`x)y`)\nFORMAT Native\nN", "INSERT INTO `d`.`t`\n(`x)y`)", "Native", b"N"),
        (b"INSERT INTO t SETTINGS max_threads=1 FORMAT TSV\n1", "INSERT INTO t SETTINGS max_threads=1", "TSV", b"1"),
        ("INSERT INTO t (`ä`) FORMAT CSV\nö".encode(), "INSERT INTO t (`ä`)", "CSV", "ö".encode()),
        (b"INSERT INTO TABLE t FORMAT CSV", "INSERT INTO TABLE t", "CSV", b""),
        (
            b"INSERT INTO t(a)VALUES (1), ('x FORMAT Native\n');",
            "INSERT INTO t(a)",
            "Values",
            b"(1), ('x FORMAT Native\n');",
        ),
        (b"INSERT INTO `values` VALUES\n(1)", "INSERT INTO `values`", "Values", b"(1)"),
    ],
)
def test_sql_and_data_are_told_apart(body: bytes, sql: str, data_format: str, data: bytes) -> None:
    """The statement ends with the line of its FORMAT; everything after it is data, byte by byte."""
    found = split_insert("", body)
    assert found is not None
    assert (found[0], found[1], bytes(found[2])) == (sql, data_format, data)


@pytest.mark.parametrize(
    "body",
    [
        b"SELECT 1 FORMAT Native\n",
        b"INSERT INTO t SELECT 1 FORMAT Native\n",
        b"INSERT INTO FUNCTION file('x') FORMAT Native\n",
        b"",
    ],
)
def test_other_statements_stay_whole(body: bytes) -> None:
    """Only `INSERT INTO table (columns)` with FORMAT or VALUES is followed by data."""
    assert split_insert("", body) is None


def test_the_statement_may_stand_in_the_address() -> None:
    """With the SQL in the URL, the whole body is data."""
    found = split_insert("INSERT INTO t (a) FORMAT CSV", b"INSERT INTO u FORMAT CSV\n1")
    assert found is not None
    assert (found[0], bytes(found[2])) == ("INSERT INTO t (a)", b"INSERT INTO u FORMAT CSV\n1")
    found = split_insert("INSERT INTO t VALUES (1),", b"(2)")
    assert found is not None
    assert (found[0], bytes(found[2])) == ("INSERT INTO t", b"(1),(2)")
