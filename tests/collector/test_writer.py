"""Group commit: who shares an insert, and what a failed one means for each sender."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from shadowroute.collector.store import writer as writer_module
from shadowroute.collector.store.writer import (
    ALONE_ROWS,
    ENOUGH_ROWS,
    GROUP_ROWS,
    LINGER_S,
    Batch,
    WriteError,
    Writer,
    WriterStats,
    body_token,
    group_token,
    take_group,
)


def table(rows: int) -> pa.Table:
    return pa.table({"x": pa.array(range(rows), pa.int64())})


def batch(rows: int, body: str = "some") -> Batch:
    return Batch(table(rows), body)


class FakeStore:
    """Records inserts; `fail` may raise for the rows of one."""

    def __init__(self, fail: Callable[[int], None] = lambda _rows: None, gate: threading.Event | None = None) -> None:
        self.inserts: list[tuple[int, str]] = []
        self._fail = fail
        self._gate = gate

    def client(self) -> FakeStore:
        return self

    def insert_arrow(self, table: str, rows: pa.Table, settings: dict[str, str]) -> None:
        assert (table, list(settings)) == ("otel_traces", ["insert_deduplication_token"])
        if self._gate is not None:
            self._gate.wait(5)
        self._fail(rows.num_rows)
        self.inserts.append((rows.num_rows, settings["insert_deduplication_token"]))


def writer_on(fake: FakeStore) -> Writer:
    return Writer(cast("Any", fake))


def test_a_large_body_is_a_block_of_its_own() -> None:
    """It keeps its own token, whoever waits beside it."""
    group, rest = take_group([batch(ALONE_ROWS), batch(1), batch(2)])
    assert ([b.rows.num_rows for b in group], [b.rows.num_rows for b in rest]) == ([ALONE_ROWS], [1, 2])


def test_a_body_below_that_size_is_a_small_one() -> None:
    """They share an insert that may grow beyond its size by the last of them."""
    group, rest = take_group([batch(ALONE_ROWS - 1), batch(ALONE_ROWS - 1), batch(1002), batch(1)])
    assert [b.rows.num_rows for b in group] == [ALONE_ROWS - 1, ALONE_ROWS - 1, 1002]
    assert [b.rows.num_rows for b in rest] == [1]
    assert sum(b.rows.num_rows for b in group) == GROUP_ROWS


def test_small_bodies_share_an_insert_up_to_its_size() -> None:
    """In order of arrival, until the insert is large enough; large ones are left for their own."""
    waiting = [batch(400) for _ in range(20)]
    waiting.insert(1, batch(ALONE_ROWS))
    group, rest = take_group(waiting)
    assert sum(b.rows.num_rows for b in group) == GROUP_ROWS + 200
    assert rest[0].rows.num_rows == ALONE_ROWS
    assert len(group) + len(rest) == len(waiting)


def test_a_shared_token_does_not_depend_on_the_order() -> None:
    """The same bodies in one insert again are recognised; other company is another token."""
    one, two, three = batch(1, "a"), batch(1, "b"), batch(1, "c")
    assert group_token([one, two]) == group_token([two, one]) != group_token([one, three])
    assert group_token([one]) == "a"


def test_tokens_are_the_same_in_every_process() -> None:
    """A sender repeats a body after the receiver was started again: it must still be the same block."""
    assert body_token(b"a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    shared = group_token([batch(1, "b"), batch(1, "a")])
    assert shared == "7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78"


def test_bodies_that_arrive_during_an_insert_gather() -> None:
    """While the store is busy the next insert grows; everyone is answered."""
    gate = threading.Event()
    fake = FakeStore(gate=gate)
    writer = writer_on(fake)
    first = writer.submit(table(1), "first")
    while writer.stats.waiting:
        time.sleep(0.001)
    others = [writer.submit(table(2), f"other {number}") for number in range(10)]
    gate.set()
    for done in (first, *others):
        done.result(5)
    assert [rows for rows, _ in fake.inserts] == [1, 20]
    assert writer.close()


def test_an_idle_writer_inserts_at_once_and_then_spaces_small_inserts() -> None:
    """The first body does not linger; the next small one waits for company."""
    fake = FakeStore()
    writer = writer_on(fake)
    began = time.monotonic()
    writer.submit(table(1), "a").result(5)
    at_once = time.monotonic() - began
    writer.submit(table(1), "b").result(5)
    assert at_once < LINGER_S <= time.monotonic() - began + 0.05
    assert writer.close()


def test_many_rows_do_not_wait_for_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer do; what waits is stored at once by a stop. The counts tell of both."""
    monkeypatch.setattr(writer_module, "LINGER_S", 20.0)
    fake = FakeStore()
    writer = writer_on(fake)
    writer.submit(table(1), "a").result(30)
    writer.submit(table(ENOUGH_ROWS), "b").result(30)
    few, fewer = writer.submit(table(ENOUGH_ROWS - 2), "c"), writer.submit(table(1), "d")
    time.sleep(0.02)
    assert (few.done(), fewer.done(), writer.stats.waiting) == (False, False, 2)
    assert writer.close()
    assert [rows for rows, _ in fake.inserts] == [1, ENOUGH_ROWS, ENOUGH_ROWS - 1]
    stats = writer.stats
    assert (stats.inserts, stats.rows, stats.failures, stats.waiting) == (3, 2 * ENOUGH_ROWS, 0, 0)


def test_the_time_of_inserts_is_counted() -> None:
    """It is nothing before the first, and at least what the store took."""
    fake = FakeStore(lambda _rows: time.sleep(0.02))
    writer = writer_on(fake)
    assert writer.stats == WriterStats()
    writer.submit(table(1), "a").result(30)
    assert writer.close()
    assert 0.02 <= writer.stats.seconds < 30


def test_a_stop_waits_as_long_as_it_is_told_to() -> None:
    """It says whether everything is stored."""
    gate = threading.Event()
    writer = writer_on(FakeStore(gate=gate))
    waiting = writer.submit(table(1), "a")
    assert not writer.close(0.01)
    gate.set()
    assert writer.close()
    assert waiting.exception(0) is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DatabaseError("\n Code: 27. cannot parse\nlong trace"), "Code: 27. cannot parse"),
        (OperationalError("x" * 301), "x" * 300),
        (ValueError(" "), "ValueError"),
        (ValueError("wrong type"), "wrong type"),
    ],
)
def test_each_sender_is_told_why_and_the_next_one_is_served(
    error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By one line of the error, of whatever kind it is; the log has it, too."""

    def fail(rows: int) -> None:
        if rows == 7:
            raise error

    writer = writer_on(FakeStore(fail))
    refused = writer.submit(table(7), "a").exception(30)
    assert isinstance(refused, WriteError)
    assert str(refused) == reason
    writer.submit(table(1), "b").result(30)
    assert writer.close()
    assert (writer.stats.failures, writer.stats.inserts) == (1, 1)
    (logged,) = caplog.records
    assert logged.levelname == "ERROR"
    assert logged.getMessage() == (
        f"insert of 1 bodies failed; their rows are not stored, the senders retry; check the store: {reason}"
    )


def test_one_refused_body_does_not_hold_up_its_neighbours() -> None:
    """A group that the store refuses is tried body by body; only the wrong one fails, with the store's reason."""

    def fail(rows: int) -> None:
        if rows in {13, 16}:
            raise DatabaseError("Code: 27. cannot parse\nlong trace")

    gate = threading.Event()
    fake = FakeStore(fail, gate)
    writer = writer_on(fake)
    writer.submit(table(1), "first")
    while writer.stats.waiting:
        time.sleep(0.001)
    good, bad = writer.submit(table(3), "good"), writer.submit(table(13), "bad")
    gate.set()
    good.result(5)
    with pytest.raises(WriteError, match=r"^Code: 27\. cannot parse$"):
        bad.result(5)
    assert fake.inserts[1] == (3, "good")
    assert writer.close()


def test_a_store_that_does_not_answer_is_asked_once_for_a_group() -> None:
    """Trying each body against a dead server would only multiply its time-out."""
    calls: list[int] = []

    def fail(rows: int) -> None:
        calls.append(rows)
        raise OperationalError("connection refused")

    gate = threading.Event()
    writer = writer_on(FakeStore(fail, gate))
    writer.submit(table(1), "first")
    while writer.stats.waiting:
        time.sleep(0.001)
    waiting = [writer.submit(table(1), str(number)) for number in range(5)]
    gate.set()
    for done in waiting:
        with pytest.raises(WriteError, match="connection refused"):
            done.result(5)
    assert calls == [1, 5]
    assert writer.stats.failures == 2
    assert writer.close()


def test_closing_stores_what_waits_and_refuses_what_comes_later() -> None:
    """No accepted body is lost by a clean stop."""
    gate = threading.Event()
    fake = FakeStore(gate=gate)
    writer = writer_on(fake)
    waiting = [writer.submit(table(1), str(number)) for number in range(3)]
    threading.Timer(0.05, gate.set).start()
    assert writer.close()
    assert all(done.done() and done.exception() is None for done in waiting)
    with pytest.raises(WriteError, match="the receiver is stopping"):
        writer.submit(table(1), "late").result(1)


def test_a_sender_that_is_gone_harms_no_other() -> None:
    """A cancelled request cannot end the writing thread: its rows are stored, and so are those that wait with it."""
    gate = threading.Event()
    fake = FakeStore(gate=gate)
    writer = writer_on(fake)
    writer.submit(table(1), "busy")
    gone, beside = writer.submit(table(3), "gone"), writer.submit(table(2), "beside")
    gone.cancel()
    gate.set()
    beside.result(timeout=10)
    assert writer.close()
    assert sum(rows for rows, _ in fake.inserts) == 6
