"""The statements of the evaluation list, on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shadowroute.analysis import sql_files
from shadowroute.collector.store import Store
from tests.support.decision_rows import both, insert

D16, D17 = dt.date(2026, 11, 16), dt.date(2026, 11, 17)
FRAME: dict[str, Any] = {
    "policy": "cheap",
    "version": "2",
    "first": D16,
    "last": D17,
    "segment_keys": [],
    "segment_values": [],
    "models": ["big", "small"],
    "input_prices": [10.0, 1.0],
    "output_prices": [40.0, 4.0],
}
# 1,000 input and 100 output tokens: big 0.014 USD, small 0.0014 USD.
BIG_USD, SMALL_USD = 0.014, 0.0014
CELL = "code\tbig\tsmall\t"
CASCADE = "code\tbig\tsmall\tbig"
SCORED: dict[str, Any] = {"cells": [CELL, CASCADE], "factors": [2.0, 1.0], "usual_usd": 5.0, "seed": "7"}


def run(store: Store, file: str, /, **params: Any) -> list[tuple[Any, ...]]:
    """Rows of a statement."""
    wanted = sql_files.statement(file).params
    bound = {"project": "p", **params}
    text = sql_files.statement(file).text
    return [tuple(row) for row in store.reader().query(text, {key: bound[key] for key in wanted}).result_rows]


@pytest.fixture
def frame(store: Store) -> Store:
    """Seven requests of `main` and its shadow `cheap`.

    r1: downgraded, confidence 0.75; r2: no known tokens; r3: a cascade; r4: one that was seen not to
    escalate; r5: the same model; r6: a fallback; r7: the shadow failed. r1 was answered for the policy, r2 by a model
    alone; r1 arrived twice.
    """
    small = {"model": "small", "tier": "small", "steps_id": "small"}
    cascade = {**small, "escalation_model": "big", "steps_id": "small-big"}
    rows = [
        *both({}, {**small, "confidence": 0.75}),
        *both({"request_id": "r2", "input_tokens": None}, small),
        *both({"request_id": "r3"}, cascade),
        *both({"request_id": "r4"}, {**cascade, "escalated": 0}),
        *both({"request_id": "r5"}, {}),
        *both({"request_id": "r6", "contamination": ["fallback"]}, small),
        *both({"request_id": "r7"}, {"status": "error", "model": ""}),
    ]
    client = store.client()
    insert(client, "decisions", [*rows, rows[1], {"project": "q"}])
    at = dt.datetime(2026, 11, 18, tzinfo=dt.UTC)
    columns = ["project", "sample", "request_id", "policy", "policy_version", "model", "inclusion_probability"]
    runs = [
        ["p", "s", "r1", "cheap", "2", "small", 0.5, "ok", at, 1],
        ["p", "s", "r2", "", "", "small", 0.5, "ok", at, 1],
        ["p", "s", "r3", "", "", "small", 0.5, "ok", at, 1],
        ["p", "s", "r4", "cheap", "2", "small", 0.5, "error", at, 1],
    ]
    client.insert("executions", runs, column_names=[*columns, "status", "executed_at", "version"])
    return store


def test_evaluation_cells(frame: Store) -> None:
    """Only requests whose answers differ; a model alone answers no cascade, and an error answers nothing."""
    rows = run(frame, "evaluation_cells", **FRAME)
    assert [(*row[:6], row[7]) for row in rows] == [
        ("code", "big", "small", "", 2, 1, 2),
        ("code", "big", "small", "big", 2, 2, 0),
    ]
    # r1 and r4 save 0.0126; r3 pays both.
    assert [row[6] for row in rows] == pytest.approx([BIG_USD - SMALL_USD, SMALL_USD + BIG_USD - SMALL_USD])


def test_evaluation_scores(frame: Store) -> None:
    """A factor of the cell, times money, times 1 - confidence; the usual money where tokens are unknown."""
    rows = run(frame, "evaluation_scores", **FRAME, **SCORED, page=10)
    assert sorted(round(row[0], 9) for row in rows) == [0.0014, 0.0063, 0.0126, 10.0]
    assert sorted(bool(row[1]) for row in rows) == [False, True, True, True]
    assert sorted(round(row[2], 9) for row in rows if row[1]) == [0.0014, 0.0014, 0.0154]
    assert len(run(frame, "evaluation_scores", **FRAME, **SCORED, page=2)) == 2


def test_evaluation_draw(frame: Store) -> None:
    """A request is taken if its hash lies below its chance; a chance of 1 always takes it."""
    everything = run(frame, "evaluation_draw", **FRAME, **SCORED, scale=1e9, floor=0.1)
    assert [row[0] for row in everything] == ["r1", "r2", "r3", "r4"]
    assert [row[13] for row in everything] == [1.0] * 4
    first = everything[0]
    assert first[2:7] == ("code", "big", "small", "", "big")
    assert first[8:10] == (1000, 100)
    assert first[10] == pytest.approx(SMALL_USD)
    assert first[11] == 0.75
    assert everything[1][10] is None
    assert everything[1][11] is None
    assert [row[13] for row in run(frame, "evaluation_draw", **FRAME, **SCORED, scale=0.0, floor=0.999999)] == [
        0.999999
    ] * 4
