"""Sums over where calls stand in prompt caches: each policy's own calls fill its caches, session by session."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from tests.support.decision_rows import DAY, both, insert

NOON = dt.datetime(2026, 11, 16, 12, tzinfo=dt.UTC)
Call = tuple[str, int, float, float, float, float]


def turn(number: int, live: str, shadow: str, at_s: float, tokens: int = 3_000, **changed: Any) -> list[dict[str, Any]]:
    """A live request of a session and its shadow; half of the prompt was read from the cache, 100 tokens written."""
    read = tokens // 2
    row = {
        "request_id": f"r{number:03}",
        "ingested_at": dt.datetime.now(dt.UTC) - dt.timedelta(hours=1),
        "session_key": "s",
        "ts": NOON + dt.timedelta(seconds=at_s),
        "model": live,
        "live_model": live,
        "served_model": live,
        "input_tokens": tokens,
        "cache_read_tokens": read,
        "cache_write_tokens": 100,
        "attempts": [("primary", "acme", live, "", tokens, read, 100, 100, 0.5)],
        **changed,
    }
    return both(row, {"model": shadow})


def calls(store: Store, role: str, day: dt.date = DAY) -> dict[tuple[str, str, str], Call]:
    """(kind, model, state) to calls, tokens of the prompt, within reach, read and written; all traffic."""
    rows = store.client().query(
        "SELECT kind, model, state, sum(n), sum(input_tokens), sum(reach_tokens), sum(read_tokens), sum(write_tokens)"
        " FROM cache_daily WHERE project = 'p' AND segment_key = 'task' AND role = {role:String} AND day = {day:Date}"
        " GROUP BY kind, model, state",
        parameters={"role": role, "day": day},
    )
    return {(kind, model, state): tuple(sums) for kind, model, state, *sums in rows.result_rows}


@pytest.fixture
def rolled(store: Store) -> Any:
    def roll(*turns: list[dict[str, Any]]) -> Store:
        insert(store.client(), "decisions", [row for rows in turns for row in rows])
        Rollup(store).run_once()
        return store

    return roll


def test_each_policy_fills_its_own_caches(rolled: Any) -> None:
    """Live: big, small, big, big. Shadow: big, big, big, small. The third turn follows other last turns."""
    store = rolled(
        turn(1, "big", "big", 0, 2_000),
        turn(2, "small", "big", 30, 3_000),
        turn(3, "big", "big", 100, 4_000),
        turn(4, "big", "small", 4_000, 5_000),
    )
    assert calls(store, "live") == {
        ("paid", "big", "first"): (1, 2_000.0, 0.0, 1_000.0, 100.0),
        ("paid", "small", "first"): (1, 3_000.0, 0.0, 1_500.0, 100.0),
        ("paid", "big", "five_minutes"): (1, 4_000.0, 2_000.0, 2_000.0, 100.0),
        ("paid", "big", "later"): (1, 5_000.0, 4_000.0, 2_500.0, 100.0),
    }
    assert calls(store, "shadow") == {
        ("primary", "big", "logged"): (1, 2_000.0, 0.0, 1_000.0, 100.0),
        ("primary", "big", "minute"): (1, 3_000.0, 2_000.0, 0.0, 0.0),
        ("primary", "big", "five_minutes"): (1, 4_000.0, 3_000.0, 0.0, 0.0),
        ("primary", "small", "first"): (1, 5_000.0, 0.0, 0.0, 0.0),
    }


def test_nothing_tells_turns_without_a_session(rolled: Any) -> None:
    """Live's own call costs what it cost; of another model nothing is known. A sampled row lacks turns before it."""
    store = rolled(
        turn(1, "big", "big", 0, session_key=""),
        turn(2, "big", "small", 30, session_key=""),
        turn(3, "big", "small", 60, sample_rate=0.5),
    )
    assert calls(store, "shadow") == {
        ("primary", "big", "logged"): (1, 3_000.0, 0.0, 1_500.0, 100.0),
        ("primary", "small", "untold"): (2, 9_000.0, 0.0, 0.0, 0.0),
    }
    assert {state for _, _, state in calls(store, "live")} == {"untold"}


def test_a_short_prompt_is_not_cached(rolled: Any) -> None:
    """Below what the provider caches; a turn after such a one finds nothing of its session, so it is a first one."""
    store = rolled(
        turn(1, "big", "small", 0, 1_023),
        turn(2, "big", "small", 30, 1_500),
        turn(3, "big", "claude-haiku-4-5", 40, 4_000),
        turn(4, "big", "deepseek-chat", 50, 100),
    )
    assert calls(store, "shadow") == {
        ("primary", "small", "short"): (1, 1_023.0, 0.0, 0.0, 0.0),
        ("primary", "small", "first"): (1, 1_500.0, 0.0, 0.0, 0.0),
        ("primary", "claude-haiku-4-5", "short"): (1, 4_000.0, 0.0, 0.0, 0.0),
        ("primary", "deepseek-chat", "first"): (1, 100.0, 0.0, 0.0, 0.0),
    }


def test_what_sessions_may_share_is_in_their_first_turn(rolled: Any) -> None:
    """A later prompt is longer by what was said, and no other session said that."""
    store = rolled(turn(1, "big", "big", 0, 2_000), turn(2, "big", "small", 30, 5_000))
    sums = "SELECT sum(start_tokens) FROM cache_daily WHERE segment_key = 'task' AND model = 'small'"
    found = store.client().query(sums)
    ((shared,),) = found.result_rows
    assert shared == 2_000.0


def test_an_escalation_that_happened_fills_its_model(rolled: Any) -> None:
    """A second call that may happen asks its model's cache, and fills none."""
    store = rolled(
        turn(1, "big", "small", 0, 2_000, escalation_model="huge", escalated=1),
        turn(2, "big", "small", 30, 3_000, escalation_model="huge"),
        turn(3, "big", "small", 130, 4_000, escalation_model="huge", escalated=0),
    )
    assert calls(store, "shadow") == {
        ("primary", "small", "first"): (1, 2_000.0, 0.0, 0.0, 0.0),
        ("escalation", "huge", "first"): (1, 2_000.0, 0.0, 0.0, 0.0),
        ("primary", "small", "minute"): (1, 3_000.0, 2_000.0, 0.0, 0.0),
        ("escalation_unknown", "huge", "minute"): (1, 3_000.0, 2_000.0, 0.0, 0.0),
        ("primary", "small", "five_minutes"): (1, 4_000.0, 3_000.0, 0.0, 0.0),
        ("escalation_avoided", "huge", "five_minutes"): (1, 4_000.0, 2_000.0, 0.0, 0.0),
    }


def test_a_name_of_a_snapshot_is_the_planned_model(rolled: Any) -> None:
    """Answers come under dated names; the session stays with its model all the same."""
    bill: dict[str, Any] = {"attempts": [("primary", "acme", "big-2026-01-01", "", 3_000, 1_500, 100, 100, 0.5)]}
    store = rolled(turn(1, "big", "big", 0, served_model="big-2026-01-01", **bill))
    assert calls(store, "shadow") == {("primary", "big", "logged"): (1, 3_000.0, 0.0, 1_500.0, 100.0)}


def test_a_session_goes_on_after_midnight(rolled: Any) -> None:
    """The last hour before is looked back on. A day changes with what arrives late for that hour, and with no other."""
    midnight = 12 * 3_600
    store = rolled(
        turn(1, "big", "small", midnight - 3_601, 2_000, session_key="early"),
        turn(2, "big", "small", midnight + 10, 3_000, session_key="early"),
        turn(3, "big", "small", midnight + 20, 3_000),
    )
    tomorrow = DAY + dt.timedelta(days=1)
    assert calls(store, "shadow", tomorrow) == {("primary", "small", "first"): (2, 6_000.0, 0.0, 0.0, 0.0)}
    now = dt.datetime.now(dt.UTC)
    rolled(turn(4, "big", "small", midnight - 20, 2_000, ingested_at=now))
    assert calls(store, "shadow", tomorrow) == {
        ("primary", "small", "first"): (1, 3_000.0, 0.0, 0.0, 0.0),
        ("primary", "small", "minute"): (1, 3_000.0, 2_000.0, 0.0, 0.0),
    }


def test_a_day_that_was_summed_before_is_summed_once_more(rolled: Any) -> None:
    """Also where nothing was called: a day without a row of its caches would be rebuilt for ever."""
    store = rolled(turn(1, "big", "big", 0, input_tokens=None, output_tokens=None, attempts=[]))
    assert Rollup(store).run_once().days == 0
    store.client().command("TRUNCATE TABLE cache_daily")
    assert Rollup(store).run_once().days == 1
    assert calls(store, "live") == {("", "", "untold"): (1, 0.0, 0.0, 0.0, 0.0)}
