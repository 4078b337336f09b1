"""Signals that the rollup reads out of the log: who asked the same again, and who left without an answer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from shadowroute.collector.store.migrate import migrations, statements
from tests.collector.test_views import insert as insert_spans
from tests.collector.test_views import one
from tests.support.decision_rows import DAY, both, insert
from tests.support.otlp import decision

pytestmark = pytest.mark.dates

TEN = dt.datetime(2026, 11, 16, 10, tzinfo=dt.UTC)


def asked(number: int, session: str, after_s: float, **changed: Any) -> list[dict[str, Any]]:
    """A live request of a session, 1 s long, 1000 tokens in and 100 out, and its shadow; the bucket is the number."""
    row = {
        "request_id": f"r{number:03}",
        "bucket": number,
        "session_key": session,
        "ts": TEN + dt.timedelta(seconds=after_s),
        "latency_s": 1.0,
        **changed,
    }
    return both(row, {})


REQUESTS = [
    *asked(1, "again", 0),
    *asked(2, "again", 30, input_tokens=1010),  # repeats 1
    *asked(3, "again", 300),
    *asked(4, "turn", 0),
    *asked(5, "turn", 30, input_tokens=1100),  # holds the answer to 4: the conversation goes on
    *asked(6, "turn", 50, task="chat", input_tokens=1100),
    *asked(7, "beside", 0, latency_s=20.0),
    *asked(8, "beside", 10),  # runs beside 7
    *asked(9, "larger", 0, output_tokens=900),
    *asked(10, "larger", 61, input_tokens=1201),  # 60 s after the answer to 9, and more than 20 % longer
    *asked(11, "smaller", 0),
    *asked(12, "smaller", 61, input_tokens=800),  # 60 s after the answer to 11, and 20 % shorter: repeats it
    *asked(13, "left", 0, outcome_status="partial"),
    *asked(14, "back", 0, outcome_status="partial"),
    *asked(15, "back", 1800, task="chat"),  # its own 30 minutes end a second after the newest request
    *asked(16, "failed", 0, outcome_status="error", input_tokens=None, output_tokens=None),
    *asked(17, "endless", 0, latency_s=None),
    *asked(18, "", 0),
    *asked(19, "late", 3600 - 62),  # 61 s before the newest request
    *asked(20, "later", 3600 - 60),  # 59 s before
    *asked(21, "unsaid", 0),
    *asked(22, "unsaid", 30, input_tokens=None, output_tokens=None),
    *asked(23, "last", 3600),
]
RETRIED = {1: 0.0, 11: 0.0} | dict.fromkeys((2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 19), 1.0)
LEFT = {13: 0.0, 16: 0.0} | dict.fromkeys((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 21, 22), 1.0)


def derived(store: Store, name: str) -> dict[int, float]:
    """Values of one derived signal by bucket; each bucket has one request."""
    rows = store.client().query(
        "SELECT bucket, n, sum_value FROM signal_daily WHERE project = 'p' AND source = 'derived'"
        " AND name = {name:String} AND segment_key = 'all' AND day = {day:Date}",
        parameters={"name": name, "day": DAY},
    )
    assert all(n == 1 for _, n, _ in rows.result_rows)
    return {bucket: value for bucket, _, value in rows.result_rows}


def test_who_asks_the_same_again(store: Store) -> None:
    """0 for a repeat within 60 s of the answer; nothing where a window is open, or tokens or times are unknown."""
    insert(store.client(), "decisions", REQUESTS)
    Rollup(store).run_once()
    assert derived(store, "no_user_retry") == RETRIED


def test_who_leaves_without_an_answer(store: Store) -> None:
    """0 for an answer cut off or failed after which the session is silent for 30 minutes."""
    insert(store.client(), "decisions", REQUESTS)
    Rollup(store).run_once()
    assert derived(store, "no_abandonment") == LEFT


@pytest.mark.parametrize("first", [0, 1])
def test_a_day_depends_on_its_own_rows(store: Store, first: int) -> None:
    """Requests of the next day, rolled up before or after, change nothing of this one."""
    tomorrow = asked(30, "left", 86_400 - 3_600)
    batches = [tomorrow, REQUESTS]
    for batch in (batches[first], batches[1 - first]):
        arrived = {"ingested_at": dt.datetime.now(dt.UTC)}
        insert(store.client(), "decisions", [row | arrived for row in batch])
        Rollup(store).run_once()
    assert derived(store, "no_user_retry") == RETRIED
    assert derived(store, "no_abandonment") == LEFT


def test_a_session_is_kept(store: Store) -> None:
    """The column holds the session's key beside that of the user, who stays the cluster."""
    insert_spans(store, decision("r1") | {"llm_router.user.key": "u", "llm_router.session.key": "s"})
    assert one(store, "cluster_key, cluster_kind, session_key") == ("u", "user", "s")


def test_a_late_outcome_keeps_the_session(store: Store) -> None:
    """The corrected row is of the same session."""
    outcome = {"llm_router.request.id": "r1", "llm_router.role": "outcome", "gen_ai.response.model": "gpt-5"}
    insert_spans(store, decision("r1") | {"llm_router.session.key": "s"}, outcome)
    Rollup(store).run_once()
    found = store.client().query("SELECT served_model, session_key FROM decisions FINAL").result_rows
    assert found == [("gpt-5", "s")]


def test_the_column_may_be_added_twice(store: Store) -> None:
    """The same file again changes nothing, and rows stored before it have an empty session."""
    (added,) = (migration for migration in migrations() if migration.name == "0008_session_key.sql")
    insert_spans(store, decision("r1") | {"llm_router.session.key": "s"})
    for _ in range(2):
        for statement in statements(added.sql):
            store.client().command(statement)
    assert one(store, "session_key") == ("s",)
    assert all(" ON CLUSTER main" in statement for statement in statements(added.sql, cluster="main"))
