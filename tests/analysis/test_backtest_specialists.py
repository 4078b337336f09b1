"""What a table of outcomes tells specialists: the choice of a shadow against a coin, the oracle and the two models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shadowroute.analysis.backtest.case import Case, Inputs, load
from shadowroute.analysis.backtest.run import run
from shadowroute.analysis.backtest.specialists import specialists_of, trials_of
from shadowroute.analysis.results import Estimate, Undefined
from shadowroute.collector.store import Store

PRICES = """
models:
  big: {provider: x, tier: large, price_usd_per_million: {input: 10, output: 20}}
  small: {provider: x, tier: small, price_usd_per_million: {input: 1, output: 2}}
"""
LIVE = "policy: big-always\nchoose: {use: big}\n"
EASY_SMALL = "policy: easy-small\nchoose:\n  rules:\n    - {when: {task: easy}, use: small}\n    - {otherwise: big}\n"
ALL_SMALL = "policy: all-small\nchoose: {use: small}\n"
CASCADE = "policy: small-first\nchoose:\n  cascade: {try: small, accept_if: [{score_at_least: 0.5}], else: big}\n"
N = 400


def case_of(folder: Path, *shadows: str) -> Case:
    """The big model answers everything; the small one the easy half only. Costs are 0.00120 and 0.00012."""
    ids = [f"q{row}" for row in range(N)]
    tasks = ["easy" if row % 2 else "hard" for row in range(N)]
    queries = {"query_id": ids, "prompt": ["p"] * N, "task": tasks}
    outcomes: dict[str, list[Any]] = {
        "query_id": ids * 2,
        "model": ["big"] * N + ["small"] * N,
        "input_tokens": [100] * (2 * N),
        "output_tokens": [10] * (2 * N),
        "score": [1.0] * N + [float(row % 2) for row in range(N)],
    }
    pq.write_table(pa.table(queries), folder / "q.parquet")
    pq.write_table(pa.table(outcomes), folder / "o.parquet")
    (folder / "prices.yaml").write_text(PRICES)
    (folder / "live.yaml").write_text(LIVE)
    paths = []
    for place, text in enumerate(shadows):
        paths.append(folder / f"shadow{place}.yaml")
        paths[-1].write_text(text)
    return load(
        Inputs(
            queries=folder / "q.parquet",
            outcomes=folder / "o.parquet",
            live=folder / "live.yaml",
            shadows=tuple(paths),
            prices=folder / "prices.yaml",
        )
    )


def test_a_shadow_that_knows_the_easy_half_beats_the_coin_by_a_quarter(tmp_path: Path) -> None:
    """By hand: it moves half and loses nothing; a coin of the same spend moves half and loses half of the half."""
    found = specialists_of(case_of(tmp_path, EASY_SMALL), 0)
    control, savings, frontier = found.random_control, found.savings, found.frontier
    assert (found.n, control.model, control.moved_share) == (N, "small", pytest.approx(0.5))
    assert isinstance(control.advantage, Estimate)
    assert control.advantage.value == pytest.approx(0.25)
    assert isinstance(savings.share, Estimate)
    assert savings.share.value == pytest.approx(1.0)
    assert isinstance(frontier.gap_recovered, Estimate)
    assert frontier.gap_recovered.value == pytest.approx(1.0)
    assert (frontier.weak, frontier.strong) == ("small", "big")


def test_a_shadow_that_moves_everything_is_its_own_coin(tmp_path: Path) -> None:
    """Nothing is chosen: no advantage, no gap recovered, exactly."""
    found = specialists_of(case_of(tmp_path, ALL_SMALL), 0)
    for figure in (found.random_control.advantage, found.frontier.gap_recovered):
        assert isinstance(figure, Estimate)
        assert (figure.value, figure.interval.low, figure.interval.high) == (0.0, 0.0, 0.0)


def test_a_cascade_has_no_control(tmp_path: Path) -> None:
    """Its answer is neither model's alone."""
    found = specialists_of(case_of(tmp_path, CASCADE), 0)
    assert isinstance(found.random_control.advantage, Undefined)
    assert isinstance(found.frontier.gap_recovered, Undefined)


def test_queries_without_all_answers_are_not_taken_for_the_others(tmp_path: Path) -> None:
    """The rule keeps hard queries with the large model, so they are used; without small answers no coin is known."""
    case = case_of(tmp_path, EASY_SMALL)
    rows = pq.read_table(tmp_path / "o.parquet").to_pylist()
    kept = [row for row in rows if row["model"] == "big" or int(row["query_id"][1:]) % 2]
    pq.write_table(pa.Table.from_pylist(kept), tmp_path / "o.parquet")
    case = load(case.inputs)
    assert len(case.planned) == N
    found = specialists_of(case, 0)
    assert found.n == N // 2
    assert isinstance(found.random_control.advantage, Undefined)
    assert found.random_control.advantage.reason == "the sample stands for 200 of 400 requests"


def test_the_buckets_are_those_of_the_rows(tmp_path: Path, store: Store) -> None:
    """The unit of analysis is the same as for every other figure."""
    case = case_of(tmp_path, EASY_SMALL)
    document = run(case, store)
    rows = store.reader().query(
        "SELECT request_id, bucket FROM decisions FINAL WHERE project = {project:String} AND role = 'live'",
        parameters={"project": case.project},
    )
    stored: dict[str, int] = dict(map(tuple, rows.result_rows))
    want = [stored[plan.query.request_id] for plan in case.planned]
    assert np.array_equal(trials_of(case, 0).bucket, np.array(want))
    assert document.shadows[0].specialists.random_control.model == "small"
