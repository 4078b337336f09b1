"""The SELECT about judges on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt

import pytest

from shadowroute.analysis.measures import judge_agreement
from shadowroute.analysis.measures.judge_agreement import newest_days
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.collector.serve import rollup_now
from shadowroute.collector.store import Store
from tests.analysis.test_sql import D16, D17, run
from tests.support.decision_rows import insert

WINDOW = {"first": D16, "last": D17}


def test_judge_pairs(store: Store) -> None:
    """A judge meets the truths of its name; a user is no truth, and a request that was not served as chosen is out."""
    live = {"policy": "main", "policy_version": "1", "role": "live"}
    insert(
        store.client(),
        "decisions",
        [
            {**live, "request_id": "r1", "bucket": 1},
            {**live, "request_id": "r2", "bucket": 2, "response_id": "a2", "sample_rate": 0.5},
            {**live, "request_id": "r3", "bucket": 3, "contamination": ["fallback"]},
        ],
    )
    judge, human = {"name": "judge_resolved", "source": "llm"}, {"name": "resolved", "source": "human"}
    insert(
        store.client(),
        "signals",
        [
            {**judge, "target": "r1", "value": 0.7},
            {**human, "target": "r1", "value": 0.0, "scorer": "ann"},
            {**human, "target": "r1", "value": 1.0, "scorer": "bob"},
            {**judge, "target": "response:a2", "value": 0.4},
            {**human, "target": "r2", "value": 1.0, "source": "user"},
            {**human, "target": "r2", "value": 1.0, "name": "polite"},
            {**judge, "target": "r3", "value": 1.0},
            {**human, "target": "r3", "value": 1.0},
        ],
    )
    assert run(store, "judge_pairs", **WINDOW, names=["resolved"], bars=[0.6], usual_bar=0.5) == [
        ("judge_resolved", "", "", 1, 1, 0, 1, 1.0),
        ("judge_resolved", "", "", 2, 0, 0, 1, 2.0),
        ("judge_resolved", "resolved", "human", 1, 1, 0, 1, 1.0),
    ]
    assert run(store, "judge_pairs", **WINDOW, names=[], bars=[], usual_bar=0.5)[2] == (
        ("judge_resolved", "resolved", "human", 1, 1, 1, 1, 1.0)
    )


def test_busy_windows_are_read_from_their_newest_days(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole days, the newest first, until enough live requests are in them; a quiet window is read whole."""
    rows = []
    for day in (16, 17, 18):
        at = dt.datetime(2026, 11, day, 9, tzinfo=dt.UTC)
        for number in range(10):
            request = {"request_id": f"{day}-{number}", "ts": at, "ingested_at": dt.datetime.now(dt.UTC)}
            rows += [request, {**request, "role": "shadow", "policy": "cheap", "policy_version": "2"}]
    insert(store.client(), "decisions", rows)
    rollup_now(store)
    q, window = Queries(store.client(), "p"), Window(dt.date(2026, 11, 16), dt.date(2026, 11, 19))
    live_n = {row.day: row.live_n for row in q.row_counts(window, PolicyRef("cheap", "2"))}
    assert newest_days(live_n, window) == window
    for enough, first in ((10, 18), (11, 17), (20, 17), (30, 16)):
        monkeypatch.setattr(judge_agreement, "ENOUGH", enough)
        assert newest_days(live_n, window) == Window(dt.date(2026, 11, first), window.last)
