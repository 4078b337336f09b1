"""Answers of models alone, on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.model_answers import trials
from shadowroute.analysis.results import Undefined
from shadowroute.analysis.selection import ALL, PolicyRef, Window
from shadowroute.analysis.sql_files import statement
from shadowroute.analysis.study import Study
from shadowroute.collector.price_books import book_prices
from shadowroute.collector.store import Store
from tests.support.decision_rows import both, insert

D16 = dt.date(2026, 11, 16)
CHEAP = PolicyRef("cheap", "2")
PARAMS: dict[str, Any] = {
    "project": "p",
    "policy": "cheap",
    "version": "2",
    "first": D16,
    "last": D16,
    "signal": "resolved",
    "segment_keys": [],
    "segment_values": [],
}


@pytest.fixture
def run_alone(store: Store) -> Store:
    """r1 is downgraded, r2 is not, r3 is contaminated; small was run on all, big on r1, twice scored.

    A run of the whole plan, another signal, a failed run and an unscored one are no answers of a model alone.
    """
    small = {"model": "small", "tier": "small", "steps_id": "small", "confidence": 0.75}
    rows = [
        *both({}, small),
        *both({"request_id": "r2"}, {}),
        *both({"request_id": "r3", "contamination": ["pinned"]}, {}),
    ]
    client = store.client()
    insert(client, "decisions", rows)
    insert(client, "price_books", [{}, {"model": "small", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 4.0}])
    names = (
        "project sample request_id policy policy_version model inclusion_probability status cost_usd input_tokens "
        "output_tokens signal score live_score scorer executed_at version"
    )
    at = dt.datetime(2026, 11, 18, tzinfo=dt.UTC)

    def row(request: str, model: str, score: float | None, **changes: Any) -> list[Any]:
        given = {
            "project": "p", "sample": "s", "request_id": request, "policy": "", "policy_version": "", "model": model,
            "inclusion_probability": 0.5, "status": "ok", "cost_usd": None, "input_tokens": 1000, "output_tokens": 200,
            "signal": "resolved", "score": score, "live_score": 1.0, "scorer": "", "executed_at": at, "version": 1,
        }  # fmt: skip
        return [(given | changes)[name] for name in names.split()]

    runs = [
        row("r1", "small", 0.5),
        row("r1", "big", 1.0, cost_usd=0.5),
        row("r1", "big", 0.0, cost_usd=0.5, scorer="b", live_score=0.0),
        row("r2", "small", 0.25),
        row("r3", "small", 1.0),
        row("r1", "small", 1.0, policy="cheap", policy_version="2"),
        row("r2", "big", 1.0, signal="polite"),
        row("r2", "big", 1.0, status="error"),
        row("r2", "big", None),
    ]
    client.insert("executions", runs, column_names=names.split())
    return store


def test_model_answers(run_alone: Store) -> None:
    """Clean requests only, whether or not the shadow names the model; one row per scorer."""
    found = statement("model_answers")
    rows = run_alone.reader().query(found.text, {key: PARAMS[key] for key in found.params}).result_rows
    assert [(row[1], row[2], row[4], row[12], row[14]) for row in rows] == [
        ("r1", "big", 1.0, "small", "big"),
        ("r1", "big", 0.0, "small", "big"),
        ("r1", "small", 0.5, "small", "big"),
        ("r2", "small", 0.25, "big", "big"),
    ]


def test_trials(run_alone: Store) -> None:
    """Columns by request: means over scorers, costs from the file or from tokens, live's from its attempts."""
    queries = Queries(run_alone.reader(), "p")
    prices = PriceTable(book_prices(run_alone.client(), "b"))
    made = trials(queries, Window(D16, D16), CHEAP, ALL, "resolved", prices)
    assert made is not None
    assert made.models == ("big", "small")
    assert made.score["small"].tolist() == [0.5, 0.25]
    assert made.score["big"][0] == 0.5
    assert made.score["big"][1] != made.score["big"][1]
    assert made.live_score.tolist() == [pytest.approx(2 / 3), 1.0]
    assert made.usd["small"].tolist() == pytest.approx([0.0018, 0.0018])
    assert made.usd["big"][0] == 0.5
    assert made.live_usd.tolist() == pytest.approx([0.0104, 0.0104])
    assert made.stands_for.tolist() == [2.0, 2.0]
    assert made.shadow_model == ("small", "big")
    assert made.confidence[0] == 0.75


def test_measures_of_a_store_with_too_few(run_alone: Store) -> None:
    """Two answers give no figure, and no error."""
    queries = Queries(run_alone.reader(), "p")
    one = Study(queries, Window(D16, D16), book="b", scored_by="resolved").of(CHEAP)
    assert isinstance(one.random_control.advantage, Undefined)
    assert isinstance(one.frontier.gap_recovered, Undefined)
    assert isinstance(one.savings.share, Undefined)
