"""The statements about signals, on rows whose answer is worked out by hand."""

from __future__ import annotations

import pytest

from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from tests.analysis.test_sql import ALL, ANY_ROW, CODE_OF_A, D17, DAYS, EVERY_TASK, POLICY, run
from tests.collector.test_derived_signals import LEFT, REQUESTS, RETRIED
from tests.support.decision_rows import insert

THUMBS = {"name": "thumbs", "source": "user"}


def test_signal_cells(store: Store) -> None:
    """Bucket and bin of each pair; other signals, policies, projects and contaminated requests are not in it."""
    insert(
        store.client(),
        "signal_daily",
        [
            {"n": 3, "w": 4.5, "sum_value": 4.5},
            {"bin": 0, "sum_value": 0.0},
            {"day": D17, "bin": 0, "w": 2.0, "sum_value": 0.0},
            {"bucket": 2, "shadow_model": "big"},
            {"segment_key": "task", "segment_value": "code", "n": 7},
            {"contaminated": 1},
            {"name": "judge", "source": "llm"},
            {"source": "human"},
            {"policy": "bold"},
            {"project": "q"},
        ],
    )
    assert run(store, "signal_cells", **POLICY, **DAYS, **ALL, **THUMBS) == [
        ("", "big", "big", 2, 20, 1, 1.0, 1.0),
        ("", "big", "small", 1, 0, 2, 3.0, 0.0),
        ("", "big", "small", 1, 20, 3, 4.5, 4.5),
    ]
    by_task = run(store, "signal_cells", **POLICY, **DAYS, **EVERY_TASK, **THUMBS)
    assert by_task == [("code", "big", "small", 1, 20, 7, 1.0, 1.0)]


def test_signal_asked(store: Store) -> None:
    """Decisions with a plan on requests that were served as live chose, by bucket."""
    insert(
        store.client(),
        "pair_daily",
        [
            {},
            {"day": D17, "n": 5, "w": 7.5},
            {"bucket": 2},
            {"contaminated": 1},
            {"shadow_model": ""},
            {"role": "live"},
            {"segment_key": "task", "segment_value": "code"},
            {"project": "q"},
        ],
    )
    assert run(store, "signal_asked", **POLICY, **DAYS, **ALL) == [
        ("", "big", "small", 1, 15, 17.5),
        ("", "big", "small", 2, 10, 10.0),
    ]
    assert run(store, "signal_asked", **POLICY, **DAYS, **EVERY_TASK) == [("code", "big", "small", 1, 10, 10.0)]


def test_signal_asked_rows(four_requests: Store) -> None:
    """The same from decisions: r3 is contaminated, r4 failed."""
    assert run(four_requests, "signal_asked_rows", **POLICY, **DAYS, **ANY_ROW) == [
        ("", "big", "big", 1, 1, 1.0),
        ("", "big", "small", 1, 1, 1.0),
    ]
    assert run(four_requests, "signal_asked_rows", **POLICY, **DAYS, **CODE_OF_A) == [("", "big", "small", 1, 1, 1.0)]


@pytest.mark.parametrize(("name", "known"), [("no_user_retry", RETRIED), ("no_abandonment", LEFT)])
def test_derived_rows(store: Store, name: str, known: dict[int, float]) -> None:
    """What the rollup derives, derived again from the rows: the two must never part."""
    tomorrow = [
        row | {"ts": row["ts"].replace(day=17), "request_id": f"{row['request_id']}-next", "bucket": row["bucket"] + 50}
        for row in REQUESTS
    ]
    insert(store.client(), "decisions", [*REQUESTS, *tomorrow])
    Rollup(store).run_once()
    rows = run(store, "derived_rows", **POLICY, **DAYS, **ANY_ROW, name=name)
    expected = {bucket + day: value for day in (0, 50) for bucket, value in known.items()}
    assert {row[3]: row[7] for row in rows} == expected
    rolled = run(store, "signal_cells", **POLICY, **DAYS, **ALL, name=name, source="derived")
    assert rolled == rows
    coders = run(store, "derived_rows", **POLICY, **DAYS, segment_keys=["task"], segment_values=["other"], name=name)
    assert coders == []
