"""What is posted is compressed in pieces, with rests between them."""

from __future__ import annotations

import gzip
import time

import pytest

from shadow.runtime import lock_yielding
from shadow.telemetry.export.compress import PIECE_BYTES, gzipped


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 10 * PIECE_BYTES + 7])
def test_a_reader_of_gzip_finds_the_body(size: int) -> None:
    """Empty, one piece, and several; the same bytes each time, so that a collector may know a retry."""
    body = bytes(number % 251 for number in range(size))
    assert gzip.decompress(gzipped(body)) == body
    assert gzipped(body) == gzipped(body)


def test_a_large_body_leaves_the_core_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rest after each slice of work: a request on the same core waits for one of them, not for the whole body."""
    rests: list[float] = []
    monkeypatch.setattr(time, "sleep", rests.append)
    monkeypatch.setattr(lock_yielding, "SLICE_S", 0.0)
    gzipped(bytes(20 * PIECE_BYTES))
    assert rests == [lock_yielding.REST_S] * 20
