"""The SELECTs of the verdict on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.rows import RowCount
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.collector.store import Store
from tests.support.decision_rows import insert

pytestmark = pytest.mark.dates

D16, D17 = dt.date(2026, 11, 16), dt.date(2026, 11, 17)
LIVE = {"role": "live", "policy": "main", "policy_version": "1"}


def test_row_counts(store: Store) -> None:
    """Live and one version of one shadow count, per day and value; other policies, keys, days and projects do not."""
    cheap = {"role": "shadow", "policy": "cheap", "policy_version": "2"}
    later = {"day": D17, "hour": dt.datetime(2026, 11, 17, 8, tzinfo=dt.UTC)}
    code = {"segment_key": "task", "segment_value": "code"}
    insert(
        store.client(),
        "meant_hourly",
        [
            {"stated_n": 20, "stated_w": 20.0},
            {**cheap, "meant_n": 12, "stated_n": 10, "stated_w": 20.0},
            {**cheap, "hour": dt.datetime(2026, 11, 16, 11, tzinfo=dt.UTC), "meant_n": 1, "stated_n": 1},
            {**later, "unstated_n": 5, "unstated_w": 5.0},
            {**cheap, **later, "unstated_n": 2, "unstated_w": 4.0},
            {**cheap, "policy_version": "1", "meant_n": 7, "stated_n": 7},
            {**cheap, "policy": "other", "meant_n": 7, "stated_n": 7},
            {**cheap, "project": "q", "meant_n": 7},
            {**cheap, "day": dt.date(2026, 11, 18), "meant_n": 7},
            {**code, "stated_n": 12, "stated_w": 12.0},
            {**code, "segment_value": "chat", "stated_n": 8, "stated_w": 8.0},
            {**cheap, **code, "meant_n": 12, "stated_n": 9, "stated_w": 18.0},
        ],
    )
    q, window, ref = Queries(store.reader(), "p"), Window(D16, D17), PolicyRef("cheap", "2")
    nothing: dict[str, Any] = {
        "live_unstated_n": 0, "meant_n": 0, "stated_n": 0, "unstated_n": 0, "unstated_weight": 0.0,
    }  # fmt: skip
    first = {**nothing, "meant_n": 13, "stated_n": 11}
    second = {**nothing, "live_unstated_n": 5, "unstated_n": 2, "unstated_weight": 4.0}
    assert q.row_counts(window, ref) == [
        RowCount(day=D16, segment_value="", live_n=20, **first),
        RowCount(day=D17, segment_value="", live_n=5, **second),
    ]
    assert q.row_counts(window, ref, "task") == [
        RowCount(day=D16, segment_value="chat", live_n=8, **nothing),
        RowCount(day=D16, segment_value="code", live_n=12, **{**nothing, "meant_n": 12, "stated_n": 9}),
    ]
