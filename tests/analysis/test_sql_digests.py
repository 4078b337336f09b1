"""A digest changes with what it stands for, and with nothing else."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shadowroute.analysis import sql_files
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.digests import book_digest, executions_digest, traffic_digest
from shadowroute.analysis.selection import Window
from shadowroute.collector.store import Store
from tests.support.decision_rows import DAY, insert

WINDOW = Window(DAY, DAY + dt.timedelta(days=1))
DAYS = {"first": WINDOW.first, "last": WINDOW.last}
EXECUTION = (
    "project",
    "sample",
    "request_id",
    "model",
    "inclusion_probability",
    "status",
    "signal",
    "score",
    "version",
)


def rows(store: Store, file: str, **params: Any) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in store.reader().query(sql_files.statement(file).text, {"project": "p", **params}).result_rows
    ]


def execute(store: Store, request_id: str, score: float, version: int = 1) -> None:
    row = ["p", "draw", request_id, "small", 0.1, "ok", "resolved", score, version]
    store.client().insert("executions", [row], column_names=EXECUTION)


def test_traffic_digest(store: Store) -> None:
    """Sums of all traffic only; other projects and days are out."""
    insert(
        store.client(),
        "pair_daily",
        [
            {"w_div_steps": 4.0, "w_failed": 1.0},
            {"bucket": 2, "n": 5, "w": 2.5, "contaminated": 1},
            {"segment_key": "task", "segment_value": "code"},
            {"project": "q"},
            {"day": DAY - dt.timedelta(days=1)},
        ],
    )
    assert rows(store, "traffic_digest", **DAYS) == [
        (DAY, "shadow", "cheap", "2", "big", "small", 15, 12_500, 1_000, 4_000, 2_500)
    ]


def test_tokens_digest(store: Store) -> None:
    """Tokens by side and model, whatever the bucket."""
    insert(
        store.client(),
        "cost_daily",
        [
            {"uncached_tokens": 10.0, "cache_read_tokens": 5.0, "output_tokens": 2.0},
            {"bucket": 2, "uncached_tokens": 1.0, "cache_write_tokens": 3.0},
            {"segment_key": "task"},
        ],
    )
    assert rows(store, "tokens_digest", **DAYS) == [("cheap", "2", "live", "primary", "big", 2, 19, 5, 3, 2)]


def test_signals_digest(store: Store) -> None:
    """Values by bin, whatever the bucket; one other value changes the traffic's hash."""
    q = Queries(store.client(), "p")
    insert(store.client(), "signal_daily", [{}, {"bucket": 2, "n": 2, "sum_value": 1.95}, {"segment_key": "task"}])
    assert rows(store, "signals_digest", **DAYS) == [
        (DAY, "cheap", "2", "thumbs", "user", "big", "small", 0, 20, 3, 2_950_000)
    ]
    before = traffic_digest(q, WINDOW)
    insert(store.client(), "signal_daily", [{"bucket": 3, "bin": 0, "sum_value": 0.0}])
    assert traffic_digest(q, WINDOW) != before


def test_executions_digest(store: Store) -> None:
    """One row without any; a second copy of a row changes nothing, another score or length does."""
    assert rows(store, "executions_digest") == [(0, 0)]
    execute(store, "r1", 1.0)
    ((n, mark),) = rows(store, "executions_digest")
    execute(store, "r1", 1.0)
    assert rows(store, "executions_digest") == [(n, mark)] == [(1, mark)]
    execute(store, "r1", 0.0, version=2)
    ((_, scored),) = rows(store, "executions_digest")
    longer = ["p", "draw", "r1", "small", 0.1, "ok", "resolved", 0.0, 3, 90]
    store.client().insert("executions", [longer], column_names=(*EXECUTION, "output_tokens"))
    ((_, written),) = rows(store, "executions_digest")
    assert len({mark, scored, written}) == 3


def test_digests_tell_inputs_apart(store: Store) -> None:
    """Each names its own input; what is not there has none."""
    q = Queries(store.client(), "p")
    empty = traffic_digest(q, WINDOW)
    assert executions_digest(q) == book_digest(q, "b") == ""
    insert(store.client(), "pair_daily", [{}])
    insert(store.client(), "price_books", [{}])
    execute(store, "r1", 1.0)
    assert len({empty, traffic_digest(q, WINDOW), executions_digest(q), book_digest(q, "b")}) == 4
    assert traffic_digest(q, WINDOW) == traffic_digest(q, WINDOW)
