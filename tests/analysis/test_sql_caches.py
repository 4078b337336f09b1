"""Sums of prompt caches: from the rollup and from decisions the same, and dollars that are worked out by hand."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shadowroute.analysis.cost_cube import Line
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.caches import CacheCell, CacheCells, cache_cells, cache_cells_by_value, live_caches
from shadowroute.analysis.queries.digests import traffic_digest
from shadowroute.analysis.selection import Cross, PolicyRef, Segment, Window
from shadowroute.analysis.summaries import BUCKETS, Floats
from shadowroute.collector.rollup import Rollup
from tests.support.decision_rows import DAY, both, insert
from tests.support.stores import fresh_store

CHEAP = PolicyRef("cheap", "2")
WINDOW = Window(DAY, DAY + dt.timedelta(days=1))
FIELDS = [each.name for each in fields(CacheCell)]


def requests() -> Iterator[dict[str, Any]]:
    """Sessions around midnight on two models, some of whose requests are sampled, dear or without a session."""
    dice = random.Random(4)
    for number in range(600):
        session = number % 40
        live, shadow = dice.choice(["big", "small"]), dice.choice(["big", "small"])
        tokens = dice.randrange(500, 9_000) + (150_000 if dice.random() < 0.05 else 0)
        read = dice.choice([0, tokens // 2])
        at = dt.datetime(2026, 11, 16, 20, tzinfo=dt.UTC) + dt.timedelta(seconds=dice.randrange(0, 8 * 3_600))
        row = {
            "request_id": f"r{number:03}",
            "session_key": f"s{session}" if session else "",
            "bucket": session * 5,
            "ts": at,
            "task": dice.choice(["code", "chat"]),
            "user_tier": dice.choice(["free", "pro"]),
            "model": live,
            "live_model": live,
            "served_model": live,
            "input_tokens": tokens,
            "cache_read_tokens": read,
            "cache_write_tokens": 64,
            "attempts": [("primary", "acme", live, "", tokens, read, 64, 100, 0.5)],
            "sample_rate": 0.5 if dice.random() < 0.1 else 1.0,
            "contamination": ["fallback"] if dice.random() < 0.05 else [],
        }
        escalates = dice.random() < 0.3
        second = {"escalation_model": "big", "escalated": dice.choice([None, 0, 1])} if escalates else {}
        yield from both(row, {"model": shadow, **second})


@pytest.fixture(scope="module")
def queries(engine_folder: Path) -> Iterator[Queries]:
    with fresh_store(engine_folder) as store:
        insert(store.client(), "decisions", list(requests()))
        small = {"model": "small", "input_usd_per_mtok": 2.0, "cache_read_usd_per_mtok": 0.5}
        insert(
            store.client(),
            "price_books",
            [{}, {"context_band": 1}, small, {**small, "context_band": 1, "input_usd_per_mtok": 4.0}],
        )
        Rollup(store).run_once()
        yield Queries(store.reader(), "p")


def by_state(cells: CacheCells) -> dict[tuple[Line, str], dict[str, Floats]]:
    """Columns of every line and state, tasks together."""
    found: dict[tuple[Line, str], dict[str, Floats]] = {}
    for line, states in cells.items():
        for (state, _), cell in states.items():
            kept = found.setdefault((line, state), {name: np.zeros(BUCKETS) for name in FIELDS})
            for name in FIELDS:
                kept[name] = kept[name] + getattr(cell, name)
    return found


def assert_same(left: CacheCells, right: CacheCells) -> None:
    ours, theirs = by_state(left), by_state(right)
    assert ours.keys() == theirs.keys()
    for key, columns in ours.items():
        for name in FIELDS:
            np.testing.assert_allclose(
                columns[name], theirs[key][name], rtol=1e-11, atol=1e-13, err_msg=f"{name} {key}"
            )


@pytest.mark.parametrize("segment", [Segment("task", "code"), Segment("user_tier", "pro")], ids=str)
def test_cache_cells_rows(queries: Queries, segment: Segment) -> None:
    """Rows give what the rollup gives, over midnight as well, and where a slice leaves turns of a session out."""
    rolled = cache_cells(queries, WINDOW, CHEAP, "b", segment)
    assert {state for states in rolled.values() for state, _ in states} == {
        *("untold", "logged", "first", "short", "minute", "five_minutes", "hour", "later")
    }
    assert_same(rolled, cache_cells(queries, WINDOW, CHEAP, "b", Cross((segment,))))
    assert_same(rolled, cache_cells_by_value(queries, WINDOW, CHEAP, "b", segment.key)[segment.value])


def test_caches_overall(queries: Queries) -> None:
    """All traffic is the sum of its tasks."""
    whole = cache_cells(queries, WINDOW, CHEAP, "b")
    tasks = cache_cells_by_value(queries, WINDOW, CHEAP, "b", "task")
    assert {task for states in whole.values() for _, task in states} == {"chat", "code"}
    for task, cells in tasks.items():
        for line, states in cells.items():
            for (state, _), cell in states.items():
                np.testing.assert_allclose(whole[line][state, task].reach_read_usd, cell.reach_read_usd, rtol=1e-11)


def test_cache_cells(queries: Queries) -> None:
    """Reading saves 9 dollars of a million tokens of `big`, 1.5 of `small`, 3.5 of long ones; writing `big` adds 2."""
    cells = cache_cells(queries, WINDOW, CHEAP, "b", Segment("task", "code"))
    for line, states in cells.items():
        for (state, _), cell in states.items():
            least, most = (9.0, 9.0) if line.model == "big" else (1.5, 3.5)
            saved = cell.prompt_read_usd.sum() / cell.tokens.sum() * 1e6
            assert least - 1e-9 <= saved <= most + 1e-9
            assert (cell.reach_read_usd <= cell.prompt_read_usd + 1e-12).all()
            if line.model == "big":
                np.testing.assert_allclose(cell.prompt_write_usd, cell.tokens * 2 / 1e6)
            if state == "logged" and line.model == line.live_model:
                assert not cell.known_usd.any()


def test_live_caches(queries: Queries) -> None:
    """Every paid call once, by model, state and task."""
    found = live_caches(queries, WINDOW)
    assert {(model, task) for model, _, task in found} == {(m, t) for m in ("big", "small") for t in ("code", "chat")}
    assert sum(calls.n.sum() for calls in found.values()) == 600


def test_caches_digest(queries: Queries) -> None:
    """Figures rest on the time between turns, so the inputs of a packet hold it."""
    rows = list(queries.select("caches_digest", first=WINDOW.first, last=WINDOW.last))
    assert sum(row["n"] for row in rows if row["role"] == "live") == 600
    assert traffic_digest(queries, WINDOW) == traffic_digest(queries, WINDOW)
