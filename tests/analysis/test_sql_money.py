"""Each SELECT about money on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest

from shadowroute.analysis import sql_files
from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from tests.support.decision_rows import DAY, both, insert
from tests.support.mixed_traffic import DRAFTED

D17 = DAY + dt.timedelta(days=1)
DAYS = {"first": DAY, "last": D17}
CHEAP = {"policy": "cheap", "version": "2", "book": "b"}
ALL = {"segment_key": "all", "segment_value": "", "every_value": False}
ANY_ROW: dict[str, Any] = {"segment_keys": [], "segment_values": []}


def run(store: Store, file: str, /, **params: Any) -> list[tuple[Any, ...]]:
    """Rows of a statement, read as the pages read: by a client that cannot write."""
    wanted = sql_files.statement(file).params
    assert params.keys() | {"project"} >= wanted.keys()
    bound = {"project": "p", **params}
    text = sql_files.statement(file).text
    return [tuple(row) for row in store.reader().query(text, {key: bound[key] for key in wanted}).result_rows]


def test_cost_cube(store: Store) -> None:
    """Parts of dollars per line: another model starts cold, prices are those of the day, the unpriced is counted."""
    client = store.client()
    tokens = {"uncached_tokens": 6e5, "cache_read_tokens": 4e5, "output_tokens": 1e5}
    small = {"side": "shadow", "model": "small", "cache_kept": 0}
    insert(
        client,
        "cost_daily",
        [
            tokens,
            {"day": D17, "bucket": 2, "n": 3, "w": 6.0, "uncached_tokens": 1e6},
            {**small, **tokens},
            {**small, "bucket": 2, "model": "mystery", "uncached_tokens": 1e6},
            {"contaminated": 1, "kind": "fallback", "output_tokens": 1e6},
            {"segment_key": "task", "segment_value": "chat", "output_tokens": 9e9},
            {"policy": "bold", "output_tokens": 9e9},
            {"project": "q", "output_tokens": 9e9},
        ],
    )
    insert(
        client,
        "price_books",
        [
            {},
            {"effective_from": D17, "input_usd_per_mtok": 20.0},
            {"model": "small", "input_usd_per_mtok": 1.0, "cache_read_usd_per_mtok": 0.5, "output_usd_per_mtok": 4.0},
            {"book": "other", "input_usd_per_mtok": 99.0},
        ],
    )
    assert run(store, "cost_cube", **CHEAP, **DAYS, **ALL) == [
        # 0.6 x 10, 0.4 x 1 kept, 0.1 x 40; on the 17th 1.0 x 20
        (
            *("", "big", "small", "live", "fallback", "big", 1, 1, 0),
            *([1], [1.0], [0.0], [0.0], [0.0], [40.0]),
        ),
        (
            *("", "big", "small", "live", "primary", "big", 0, 4, 0),
            *([1, 2], [1.0, 6.0], [6.0, 20.0], [0.4, 0.0], [0.4, 0.0], [4.0, 0.0]),
        ),
        (*("", "big", "small", "shadow", "primary", "mystery", 0, 1, 1), *([2], [1.0], [0.0], [0.0], [0.0], [0.0])),
        # 0.6 x 1, 0.4 x 0.5 warm and 0.4 x 1 cold, 0.1 x 4
        (*("", "big", "small", "shadow", "primary", "small", 0, 1, 0), *([1], [1.0], [0.6], [0.2], [0.4], [0.4])),
    ]


def test_cost_cube_rows(four_requests: Store) -> None:
    """The same from the decisions: r1 and r2 are clean, r3 fell back and is contaminated, r4 failed."""
    rows = {row[1:7]: row[7:] for row in run(four_requests, "cost_cube_rows", **CHEAP, **DAYS, **ANY_ROW)}
    per_million = {
        ("big", "small", "live", "primary", "big", 0): (1, 0, [1], 1.0, 6000, 400, 400, 4000),
        ("big", "small", "shadow", "primary", "small", 0): (1, 0, [1], 1.0, 600, 200, 400, 400),
        ("big", "small", "shadow", "escalation_unknown", "big", 0): (1, 0, [1], 1.0, 6000, 400, 400, 4000),
        ("big", "big", "live", "primary", "big", 0): (1, 0, [1], 1.0, 6000, 400, 400, 4000),
        ("big", "big", "shadow", "primary", "big", 0): (1, 0, [1], 1.0, 6000, 400, 400, 4000),
        ("small", "small", "live", "primary", "small", 1): (1, 0, [2], 1.0, 0, 0, 0, 0),
        ("small", "small", "live", "fallback", "big", 1): (1, 0, [2], 1.0, 20000, 0, 0, 4000),
        ("small", "small", "shadow", "primary", "small", 1): (1, 0, [2], 1.0, 1000, 0, 0, 400),
    }
    assert rows.keys() == per_million.keys()
    for line, (n, unpriced, buckets, weight, *dollars) in per_million.items():
        found = rows[line]
        assert (found[0], found[1], found[2], found[3]) == (n, unpriced, buckets, [weight])
        assert [part[0] * 1e6 for part in found[4:]] == pytest.approx(dollars, rel=1e-12), line


def test_the_model_that_checks_a_draft_reads_the_draft(store: Store) -> None:
    """So its input has the served output, too: (600 + 100) x 10 instead of 600 x 10, for a draft only."""
    drafts = {"model": "small", "tier": "small", "escalation_model": "big", "steps": DRAFTED}
    insert(store.client(), "decisions", [*both({}, drafts), *both({"request_id": "r2"}, {**drafts, "steps": "[]"})])
    insert(store.client(), "price_books", [{}, {"model": "small"}])
    (found,) = (
        row for row in run(store, "cost_cube_rows", **CHEAP, **DAYS, **ANY_ROW) if row[4] == "escalation_unknown"
    )
    assert found[11][0] * 1e6 == pytest.approx(7000 + 6000, rel=1e-12)


def test_active_days(store: Store) -> None:
    """Days on which the policy decided, other policies and days outside of the window left out."""
    rows: list[dict[str, Any]] = [
        {},
        {"bucket": 2},
        {"day": D17},
        {"day": D17 + dt.timedelta(days=1)},
        {"policy": "bold", "day": D17},
    ]
    insert(store.client(), "pair_daily", rows)
    assert run(store, "active_days", policy="cheap", version="2", **DAYS) == [(2,)]
    assert run(store, "active_days", policy="cheap", version="2", first=DAY, last=DAY) == [(1,)]
    assert run(store, "active_days", policy="none", version="2", **DAYS) == [(0,)]


def test_cheapest_dollars(store: Store) -> None:
    """Every kind of token at its lowest price of the day among the models seen; clean first answers only."""
    client = store.client()
    first = {"side": "shadow", "model": "big"}
    insert(
        client,
        "cost_daily",
        [
            {
                **first,
                "uncached_tokens": 1e6,
                "cache_read_tokens": 1e6,
                "cache_write_tokens": 1e6,
                "output_tokens": 1e6,
            },
            {**first, "bucket": 2, "day": D17, "output_tokens": 1e6},
            {**first, "policy": "bold", "model": "small", "output_tokens": 9e9},
            {**first, "contaminated": 1, "output_tokens": 9e9},
            {**first, "kind": "escalation", "output_tokens": 9e9},
            {"output_tokens": 9e9},
        ],
    )
    small = {"model": "small", "input_usd_per_mtok": 1.0, "cache_read_usd_per_mtok": 2.0, "output_usd_per_mtok": 50.0}
    cheap_later = {"model": "small", "effective_from": D17, "output_usd_per_mtok": 3.0}
    unseen = {"model": "free", "input_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0}
    insert(client, "price_books", [{}, small, cheap_later, unseen])
    # the 16th: input 1 (small), reads 1 (big; small reads at its input price 1), writes 1 (as input), output 40 (big)
    assert run(store, "cheapest_dollars", **CHEAP, **DAYS) == [(1, pytest.approx(43.0), 0), (2, pytest.approx(3.0), 0)]
    assert [row[2] for row in run(store, "cheapest_dollars", **{**CHEAP, "book": "none"}, **DAYS)] == [1, 1]


def test_concentration(four_requests: Store) -> None:
    """r1 moves to a smaller model, r2 stays: two costs of 10,400 and one change of -9,400 millionths of a dollar."""
    Rollup(four_requests).run_once()
    rows = run(four_requests, "concentration", **CHEAP, **DAYS, **ANY_ROW)
    cost, change = (6000 + 400 + 4000) / 1e6, (1000 + 400) / 1e6 - (6000 + 400 + 4000) / 1e6
    place = math.floor(64 * math.log2(cost)), math.floor(64 * math.log2(-change))
    assert [row[:5] for row in rows] == [
        ("change", -32768, 1, 1, 1.0),
        ("change", place[1], 1, 1, 1.0),
        ("cost", place[0], 2, 2, 2.0),
    ]
    assert rows[1][5:] == pytest.approx((-change, -change, change, change**2, change**3), rel=1e-12)
    assert rows[2][5:] == pytest.approx((2 * cost, cost, 2 * cost, 2 * cost**2, 2 * cost**3), rel=1e-12)
    unpriced = run(four_requests, "concentration", **{**CHEAP, "book": "none"}, **DAYS, **ANY_ROW)
    assert [row[:3] for row in unpriced] == [("unpriced", -32768, 2)]
