"""Server-sent events, however the network cuts them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.providers import sse
from shadow.providers.sse import EventStream, EventTooLargeError

STREAM = b': hello\r\ndata: {"a": 1}\r\n\r\nevent: x\ndata: b\ndata:c\n\nid: 7\r\rdata: \xc3\xa9\r\rdata\n\ndata: last'
EVENTS = ['{"a": 1}', "b\nc", "é", "", "last"]


def parse(*pieces: bytes) -> list[str]:
    stream = EventStream()
    return [*(event for piece in pieces for event in stream.feed(piece)), *stream.end()]


def test_events_are_read_with_every_line_end_and_comments_are_dropped() -> None:
    """LF, CR LF and CR end a line; only `data` is kept, joined by newlines within an event."""
    assert parse(STREAM) == EVENTS


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_the_cuts_of_the_network_change_nothing(cuts: list[int]) -> None:
    """Any division into pieces gives the same events, also between CR and LF and inside a character."""
    bounds = [0, *sorted(cuts), len(STREAM)]
    assert parse(*(STREAM[a:b] for a, b in pairwise(bounds))) == EVENTS


def test_an_event_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: a line or an event beyond the limit is an error."""
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    with pytest.raises(EventTooLargeError):
        parse(b"data: " + b"x" * 200)
    with pytest.raises(EventTooLargeError):
        parse(*[b"data: 1234567890\n"] * 20)
