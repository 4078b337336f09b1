"""The statements of the worksheet, on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest

from shadowroute.analysis import sql_files
from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from tests.support.decision_rows import insert

D16, D17 = dt.date(2026, 11, 16), dt.date(2026, 11, 17)
DAYS = {"first": D16, "last": D17}
HALF = math.floor(math.log(0.5) / math.log(1.02))


def run(store: Store, file: str, /, **params: Any) -> list[tuple[Any, ...]]:
    """Rows of a statement."""
    wanted = sql_files.statement(file).params
    bound = {"project": "p", **params}
    text = sql_files.statement(file).text
    return [tuple(row) for row in store.reader().query(text, {key: bound[key] for key in wanted}).result_rows]


@pytest.fixture
def live(store: Store) -> Store:
    """Live r1, r2: a cascade, r2 refused; r3: unknown tokens and time; r4: chat; r5: the next day, no plan."""
    cascade = {"model": "small", "steps_id": "small-big", "escalation_model": "big", "steps": '[{"model": "small"}]'}
    twice = [
        ("primary", "acme", "small", "", 1000, 0, 0, 100, 0.2),
        ("escalation", "acme", "big", "", 1000, 0, 0, 50, 0.3),
    ]
    rows: list[dict[str, Any]] = [
        {**cascade, "escalated": 0},
        {"request_id": "r2", **cascade, "escalated": 1, "attempts": twice},
        {"request_id": "r3", "input_tokens": None, "latency_s": None, "attempts": []},
        {
            "request_id": "r4",
            "task": "chat",
            "bucket": 2,
            "attempts": [("primary", "acme", "mystery", "", 10, 0, 0, 1, 0.5)],
        },
        {"request_id": "r5", "ts": dt.datetime(2026, 11, 17, 9, tzinfo=dt.UTC), "status": "error", "model": ""},
        {"request_id": "r1", "role": "shadow", "policy": "cheap", "task": "other"},
    ]
    client = store.client()
    insert(client, "decisions", [*rows, rows[0], {"project": "q"}])
    Rollup(store).run_once()
    insert(
        client,
        "price_books",
        [
            {},
            {"effective_from": D17, "input_usd_per_mtok": 20.0},
            {"model": "small", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 4.0},
        ],
    )
    return store


def test_worksheet_tasks(live: Store) -> None:
    """Sums of live requests only; unknown tokens are in no sum."""
    assert run(live, "worksheet_tasks", **DAYS) == [
        ("chat", 2, 1, 1, 1000.0, 100.0, 0, 0),
        ("code", 1, 4, 3, 3000.0, 300.0, 2, 1),
    ]


def test_worksheet_times(live: Store) -> None:
    """Live requests with a known time."""
    assert run(live, "worksheet_times", **DAYS) == [("chat", 2, 1, [HALF], [1.0]), ("code", 1, 3, [HALF], [3.0])]


def test_worksheet_plans(live: Store) -> None:
    """The most frequent plan first; a failed decision has none."""
    assert run(live, "worksheet_plans", **DAYS) == [
        ("chat", "big", "[]", 1),
        ("code", "small", '[{"model": "small"}]', 2),
        ("code", "big", "[]", 1),
    ]


def test_worksheet_costs(live: Store) -> None:
    """Every attempt at the price of its day; a model without a price is named and costs nothing here."""
    rows = run(live, "worksheet_costs", **DAYS, book="b")
    assert [(row[0], row[2], sorted(row[3])) for row in rows] == [
        ("chat", ["mystery"], [D16]),
        ("code", [], [D16, D17]),
    ]
    r1 = (600 * 10 + 400 * 1 + 100 * 40) / 1e6
    r2 = (1000 * 1 + 100 * 4 + 1000 * 10 + 50 * 40) / 1e6
    r5 = (600 * 20 + 400 * 1 + 100 * 40) / 1e6
    assert rows[1][1] == pytest.approx(r1 + r2 + r5)
