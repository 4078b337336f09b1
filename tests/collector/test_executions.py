"""Executed answers into the store: once, in whole files, and only newer ones in place of older ones."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from shadow.errors import ConfigError
from shadowroute.collector.executions import Execution, deciders, write
from shadowroute.collector.store import Store
from tests.support.decision_rows import both, insert

pytestmark = pytest.mark.dates

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
ONE = Execution(
    sample="s1", request_id="r1", policy="cheap", policy_version="", model="small", inclusion_probability=0.1,
    stratum="", status="ok", escalated=True, input_tokens=10, output_tokens=None, cost_usd=0.1 + 0.2, latency_s=None,
    signal="resolved", score=1.0, live_score=None, scorer="",
)  # fmt: skip


def counts(store: Store, *rows: Execution, now: dt.datetime = NOW) -> tuple[int, int, int]:
    """New, replaced and known rows of one import."""
    written = write(store.client(), "p", rows, now=now)
    return written.new, written.replaced, written.known


def test_a_repeated_import_changes_nothing(store: Store) -> None:
    """The same rows an hour later: all known, and the record keeps its first time."""
    two = replace(ONE, request_id="r2", score=None)
    assert counts(store, ONE, two) == (2, 0, 0)
    assert counts(store, ONE, two, now=NOW + dt.timedelta(hours=1)) == (0, 0, 2)
    assert counts(store, ONE, two, replace(ONE, request_id="r3")) == (1, 0, 2)
    rows = (
        store.client().query("SELECT request_id, executed_at, cost_usd FROM executions ORDER BY request_id").result_rows
    )
    assert [row[0] for row in rows] == ["r1", "r2", "r3"]
    assert rows[0][1].replace(tzinfo=dt.UTC) == NOW
    assert rows[0][2] == 0.1 + 0.2


def test_another_answer_is_refused_unless_it_is_newer(store: Store) -> None:
    """A score that changed silently would change what a verdict rested on."""
    counts(store, ONE)
    with pytest.raises(ConfigError, match=r"'r1' of sample 's1' is stored with score 1.0, got 0.0; a new draw needs"):
        counts(store, replace(ONE, score=0.0))
    later = replace(ONE, score=0.0, executed_at=NOW + dt.timedelta(minutes=1))
    assert counts(store, later) == (0, 1, 0)
    assert counts(store, later) == (0, 0, 1)
    found = store.client().query("SELECT score FROM executions FINAL").result_rows
    assert list(found) == [(0.0,)]


def test_the_same_request_in_another_project_or_draw_is_another_row(store: Store) -> None:
    """Nothing is shared between projects, and a second draw may take the same request."""
    counts(store, ONE)
    assert write(store.client(), "q", [ONE], now=NOW).new == 1
    assert counts(store, replace(ONE, sample="s2"), replace(ONE, scorer="b")) == (2, 0, 0)


def test_who_decided(store: Store) -> None:
    """Requests that the project knows, with the shadow policies that decided on each; ids may hold any character."""
    odd = "r'2\\ \"é\n"
    rows = [*both({}, {}), *both({"request_id": odd}, {}), {"request_id": "r3"}, {"project": "q", "request_id": "r4"}]
    insert(store.client(), "decisions", rows)
    found = deciders(store.client(), "p", ["r1", odd, "r3", "r4", *(f"none-{n:032}" for n in range(6_000))])
    assert found == {"r1": frozenset({"cheap"}), odd: frozenset({"cheap"}), "r3": frozenset()}
