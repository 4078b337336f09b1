"""Rollups and decision rows give the same figures, and both agree with a plain computation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shadowroute.analysis.cost_cube import CostCube, Line
from shadowroute.analysis.measures.ledger_lines import Costs
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.caches import CacheCell, CacheCells, cache_cells, cache_cells_by_value
from shadowroute.analysis.queries.money import cost_cube, cost_cubes_by_value, request_sizes
from shadowroute.analysis.queries.pairs import (
    PairSums,
    effective_clusters,
    effective_clusters_by_value,
    matrix,
    pairs,
    pairs_by_value,
)
from shadowroute.analysis.queries.signal_cells import asked, signal_cells
from shadowroute.analysis.results import Estimate, Range
from shadowroute.analysis.selection import ALL, Cross, PolicyRef, Segment, Slice
from shadowroute.analysis.signals import SignalRow
from shadowroute.analysis.study import Study
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums
from shadowroute.collector.rollup import Rollup
from tests.support.decision_rows import insert
from tests.support.mixed_traffic import BOOK, CHEAP, DRAFTED, WINDOW, store_traffic
from tests.support.stores import fresh_store

THUMBS = SignalRow(name="thumbs", source="user", n=0)

SEGMENTS = [
    Segment("task", "chat"),
    Segment("user_tier", ""),
    Segment("label:team", "a"),
    Segment("input_band", "lt1k"),
]


@pytest.fixture(scope="module")
def traffic(engine_folder: Path) -> Iterator[tuple[Queries, list[dict[str, Any]]]]:
    """A project with three thousand requests, rolled up, and the rows it was made from."""
    with fresh_store(engine_folder) as store:
        rows = store_traffic(store.client())
        Rollup(store, labels=("team",)).run_once()
        yield Queries(store.reader(), "p"), rows


def parts(sums: PairSums) -> dict[str, Any]:
    """Every ratio and figure of a bundle of sums, by name."""
    return {name: getattr(sums, name) for name in type(sums).__slots__}


def assert_same(left: PairSums, right: PairSums) -> None:
    """Counts exactly, sums to 1e-12 relative."""
    for name, ours in parts(left).items():
        theirs = parts(right)[name]
        if isinstance(ours, RatioSums):
            assert ours.n == theirs.n
            np.testing.assert_allclose(ours.numerator, theirs.numerator, rtol=1e-12, atol=1e-15, err_msg=name)
            np.testing.assert_allclose(ours.denominator, theirs.denominator, rtol=1e-12, err_msg=name)
        elif isinstance(ours, float):
            assert ours == pytest.approx(theirs, rel=1e-12), name
        else:
            assert ours == theirs, name


def assert_same_dollars(left: CostCube, right: CostCube) -> None:
    """The same lines, counts exactly, dollars to 1e-12 relative."""
    assert left.cells.keys() == right.cells.keys()
    for line, ours in left.cells.items():
        theirs = right.cells[line]
        assert (ours.n, ours.unpriced_n) == (theirs.n, theirs.unpriced_n)
        for name in ("weight", "input_usd", "cache_usd", "cold_usd", "output_usd"):
            got, want = getattr(ours, name), getattr(theirs, name)
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15, err_msg=f"{name} of {line}")


def assert_same_caches(left: CacheCells, right: CacheCells) -> None:
    """The same lines and states, dollars to 1e-12 relative; tasks are told apart by the rows alone."""

    def sums(cells: CacheCells, line: Line) -> dict[str, dict[str, Floats]]:
        found: dict[str, dict[str, Floats]] = {}
        for (state, _), cell in cells[line].items():
            for each in fields(CacheCell):
                of_state = found.setdefault(state, {})
                of_state[each.name] = of_state.get(each.name, np.zeros(BUCKETS)) + getattr(cell, each.name)
        return found

    assert left.keys() == right.keys()
    for line in left:
        ours, theirs = sums(left, line), sums(right, line)
        assert ours.keys() == theirs.keys()
        for state, columns in ours.items():
            for name, got in columns.items():
                np.testing.assert_allclose(got, theirs[state][name], rtol=1e-12, atol=1e-15, err_msg=f"{name}, {line}")


@pytest.mark.parametrize("segment", SEGMENTS, ids=str)
def test_rows_give_what_rollups_give(traffic: tuple[Queries, list[dict[str, Any]]], segment: Segment) -> None:
    """A slice of one segment is the same, read from sums or from decisions."""
    q, _ = traffic
    rows = Cross((segment,))
    assert pairs(q, WINDOW, CHEAP, segment).n > 300
    assert_same(pairs(q, WINDOW, CHEAP, segment), pairs(q, WINDOW, CHEAP, rows))
    assert_same(pairs(q, WINDOW, None, segment), pairs(q, WINDOW, None, rows))
    assert_same_dollars(cost_cube(q, WINDOW, CHEAP, BOOK, segment), cost_cube(q, WINDOW, CHEAP, BOOK, rows))
    assert_same_caches(cache_cells(q, WINDOW, CHEAP, BOOK, segment), cache_cells(q, WINDOW, CHEAP, BOOK, rows))
    rolled, read = matrix(q, WINDOW, CHEAP, segment), matrix(q, WINDOW, CHEAP, rows)
    assert [(c.live_model, c.shadow_model, c.n) for c in rolled] == [(c.live_model, c.shadow_model, c.n) for c in read]
    assert [c.clean_weight for c in rolled] == pytest.approx([c.clean_weight for c in read], rel=1e-12)
    cells = (signal_cells(q, WINDOW, CHEAP, THUMBS, where) for where in (segment, rows))
    for ours, theirs in zip(*cells, strict=True):
        assert (ours.live_model, ours.shadow_model, ours.score.n) == (
            theirs.live_model,
            theirs.shadow_model,
            theirs.score.n,
        )
        np.testing.assert_allclose(ours.score.numerator, theirs.score.numerator, rtol=1e-12)
        np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-12)
    requests = (asked(q, WINDOW, CHEAP, where) for where in (segment, rows))
    for could, might in zip(*requests, strict=True):
        assert (could.live_model, could.shadow_model, could.n) == (might.live_model, might.shadow_model, might.n)
        np.testing.assert_allclose(could.requests, might.requests, rtol=1e-12)


@pytest.mark.parametrize("key", ["task", "user_tier", "label:team"])
def test_values_of_a_key_are_the_segments(traffic: tuple[Queries, list[dict[str, Any]]], key: str) -> None:
    """One query for a whole key gives what a query per value gives, and the values add up to all traffic."""
    q, _ = traffic
    by_value = pairs_by_value(q, WINDOW, CHEAP, key)
    cubes = cost_cubes_by_value(q, WINDOW, CHEAP, BOOK, key)
    standing = cache_cells_by_value(q, WINDOW, CHEAP, BOOK, key)
    assert {row.value for row in q.segments(WINDOW, CHEAP) if row.key == key} == set(by_value)
    for value, sums in by_value.items():
        assert_same(sums, pairs(q, WINDOW, CHEAP, Segment(key, value)))
        assert_same_dollars(cubes[value], cost_cube(q, WINDOW, CHEAP, BOOK, Segment(key, value)))
        one, among = cache_cells(q, WINDOW, CHEAP, BOOK, Segment(key, value)), standing[value]
        assert_same_caches(one, among)
    if not key.startswith("label:"):
        total = sum(sums.weight for sums in by_value.values())
        assert total == pytest.approx(pairs(q, WINDOW, CHEAP).weight, rel=1e-12)


@pytest.mark.parametrize(
    "where", [ALL, Segment("task", "chat"), Cross((Segment("task", "chat"), Segment("user_tier", "pro")))], ids=str
)
def test_measures_agree_with_a_plain_count(traffic: tuple[Queries, list[dict[str, Any]]], where: Slice) -> None:
    """Divergence, escalation and the signal's mean, recomputed row by row."""
    q, rows = traffic
    mine = [row for row in rows if row.get("policy") == CHEAP.name and _inside(row, where)]
    planned = [row for row in mine if row.get("status", "ok") == "ok"]
    one = Study(q, WINDOW, slice=where, book=BOOK).of(CHEAP)
    found = one.divergence
    assert found.n == len(planned)
    assert found.diverging == pytest.approx(sum(row["model"] != row["live_model"] for row in planned) / 0.66, rel=1e-9)
    assert found.failed_share == pytest.approx(1 - len(planned) / len(mine), rel=1e-9)
    cascade = [row for row in planned if row.get("escalation_model")]
    known = [row for row in cascade if row["escalated"] is not None]
    paid = one.escalation
    assert paid.known_share == pytest.approx(len(known) / len(cascade), rel=1e-9)
    assert paid.shadow.low == pytest.approx(sum(row["escalated"] for row in known) / len(cascade), rel=1e-9)  # type: ignore[union-attr]  # a range: two thirds are unseen
    assert one.quality.signal == "thumbs"


@pytest.mark.parametrize("where", [ALL, Segment("task", "extract")], ids=str)
def test_costs_agree_with_a_plain_sum(traffic: tuple[Queries, list[dict[str, Any]]], where: Slice) -> None:
    """Dollars of both sides, recomputed row by row from prices, bands, cold caches and dates."""
    q, rows = traffic
    mine = [
        row
        for row in rows
        if row.get("policy") == CHEAP.name
        and row.get("status", "ok") == "ok"
        and row["input_tokens"] is not None
        and not row["contamination"]
        and _inside(row, where)
    ]
    live = sum(_paid(row) for row in mine) / 0.66
    shadow = sum(_usd(row, row["model"]) for row in mine) / 0.66
    escalated = sum(_usd(row, "big") for row in mine if row.get("escalated") == 1) / 0.66
    unknown = [row for row in mine if row.get("escalation_model") and row["escalated"] is None]
    unseen = sum(_usd(_with_draft(row), "big") for row in unknown) / 0.66
    found = Study(q, WINDOW, book=BOOK).of(CHEAP, where).cost
    assert found.n == len(mine)
    assert found.unpriced == ()
    assert found.live_usd == pytest.approx(live, rel=1e-9)
    sums = cost_cube(q, WINDOW, CHEAP, BOOK, where).clean.sums()
    assert float(sums.shadow.numerator.sum()) == pytest.approx(shadow + escalated, rel=1e-9)
    assert float(sums.unknown.numerator.sum()) == pytest.approx(unseen, rel=1e-9)


def test_money_measures_agree_with_the_cube(traffic: tuple[Queries, list[dict[str, Any]]]) -> None:
    """Single requests add up to the cube, the ledger to its net, and no policy saves more than the bound."""
    q, _ = traffic
    sums = cost_cube(q, WINDOW, CHEAP, BOOK).clean.sums()
    found = request_sizes(q, WINDOW, CHEAP, BOOK)
    assert found.cost is not None
    assert found.change is not None
    assert (found.n, found.unpriced_n) == (sums.n, 0)
    live, shadow = float(sums.live.numerator.sum()), float(sums.shadow.numerator.sum())
    assert found.cost.sum == pytest.approx(live, rel=1e-9)
    assert found.change.moments[0] == pytest.approx(shadow - live, rel=1e-9)
    study = Study(q, WINDOW, book=BOOK, costs=Costs(router_usd_per_decision=0.001))
    assert study.of(CHEAP).concentration.one_in == 1
    bill = study.of(CHEAP).ledger
    lows = [line.usd_per_month for line in bill.lines]
    assert isinstance(bill.net, Range)
    assert bill.net.low == pytest.approx(
        sum(float(getattr(m, "low", getattr(m, "value", "nan"))) for m in lows), rel=1e-9
    )
    assert bill.days == WINDOW.days
    most = study.most_saved
    assert isinstance(most, Estimate)
    assert bill.live_usd_per_month is not None
    assert -bill.net.low < most.value < bill.live_usd_per_month
    own = Study(q, WINDOW, book=BOOK).of(CHEAP)
    rate = own.break_even.rate
    assert isinstance(rate, Estimate)
    escalated = own.cube.only(
        lambda line: line.side == "shadow" and "escalation" in line.kind and not line.is_contaminated
    )
    happened = escalated.only(lambda line: line.kind == "escalation")
    first = float(own.cube.clean.sums().shadow.numerator.sum()) - float(happened.usd().sum())
    assert rate.value == pytest.approx((live - first) / float(escalated.usd().sum()), rel=1e-9)


def _inside(row: dict[str, Any], where: Slice) -> bool:
    segments = where.segments if isinstance(where, Cross) else (where,)
    return all(segment == ALL or row[segment.key] == segment.value for segment in segments)


def _price(row: dict[str, Any], model: str) -> tuple[float, float, float, float]:
    base = {"big": 10.0, "mid": 4.0, "small": 0.5}[model] * (2 if row["input_tokens"] > 128_000 else 1)
    late = model == "big" and (row["ts"].date() - WINDOW.first).days >= 2
    return (12.0 if late else base), base / 10, base * 1.25, base * 4


def _usd(row: dict[str, Any], model: str, *, warm: bool | None = None) -> float:
    p_in, p_read, p_write, p_out = _price(row, model)
    read, written = row["cache_read_tokens"], row["cache_write_tokens"]
    warm = model == row["served_model"] if warm is None else warm
    fresh = row["input_tokens"] - read - written
    sent = fresh * p_in + read * p_read + written * p_write if warm else row["input_tokens"] * p_in
    return float(sent + row["output_tokens"] * p_out) / 1e6


def _with_draft(row: dict[str, Any]) -> dict[str, Any]:
    """As the model sees it that is to check a draft: the draft is part of the input."""
    if row["steps"] != DRAFTED:
        return row
    return {**row, "input_tokens": row["input_tokens"] + row["output_tokens"]}


def _paid(row: dict[str, Any]) -> float:
    return _usd(row, row["served_model"], warm=True)


def test_an_overflowing_value_is_found_as_other(engine_folder: Path) -> None:
    """A value without a segment of its own is `other` in a cross of segments, as it is in the rollups."""
    with fresh_store(engine_folder) as store:
        tasks = [{"request_id": f"r{n}", "task": f"task{n % 60}", "user_tier": "pro"} for n in range(120)]
        insert(store.client(), "decisions", tasks)
        Rollup(store).run_once()
        q = Queries(store.reader(), "p")
        assert pairs(q, WINDOW, None, Segment("task", "other")).n == 20
        assert pairs(q, WINDOW, None, Cross((Segment("task", "other"), Segment("user_tier", "pro")))).n == 20
        assert pairs(q, WINDOW, None, Cross((Segment("task", "other"), Segment("user_tier", "free")))).n == 0


def test_counts_agree_with_a_plain_count(traffic: tuple[Queries, list[dict[str, Any]]]) -> None:
    """Policies, outcomes, kinds of clusters, failures and completeness are those of the rows."""
    q, rows = traffic
    live = [row for row in rows if row.get("role", "live") == "live"]
    cheap = [row for row in rows if row.get("policy") == CHEAP.name]
    assert q.outcomes(WINDOW) == Counter(row["outcome_status"] for row in live)
    assert q.cluster_kinds(WINDOW) == {"user": len(live)}
    assert sum(row.n for row in q.failures(WINDOW)) == sum(row.get("status") == "error" for row in cheap)
    found = {row.policy: row for row in q.policies(WINDOW) if not row.is_live}
    assert found[CHEAP].n == len(cheap)
    assert found[CHEAP].failed_weight == pytest.approx(sum(row.get("status") == "error" for row in cheap) / 0.66)
    hours = [row for row in q.completeness(WINDOW) if row.policy == CHEAP]
    assert sum(row.unstated_n for row in hours) == len(cheap)
    assert sum(row.unstated_n for row in q.completeness(WINDOW) if row.is_live) == len(live)
    assert {row.hour for row in hours} == {row["ts"].replace(minute=0, second=0, microsecond=0) for row in cheap}


@pytest.mark.parametrize("policy", [None, CHEAP], ids=str)
def test_effective_clusters_are_those_of_the_rows(
    traffic: tuple[Queries, list[dict[str, Any]]], policy: PolicyRef | None
) -> None:
    """Users come back on other days; sums with random signs still know them, to three standard errors of 4.4 %."""
    q, _ = traffic
    for segment in (ALL, *SEGMENTS):
        exact = effective_clusters(q, WINDOW, policy, Cross((segment,)))
        assert exact > 40
        assert effective_clusters(q, WINDOW, policy, segment) == pytest.approx(exact, rel=3 * 0.0442)
    by_value = effective_clusters_by_value(q, WINDOW, policy, "task")
    assert by_value["chat"] == pytest.approx(effective_clusters(q, WINDOW, policy, Segment("task", "chat")), rel=1e-12)
    assert effective_clusters(q, WINDOW, PolicyRef("nobody", "1")) == 0.0
