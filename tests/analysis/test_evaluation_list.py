"""The evaluation list: chances that follow the stated priorities, and draws that generalise to every request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shadowroute.analysis import evaluation_list as module
from shadowroute.analysis.evaluation_list import FLOOR, EvaluationList, chances_of, evaluation_list, records
from shadowroute.analysis.measures.direction import Directions
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.evaluation import Scores
from shadowroute.analysis.study import Study
from shadowroute.collector.serve import rollup_now
from shadowroute.collector.store import Store
from tests.support.mixed_traffic import BOOK, CHEAP, WINDOW, store_traffic
from tests.support.stores import fresh_store

Draw = Callable[..., EvaluationList]


@pytest.fixture(scope="module")
def read_only(engine_folder: Path) -> Iterator[Store]:
    """One store for all tests of this file; none of them writes."""
    with fresh_store(engine_folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def traffic(read_only: Store) -> tuple[Draw, list[dict[str, Any]]]:
    """A function that draws from 3,000 requests, and the rows of those that may be drawn."""
    store = read_only
    rows = store_traffic(store.client())
    rollup_now(store)
    queries = Queries(store.reader(), "p")

    def draw(seed: int = 1, **options: Any) -> EvaluationList:
        return evaluation_list(Study(queries, WINDOW, book=BOOK), CHEAP, seed=seed, **options)

    framed = [
        row
        for row in rows
        if row.get("policy") == CHEAP.name
        and row.get("status", "ok") == "ok"
        and not row["contamination"]
        and (row["model"] != row["live_model"] or row.get("escalation_model"))
    ]
    return draw, framed


def test_the_frame_holds_every_request_whose_answer_must_be_run(traffic: tuple[Draw, list[dict[str, Any]]]) -> None:
    """As many as the rows have, and as the cells add up to; a huge wish takes them all for certain."""
    draw, framed = traffic
    everything = draw(n=10**6)
    assert everything.frame_n == len(framed) == sum(row.n for row in everything.cells)
    assert {row.request_id for row in everything.rows} == {row["request_id"] for row in framed}
    assert {row.chance for row in everything.rows} == {1.0}


def test_a_draw_can_be_checked_by_hand(traffic: tuple[Draw, list[dict[str, Any]]]) -> None:
    """Who is in follows from id, seed and chance alone; chances are the floor, 1, or one scale times score."""
    draw, _ = traffic
    everything = {row.request_id: row for row in draw(n=10**6).rows}
    made = draw(n=120)
    drawn = {row.request_id: row for row in made.rows}
    scale = max(row.chance / row.score for row in made.rows if made.floor < row.chance < 1)
    for request_id, row in everything.items():
        chance = min(max(scale * row.score, made.floor), 1.0)
        digest = hashlib.md5(f"evaluation-draw:1:{request_id}".encode(), usedforsecurity=False).digest()
        place = int.from_bytes(digest[:8], "little") / 2**64
        assert (place < chance) == (request_id in drawn)
        if request_id in drawn:
            assert drawn[request_id].chance == pytest.approx(chance, rel=1e-9)


def test_seeds_take_different_requests_and_stand_for_all(traffic: tuple[Draw, list[dict[str, Any]]]) -> None:
    """Over 25 seeds: as many as wished on average, and inverse chances add up to the frame."""
    draw, framed = traffic
    made = [draw(seed, n=120) for seed in range(25)]
    assert made[0] == draw(0, n=120)
    assert made[0].sample != made[1].sample
    sizes = np.array([len(each.rows) for each in made])
    assert sizes.mean() == pytest.approx(120, abs=3 * np.sqrt(120 / 25))
    stands_for = np.array([sum(1 / row.chance for row in each.rows) for each in made])
    assert abs(stands_for.mean() - len(framed)) < 3 * stands_for.std(ddof=1) / np.sqrt(25)
    equal = 120 / len(framed)
    assert all(row.chance >= FLOOR * equal * (1 - 1e-9) for each in made for row in each.rows)


def test_more_requests_than_travel(traffic: tuple[Draw, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a sample of the scores sets the scale, chances are still exact: inverse ones add up to the frame."""
    draw, framed = traffic
    monkeypatch.setattr(module, "SCORED", 200)
    made = [draw(seed, n=120) for seed in range(25)]
    stands_for = np.array([sum(1 / row.chance for row in each.rows) for each in made])
    assert abs(stands_for.mean() - len(framed)) < 3 * stands_for.std(ddof=1) / np.sqrt(25)
    assert np.mean([len(each.rows) for each in made]) == pytest.approx(120, rel=0.15)


def test_a_budget_is_kept_on_average(traffic: tuple[Draw, list[dict[str, Any]]]) -> None:
    """The expected cost is the budget; over seeds the draws cost about as much."""
    draw, _ = traffic
    whole = draw(n=10**6)
    assert whole.expected_usd is not None
    budget = whole.expected_usd / 5
    made = [draw(seed, budget_usd=budget) for seed in range(20)]
    assert made[0].expected_usd == pytest.approx(budget, rel=0.01)
    spent = np.array([sum(row.run_usd or 0.0 for row in each.rows) for each in made])
    assert abs(spent.mean() - budget) < 3 * spent.std(ddof=1) / np.sqrt(20) + 0.05 * budget
    assert draw(budget_usd=1e9).expected_n == whole.frame_n


def test_money_and_novelty_raise_the_chance(traffic: tuple[Draw, list[dict[str, Any]]]) -> None:
    """Within a cell the dearer request has no smaller chance; of two cells alike in money the rarer is more likely."""
    draw, _ = traffic
    made = draw(n=400)
    for cell in {row.cell for row in made.rows}:
        inside = sorted((row.score, row.chance) for row in made.rows if row.cell == cell)
        assert [chance for _, chance in inside] == sorted(chance for _, chance in inside)
    directions = Directions({"big": 12.0, "mid": 5.0, "small": 2.0})
    factors = module.priority_of(made.cells, directions).factors
    rare = min(made.cells, key=lambda row: row.n)
    often = max(made.cells, key=lambda row: row.n)
    assert factors[rare.cell] > factors[often.cell]


def test_the_file_that_goes_out(traffic: tuple[Draw, list[dict[str, Any]]]) -> None:
    """Every row names its draw, request, policy and chance; unknown is None."""
    draw, _ = traffic
    made = draw(n=50)
    out = records(made)
    assert len(out) == len(made.rows) > 0
    assert list(out[0])[:6] == ["sample", "request_id", "policy", "version", "model", "inclusion_probability"]
    assert {row["sample"] for row in out} == {made.sample}


def test_one_wish_is_given(traffic: tuple[Draw, list[dict[str, Any]]]) -> None:
    """Either a number or a budget, above 0."""
    draw, _ = traffic
    for options in ({}, {"n": 5, "budget_usd": 1.0}, {"n": 0}, {"budget_usd": -1.0}):
        with pytest.raises(ValueError, match=r"n or budget_usd|either n or|above 0"):
            draw(**options)


def test_equal_scores_have_equal_chances() -> None:
    """Without a priority everybody has the same chance; unscored requests have the floor at least."""
    scored = Scores(score=np.full(50, 2.0), run_usd=np.full(50, 0.1))
    chances = chances_of(scored, 1_000, 100)
    assert chances.of(scored.score) == pytest.approx(np.full(50, 0.1))
    assert chances.expected_usd == pytest.approx(10.0)
    zeros = chances_of(Scores(score=np.zeros(50), run_usd=np.full(50, np.nan)), 1_000, 100)
    assert zeros.of(np.zeros(50)) == pytest.approx(np.full(50, 0.1))
    assert zeros.expected_usd is None
