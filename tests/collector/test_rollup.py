"""The rollup worker: sums equal a row-by-row computation, whatever arrives again, late, or in another order."""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.money import cost_cube
from shadowroute.analysis.queries.pairs import pairs
from shadowroute.analysis.queries.signal_cells import signal_cells
from shadowroute.analysis.selection import ALL, PolicyRef, Segment, Slice, Window
from shadowroute.analysis.signals import SignalRow
from shadowroute.collector import rollup
from shadowroute.collector.errors import StoreUnreachableError
from shadowroute.collector.price_books import pin
from shadowroute.collector.rollup import MOST_SEGMENT_VALUES, TABLES, Rollup
from shadowroute.collector.store import Store
from shadowroute.collector.store.dsn import parse
from shadowroute.collector.store.migrate import migrations, statements
from tests.support import contract_traffic, decision_rows
from tests.support.contract_traffic import FIRST_DAY, LAST_DAY, POLICIES, Sums, changed, insert
from tests.support.stores import fresh_store

WINDOW = Window(FIRST_DAY, LAST_DAY)
THUMBS = SignalRow(name="thumbs", source="user", n=0)
BOOKS = {"plain": 1.0, "triple": 3.0}


@pytest.fixture(scope="module")
def week(engine_folder: Path) -> Iterator[tuple[Store, contract_traffic.Traffic]]:
    """A store with the week's spans, without what comes late; tests of this module change it in order."""
    sent = contract_traffic.traffic(3_000)
    with fresh_store(engine_folder) as store:
        for book, factor in BOOKS.items():
            pin(store.client(), "default", contract_traffic.price_rows(factor), book, "test")
        insert(store.client(), sent.spans, token="first")
        yield store, sent


def measured(client: Client, policy: tuple[str, str], book: str = "plain", where: Slice = ALL) -> Sums:
    """What the product's own queries add up to."""
    queries = Queries(client, "default")
    ref = PolicyRef(*policy)
    decided = pairs(queries, WINDOW, ref, where)
    costs = cost_cube(queries, WINDOW, ref, book, where).sums()
    signals = signal_cells(queries, WINDOW, ref, THUMBS, where)
    return Sums(
        compared=decided.model.total,
        diverging=float(decided.model.numerator.sum()),
        failed=decided.failed_weight,
        cascades=decided.escalated.total,
        escalations_known=decided.escalated_known.total,
        escalations=float(decided.escalated.numerator.sum()),
        live_usd=float(costs.live.numerator.sum()),
        shadow_usd=float(costs.shadow.numerator.sum()),
        unknown_usd=float(costs.unknown.numerator.sum()),
        signals=sum(s.score.total for s in signals),
        signal_sum=float(sum(s.score.numerator.sum() for s in signals)),
    )


def equal(one: Sums, other: Sums, tolerance: float) -> bool:
    return vars_of(one) == pytest.approx(vars_of(other), rel=tolerance, abs=1e-12)


def vars_of(sums: Sums) -> dict[str, float]:
    return {name: getattr(sums, name) for name in sums.__dataclass_fields__}


def tables(client: Client) -> dict[str, list[tuple[Any, ...]]]:
    """Every rollup row of every project, in order, the arrays of a row laid out flat; without arrival times."""
    arrival = {"request_sample": "EXCEPT (ingested_at)"}
    return {
        table: [
            tuple(part for value in row for part in (value if isinstance(value, list) else [value]))
            for row in client.query(f"SELECT * {arrival.get(table, '')} FROM {table} ORDER BY ALL").result_rows
        ]
        for table in TABLES
    }


def assert_same(one: Mapping[str, list[tuple[Any, ...]]], other: Mapping[str, list[tuple[Any, ...]]]) -> None:
    """Counts and keys exactly, sums to 1e-12 relative: they may be added in another order, and some cancel to 0."""
    for table in TABLES:
        assert len(one[table]) == len(other[table]), table
        for left, right in zip(one[table], other[table], strict=True):
            exact = [value for value in left if not isinstance(value, float)]
            assert exact == [value for value in right if not isinstance(value, float)]
            sums = [value for value in left if isinstance(value, float)]
            assert sums == pytest.approx([v for v in right if isinstance(v, float)], rel=1e-12, abs=1e-9)


def test_sums_equal_a_row_by_row_computation(week: tuple[Store, contract_traffic.Traffic]) -> None:
    """Divergence, escalations, costs under two books and failures agree to 1e-9 with plain Python."""
    store, sent = week
    result = Rollup(store, labels=["team"]).run_once()
    assert (result.days, result.rows > 0, result.as_of.tzinfo) == (5, True, dt.UTC)
    for policy in POLICIES:
        for book, factor in BOOKS.items():
            want = contract_traffic.sums(sent.truths, policy, late_outcomes=False, late_signals=False, factor=factor)
            assert equal(measured(store.client(), policy, book), want, 1e-9), (policy, book)


def test_segments_add_up_to_the_whole(week: tuple[Store, contract_traffic.Traffic]) -> None:
    """Every segment holds exactly its requests, labels included."""
    store, sent = week
    for policy in POLICIES:
        coders = [truth for truth in sent.truths if truth.task == "code"]
        want = contract_traffic.sums(coders, policy, late_outcomes=False, late_signals=False)
        assert equal(measured(store.client(), policy, where=Segment("task", "code")), want, 1e-9)
    team = [truth for truth in sent.truths if truth.request_id < "8"]
    want = contract_traffic.sums(team, POLICIES[0], late_outcomes=False, late_signals=False)
    assert equal(measured(store.client(), POLICIES[0], where=Segment("label:team", "a")), want, 1e-9)


def test_redelivery_changes_nothing(week: tuple[Store, contract_traffic.Traffic]) -> None:
    """The same batches, and the same spans in other batches, leave every row of every rollup as it was."""
    store, sent = week
    before = tables(store.client())
    insert(store.client(), sent.spans, token="first")
    shuffled = list(sent.spans)
    random.Random(1).shuffle(shuffled)
    insert(store.client(), shuffled, batch=777)
    assert Rollup(store).run_once().days == 5
    assert_same(tables(store.client()), before)


def test_late_outcomes_and_signals_are_applied(week: tuple[Store, contract_traffic.Traffic]) -> None:
    """What comes days later counts as if it had come in time, however often it is delivered."""
    store, sent = week
    insert(store.client(), sent.signals, batch=500)
    insert(store.client(), sent.late_outcomes)
    insert(store.client(), sent.late_outcomes)
    insert(store.client(), sent.signals[:200])
    Rollup(store).run_once()
    for policy in POLICIES:
        want = contract_traffic.sums(sent.truths, policy, late_outcomes=True, late_signals=True)
        assert equal(measured(store.client(), policy), want, 1e-9), policy


def test_stale_copies_after_newer_facts_change_nothing(week: tuple[Store, contract_traffic.Traffic]) -> None:
    """Unreported spans redelivered after their outcome do not take it back; a rebuild from scratch agrees."""
    store, sent = week
    before = tables(store.client())
    insert(store.client(), sent.spans[:4_000])
    insert(store.client(), sent.late_outcomes)
    Rollup(store).run_once()
    assert_same(tables(store.client()), before)
    store.client().command("TRUNCATE TABLE rollup_runs")
    Rollup(store).run_once()
    assert_same(tables(store.client()), before)


def test_a_changed_mind_wins_and_stays(week: tuple[Store, contract_traffic.Traffic]) -> None:
    """The newest value of a signal counts, even if an older one is delivered after it, or by another id."""
    store, sent = week
    thumb = next(s for s in sent.signals if "llm_router.request.id" in s[contract_traffic.ATTRIBUTES])
    request_id = thumb[contract_traffic.ATTRIBUTES]["llm_router.request.id"]
    truth = next(t for t in sent.truths if t.request_id == request_id)
    value = truth.signal or 0.0
    policy = next(p for p in POLICIES if truth.choices[p].model and not truth.contaminated)
    before = measured(store.client(), policy)
    other = changed(thumb, later_s=1, gen_ai__evaluation__score__value=str(1 - value))
    insert(store.client(), [other])
    insert(store.client(), [thumb])
    Rollup(store).run_once()
    after = measured(store.client(), policy)
    assert after.signal_sum - before.signal_sum == pytest.approx(truth.weight * (1 - 2 * value))
    by_response = changed(
        thumb, later_s=2, llm_router__request__id="", gen_ai__response__id=f"chatcmpl-{request_id}",
        llm_router__signal__deleted="true",
    )  # fmt: skip
    insert(store.client(), [by_response])
    Rollup(store).run_once()
    withdrawn = measured(store.client(), policy)
    assert before.signals - withdrawn.signals == pytest.approx(truth.weight)


def number(client: Client, sql: str) -> int:
    found = client.command(sql)
    assert isinstance(found, int)
    return found


def test_facts_may_come_before_their_decision(store: Store) -> None:
    """An outcome and a signal that overtake their spans are found when the spans arrive."""
    sent = contract_traffic.traffic(400)
    outcome = sent.late_outcomes[0]
    request_id = outcome[contract_traffic.ATTRIBUTES]["llm_router.request.id"]
    spans = [s for s in sent.spans if s[contract_traffic.ATTRIBUTES]["llm_router.request.id"] == request_id]
    signal = changed(sent.signals[0], llm_router__request__id=request_id, gen_ai__response__id="")
    insert(store.client(), [outcome, signal])
    assert Rollup(store).run_once().days == 0
    insert(store.client(), spans)
    assert Rollup(store).run_once().days == 1
    client = store.client()
    assert client.query("SELECT DISTINCT outcome_status, revision > 0 FROM decisions FINAL").result_rows == [
        ("complete", 1)
    ]
    assert number(client, "SELECT sum(n) FROM cost_daily WHERE segment_key = 'all' AND side = 'live'") > 0
    assert number(client, "SELECT sum(n) FROM signal_daily WHERE segment_key = 'all'") > 0


def test_the_newest_late_outcome_wins(store: Store) -> None:
    """Two late outcomes of a request: the later event counts, whichever is applied first."""
    sent = contract_traffic.traffic(400)
    outcome = sent.late_outcomes[0]
    request_id = outcome[contract_traffic.ATTRIBUTES]["llm_router.request.id"]
    newer = changed(outcome, later_s=60, gen_ai__usage__output_tokens="4242")
    insert(
        store.client(), [s for s in sent.spans if s[contract_traffic.ATTRIBUTES]["llm_router.request.id"] == request_id]
    )
    for late in ([outcome], [newer], [outcome]):
        insert(store.client(), late)
        Rollup(store).run_once()
    assert store.client().query("SELECT DISTINCT output_tokens FROM decisions FINAL").result_rows == [(4242,)]


def test_projects_do_not_touch_each_other(store: Store) -> None:
    """The same requests in another project, and far in the past, are that project's alone."""
    sent = contract_traffic.traffic(60)
    insert(store.client(), sent.spans)
    Rollup(store).run_once()
    before = tables(store.client())
    old = [
        changed(
            span,
            project="it's backtest-1",
            llm_router__request__time_us="946684800000000",
            llm_router__origin="backtest",
        )
        for span in sent.spans
    ]
    for _ in range(2):
        insert(store.client(), old)
        Rollup(store).run_once()
    after = tables(store.client())
    assert_same({table: [row for row in rows if row[0] == "default"] for table, rows in after.items()}, before)
    counts = (
        "SELECT day, sum(n) FROM pair_daily WHERE project = 'it\\'s backtest-1' AND segment_key = 'all' GROUP BY day"
    )
    assert store.client().query(counts).result_rows == [(dt.date(2000, 1, 1), 240)]


def test_a_signal_without_a_project_goes_where_its_request_is(store: Store) -> None:
    """Whichever comes first; a withdrawal follows. An id that several projects know stays: nobody knows whose it is."""
    client = store.client()
    now = dt.datetime.now(dt.UTC)
    first = {"project": "shop", "request_id": "r1", "response_id": "chatcmpl-1"}
    known = [first, {"project": "shop", "request_id": "both"}, {"project": "other", "request_id": "both"}]
    own = [{"project": "default", "request_id": "mine"}, {"project": "shop", "request_id": "mine"}]
    test_of = [{"project": "backtest-1", "request_id": "q1", "origin": "backtest"}]
    decision_rows.insert(client, "decisions", [*known, *own, *test_of])
    sent = ("response:chatcmpl-1", "both", "mine", "q1", "later")
    decision_rows.insert(client, "signals", [{"project": "default", "target": target} for target in sent])
    taken = "SELECT project, target, is_deleted FROM signals FINAL WHERE project != 'default' ORDER BY target"
    Rollup(store).run_once()
    assert client.query(taken).result_rows == [("shop", "response:chatcmpl-1", 0)]
    assert number(client, "SELECT count() FROM signals WHERE project = 'default'") == 5
    decision_rows.insert(client, "decisions", [{"project": "shop", "request_id": "later", "ingested_at": now}])
    decision_rows.insert(client, "signals", [{"project": "default", "target": sent[0], "version": 9, "is_deleted": 1}])
    Rollup(store).run_once()
    Rollup(store).run_once()
    assert client.query(taken).result_rows == [("shop", "later", 0)]
    assert number(client, "SELECT count() FROM signals WHERE project = 'shop'") == 3


def test_rare_values_are_summed_as_other(store: Store) -> None:
    """Beyond fifty values of a key, the first seen keep their own sums and the rest is `other`; nothing is lost."""
    sent = contract_traffic.traffic(150)
    spans = [changed(span, llm_router__task=f"task-{index // 4 % 75:02}") for index, span in enumerate(sent.spans)]
    insert(store.client(), spans[:160])
    Rollup(store).run_once()
    first = {
        v
        for (v,) in store.client()
        .query("SELECT DISTINCT segment_value FROM pair_daily WHERE segment_key = 'task'")
        .result_rows
    }
    assert len(first) == 40
    insert(store.client(), spans)
    Rollup(store).run_once()
    rows = (
        store.client()
        .query("SELECT segment_value, sum(n) FROM pair_daily WHERE segment_key = 'task' GROUP BY segment_value")
        .result_rows
    )
    by_value: dict[str, int] = dict(map(tuple, rows))
    assert len(by_value) == MOST_SEGMENT_VALUES + 1
    assert first < by_value.keys()
    assert sum(by_value.values()) == store.client().command("SELECT sum(n) FROM pair_daily WHERE segment_key = 'all'")
    assert by_value["other"] == 25 * 2 * 4


def test_a_label_becomes_a_segment_for_all_days(store: Store) -> None:
    """A label declared later covers the days before; a worker that was not told of it keeps it."""
    labelled = "SELECT count(DISTINCT day) FROM pair_daily WHERE segment_key = 'label:team'"
    insert(store.client(), contract_traffic.traffic(50).spans)
    Rollup(store).run_once()
    store.client().command(
        "ALTER TABLE decisions UPDATE ingested_at = ingested_at - INTERVAL 1 DAY WHERE 1 SETTINGS mutations_sync = 2"
    )
    assert store.client().command(labelled) == 0
    assert Rollup(store, labels=["team", "never-sent"]).run_once().days == 5
    assert store.client().command(labelled) == 5
    insert(store.client(), contract_traffic.traffic(50).spans)
    Rollup(store).run_once()
    assert store.client().command(labelled) == 5


def test_a_store_from_before_the_counts_gets_them(store: Store) -> None:
    """Days that were summed before the tables of counts existed are built once more, and then left alone."""
    client = store.client()
    insert(client, contract_traffic.traffic(200).spans)
    Rollup(store).run_once()
    before = tables(client)
    client.command(
        "ALTER TABLE decisions UPDATE ingested_at = ingested_at - INTERVAL 1 DAY WHERE 1 SETTINGS mutations_sync = 2"
    )
    assert Rollup(store).run_once().days == 0
    client.command("TRUNCATE TABLE count_daily")
    client.command("TRUNCATE TABLE count_hourly")
    client.command(
        "ALTER TABLE pair_daily UPDATE w_sign_1 = 0, w_sign_2 = 0, w_sign_3 = 0, w_sign_4 = 0 WHERE 1"
        " SETTINGS mutations_sync = 2"
    )
    assert Rollup(store).run_once().days == 5
    assert_same(tables(client), before)
    assert Rollup(store).run_once().days == 0


def test_a_store_from_before_the_sums_of_all_traffic_gets_them(store: Store) -> None:
    """The migration takes over what is rolled up, sealed days too; cut off and run again, it does not count twice."""
    client = store.client()
    sent = contract_traffic.traffic(200)
    insert(client, [*sent.spans, *sent.signals])
    Rollup(store).run_once()
    before = tables(client)
    overall = [table for table in rollup.TABLES if table.endswith("_overall")]
    assert all(before[table] for table in overall)
    (added,) = (migration for migration in migrations() if migration.name == "0010_overall.sql")
    for _ in range(2):
        for statement in statements(added.sql):
            client.command(statement)
        assert_same(tables(client), before)


def test_a_sealed_day_is_left_alone(store: Store) -> None:
    """A day of which rows may have expired is not rebuilt; what still arrives for it is counted."""
    sent = contract_traffic.traffic(50)
    client = store.client()
    insert(client, sent.spans)
    Rollup(store).run_once()
    client.command(
        "ALTER TABLE decisions UPDATE ingested_at = now64(3) - toIntervalDay({days:UInt16}) WHERE role = 'live'",
        parameters={"days": rollup.REBUILD_DAYS + 1},
        settings={"mutations_sync": 2},
    )
    client.command("TRUNCATE TABLE pair_daily")
    more = [changed(span, llm_router__policy__name="late") for span in sent.spans if span[3] == "shadow cheap"]
    insert(client, more)
    assert Rollup(store).run_once().days == 0
    assert client.command("SELECT count() FROM pair_daily") == 0
    assert number(client, "SELECT late_after_seal FROM rollup_runs ORDER BY started_at DESC LIMIT 1") >= len(more)


def test_a_day_that_lost_all_its_rows_is_dropped(store: Store) -> None:
    """A table without rows for a day gives its old ones up: withdrawn signals leave no sums."""
    sent = contract_traffic.traffic(100)
    insert(store.client(), [*sent.spans, *sent.signals])
    Rollup(store).run_once()
    assert number(store.client(), "SELECT count() FROM signal_daily") > 0
    insert(store.client(), [changed(s, later_s=1, llm_router__signal__deleted="true") for s in sent.signals])
    Rollup(store).run_once()
    assert store.client().command("SELECT count() FROM signal_daily") == 0
    assert store.client().command("SELECT count() FROM signal_overall") == 0
    assert number(store.client(), "SELECT count() FROM pair_daily") > 0


@pytest.mark.parametrize(("limit", "value"), [("MOST_ROWS_AT_ONCE", 0), ("MOST_DAYS_AT_ONCE", 2)])
def test_days_that_are_summed_together_have_the_sums_of_each(
    store: Store, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    """Five small days at once, or one or two at a time, give the same rows; another project is summed apart."""
    client = store.client()
    sent = contract_traffic.traffic(200)
    insert(client, [*sent.spans, *sent.signals, *(changed(span, project="other") for span in sent.spans)])
    assert Rollup(store, labels=["team"]).run_once().days == 10
    together = tables(client)
    client.command("TRUNCATE TABLE rollup_runs")
    monkeypatch.setattr(rollup, limit, value)
    assert Rollup(store).run_once().days == 10
    assert_same(tables(client), together)


def test_only_small_days_of_one_project_are_summed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order; a day of more rows than may be summed at once is alone."""
    monkeypatch.setattr(rollup, "MOST_ROWS_AT_ONCE", 100)
    monkeypatch.setattr(rollup, "MOST_DAYS_AT_ONCE", 3)
    stored = {"a": [60, 40, 1, 101, 1, 1, 1, 1], "b": [1]}
    days = [
        rollup._Day(project, dt.date(2026, 1, number), sealed=False, arrived=1, stored=rows)
        for project, each in stored.items()
        for number, rows in enumerate(each, 1)
    ]
    batches = list(rollup._together(days))
    assert [[day.stored for day in batch] for batch in batches] == [[60, 40], [1], [101], [1, 1, 1], [1], [1]]
    assert [day for batch in batches for day in batch] == days


def test_two_workers_at_once_agree(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even without the lock of one process, as on a server, workers build in private and swap in whole days."""
    insert(store.client(), contract_traffic.traffic(200).spans)
    Rollup(store).run_once()
    before = tables(store.client())
    errors: list[Exception] = []

    def work() -> None:
        worker = Rollup(store)
        worker._lock = threading.Lock()
        try:
            for _ in range(3):
                worker.run_once()
        except DatabaseError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert_same(tables(store.client()), before)
    assert store.client().query("SHOW TABLES LIKE '%_stage_%'").result_rows == []


def test_a_failed_run_is_done_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure nothing is half swapped, no stage is left, and the next run does all the work."""
    insert(store.client(), contract_traffic.traffic(50).spans)
    original = rollup._sql
    monkeypatch.setattr(rollup, "_sql", lambda name: "SELECT broken" if name == "signal_daily" else original(name))
    with pytest.raises(DatabaseError):
        Rollup(store).run_once()
    assert store.client().query("SHOW TABLES LIKE '%_stage_%'").result_rows == []
    monkeypatch.setattr(rollup, "_sql", original)
    assert Rollup(store).run_once().days == 5


def test_the_worker_runs_when_something_arrives(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It rolls up at its start and after each arrival, survives failures, rests in between, and stops when told."""
    monkeypatch.setattr(rollup, "_PAUSE_S", 0.01)
    monkeypatch.setattr(rollup, "_PAUSE_AFTER_ERROR_S", 0.01)
    worker = Rollup(store)
    runs: list[int] = []
    original = worker._run

    def counted(client: Client, stop: threading.Event) -> rollup.RollupResult:
        runs.append(1)
        if len(runs) == 1:
            raise DatabaseError("the store is away")
        return original(client, stop)

    monkeypatch.setattr(worker, "_run", counted)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run_forever, args=(stop,))
    thread.start()
    sent = contract_traffic.traffic(40)
    insert(store.client(), sent.spans)
    rolled = "SELECT sum(n) FROM pair_daily WHERE segment_key = 'all'"
    deadline = time.monotonic() + 60
    while store.client().command(rolled) != 160 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.5)
    rested = len(runs)
    time.sleep(0.5)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert store.client().command(rolled) == 160
    assert len(runs) - rested <= 1


@pytest.mark.parametrize(
    ("run", "pause"), [(0.1, 5), (1, 9), (2, 18), (5, 30), (12, 30), (15, 25), (20, 20), (25, 25), (300, 30)]
)
def test_the_pause_has_an_upper_limit(run: float, pause: float) -> None:
    """A tenth of the time while figures stay fresh, half of it where they could not, and never a pause over 30 s."""
    assert rollup.pause_after(run) == pytest.approx(pause)


def test_figures_are_fresh_while_a_run_takes_a_third_of_a_minute() -> None:
    """What arrives as a run begins waits for its end, the pause and the next run."""
    assert all(2 * run + rollup.pause_after(run) <= 60 for run in (tenth / 10 for tenth in range(201)))


def test_a_worker_that_is_stopped_leaves_the_rest_to_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping between two steps takes no time and loses nothing: the run is not recorded, so the next does it all."""
    insert(store.client(), contract_traffic.traffic(50).spans)
    monkeypatch.setattr(rollup, "MOST_DAYS_AT_ONCE", 1)
    stop = threading.Event()
    original = rollup._rebuild

    def rebuild_and_stop(*arguments: Any) -> int:
        stop.set()
        return original(*arguments)

    monkeypatch.setattr(rollup, "_rebuild", rebuild_and_stop)
    Rollup(store).run_forever(stop)
    assert store.client().command("SELECT count(DISTINCT day) FROM pair_daily") == 1
    assert store.client().command("SELECT count() FROM rollup_runs") == 0
    monkeypatch.setattr(rollup, "_rebuild", original)
    assert Rollup(store).run_once().days == 5


class _Away:
    """A server's store whose server is away when the worker connects."""

    dsn = parse("clickhouse://away.invalid/x")

    def client(self) -> Any:
        raise StoreUnreachableError("the server does not answer")


class _OnePause(threading.Event):
    """Ends the worker at its first pause, and remembers how long that would have been, seconds."""

    paused = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.paused = timeout or 0.0
        self.set()
        return True


def test_the_worker_outlives_a_server_that_is_away() -> None:
    """A first connection that fails is tried again; a worker that ended would freeze the figures."""
    stop = _OnePause()
    Rollup(cast("Any", _Away())).run_forever(stop)
    assert stop.paused == 30.0


def test_a_busy_day_keeps_a_sample(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same requests for every policy, each for as many as were left out; sums by task are those of all."""
    client = store.client()
    insert(client, contract_traffic.traffic(400).spans)
    Rollup(store).run_once()
    requests = "SELECT count() FROM decisions FINAL WHERE role = 'live'"
    kept = "SELECT count(), sum(one_in), max(one_in), min(w) FROM request_sample WHERE role = 'live'"
    total = client.command(requests)
    assert client.query(kept).result_rows[0][:3] == (total, total, 1)
    assert client.command("SELECT sum(n) FROM task_daily") == total
    client.command("TRUNCATE TABLE request_sample")
    monkeypatch.setattr(rollup, "MOST_SAMPLED", 20)
    assert Rollup(store).run_once().days == 5
    ((n, stands_for, most, least),) = client.query(kept).result_rows
    assert (most, least) == (4, 4.0)
    assert 60 <= n <= 140
    assert stands_for == pytest.approx(total, rel=0.3)
    assert client.command("SELECT sum(n) FROM task_daily") == total
