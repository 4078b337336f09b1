"""Group commit: who shares an insert, and what a failed one means for each sender."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shadowroute.collector.otlp.bodies import from_protobuf
from shadowroute.collector.otlp.decode import decode_traces
from shadowroute.collector.otlp.limits import Limits
from shadowroute.collector.store import Store
from shadowroute.collector.store.writer import (
    ALONE_ROWS,
    GROUP_ROWS,
    LINGER_S,
    Batch,
    WriteError,
    Writer,
    body_token,
    group_token,
    take_group,
)
from tests.support.otlp import Sent, decision, traces


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

    def insert_arrow(self, _table: str, rows: pa.Table, settings: dict[str, str]) -> None:
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


def test_a_large_body_sent_twice_is_stored_once(store: Store) -> None:
    """The engine recognises the token: the span table has no copy, the views neither."""
    spans = [Sent(decision(f"r{number}"), span_id=number.to_bytes(8, "big")) for number in range(1, ALONE_ROWS + 1)]
    body = traces(*spans)
    rows = decode_traces(from_protobuf(body, ExportTraceServiceRequest), Limits()).rows.arrow()
    writer = Writer(store)
    for _ in range(2):
        writer.submit(rows, body_token(body)).result(10)
    assert writer.close()
    for name in ("otel_traces", "decisions"):
        assert store.client().query(f"SELECT count() FROM {name}").result_rows == [(ALONE_ROWS,)]


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
