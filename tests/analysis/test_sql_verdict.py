"""The SELECTs of the verdict on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt

from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.rows import RowCount
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.collector.store import Store
from tests.support.decision_rows import insert

D16, D17 = dt.date(2026, 11, 16), dt.date(2026, 11, 17)
LIVE = {"role": "live", "policy": "main", "policy_version": "1"}


def test_row_counts(store: Store) -> None:
    """Live and one version of one shadow count, per day and value; other policies, keys, days and projects do not."""
    insert(
        store.client(),
        "pair_daily",
        [
            {**LIVE, "n": 20, "w": 20.0},
            {"n": 10, "w": 20.0},
            {"bucket": 2, "n": 1, "w": 2.0},
            {**LIVE, "day": D17, "n": 5, "w": 5.0},
            {"policy_version": "1", "n": 7, "w": 7.0},
            {"policy": "other", "n": 7, "w": 7.0},
            {"project": "q", "n": 7, "w": 7.0},
            {"day": dt.date(2026, 11, 18), "n": 7, "w": 7.0},
            {**LIVE, "segment_key": "task", "segment_value": "code", "n": 12, "w": 12.0},
            {**LIVE, "segment_key": "task", "segment_value": "chat", "n": 8, "w": 8.0},
            {"segment_key": "task", "segment_value": "code", "n": 9, "w": 18.0},
        ],
    )
    q, window, cheap = Queries(store.reader(), "p"), Window(D16, D17), PolicyRef("cheap", "2")
    assert q.row_counts(window, cheap) == [
        RowCount(day=D16, segment_value="", live_n=20, shadow_n=11, shadow_weight=22.0),
        RowCount(day=D17, segment_value="", live_n=5, shadow_n=0, shadow_weight=0.0),
    ]
    assert q.row_counts(window, cheap, "task") == [
        RowCount(day=D16, segment_value="chat", live_n=8, shadow_n=0, shadow_weight=0.0),
        RowCount(day=D16, segment_value="code", live_n=12, shadow_n=9, shadow_weight=18.0),
    ]
