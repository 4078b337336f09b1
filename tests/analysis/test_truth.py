"""Truth test on real outcomes: a sample of 10 % of all requests, run and imported, against what the whole table says.

Each pair of models is drawn 100 times from one seed. An interval must hold the true change of cost and of quality in at
least 95 % minus three binomial standard errors of the draws. `make sim` draws more often, adds the
cascade `flash-first`, and prints the rows of the tables of docs/executions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from shadowroute.analysis.measures.executed import Executed
from shadowroute.analysis.results import Estimate
from shadowroute.analysis.stats.ratio import t_interval
from shadowroute.collector.store import Store
from tests.support.draws import DRAWS, slack
from tests.support.redraws import (
    Pair,
    case_of,
    held,
    import_answers,
    measured,
    pairs,
    width,
    write_answers,
)
from tests.support.stores import fresh_store

Note = Callable[[str, object], None]
"""Carries a line to the terminal, where `make sim` prints it."""

SHARE = 0.1
LEAST = 0.95 - slack()
LONG = DRAWS > 500
CASES = [
    ("mmlu_pro", "live", ("half-flash", "flash-first") if LONG else ("half-flash",)),
    ("zeroeval", "live", ("arithmetic-to-mini", "all-mini")),
    ("zeroeval", "all-mini", ("live",)),
    ("routellm", "live", ("short-to-mixtral",)),
    ("routellm", "short-to-mixtral", ("live",)),
]
"""Folder of examples/backtest, live policy, shadows; the last of each source asks what the large model would cost."""

pytestmark = pytest.mark.data


@dataclass(frozen=True)
class Run:
    """All pairs of one case, and the store that they were read from."""

    store: Store
    pairs: list[Pair]


@pytest.fixture(scope="module", params=CASES, ids=[f"{case[0]}, live is {case[1]}" for case in CASES])
def run(request: pytest.FixtureRequest, engine_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with fresh_store(engine_folder) as store:
        case = case_of(*request.param)
        yield Run(store, pairs(case, store, tmp_path_factory.mktemp("answers")))


def samples(pair: Pair, seed: int = 7) -> Iterator[np.ndarray]:
    """Poisson samples of all requests, a tenth each; the same ones every time."""
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        yield rng.random(len(pair.units)) < SHARE


def test_a_sample_of_a_tenth_holds_the_truth(run: Run, record_property: Note) -> None:
    """True cost change and true quality change lie in their intervals in at least 95 % - 3 se of the draws."""
    for pair in run.pairs:
        drawn = pair.at(SHARE)
        made = [drawn.estimate(taken) for taken in samples(pair)]
        oracle = pair.estimate(np.ones(len(pair.units), dtype=bool))
        costs = [held(each.cost_change, pair.truth.cost_change) for each in made]
        qualities = [held(each.quality_change, pair.truth.quality_change) for each in made]
        design = np.mean([drawn.by_design(taken) for taken in samples(pair)], axis=0)
        record_property(
            "figure",
            f"| {pair.policy.name} | {np.mean([each.n for each in made]):.0f} "
            f"| {pair.truth.cost_change:+.1%} | {np.mean(costs):.1%} | {design[0]:.1%} "
            f"| {half(made, 'cost_change'):.1%} | {width(oracle.cost_change) / 2:.1%} "
            f"| {100 * (pair.truth.quality_change or 0):+.1f} | {np.mean(qualities):.1%} | {design[1]:.1%} "
            f"| {100 * half(made, 'quality_change'):.1f} | {50 * width(oracle.quality_change):.1f} |",
        )
        assert np.mean(costs) >= LEAST, pair.policy
        assert np.mean(qualities) >= LEAST, pair.policy


def half(made: list[Executed], figure: str) -> float:
    """Mean half width of a figure's intervals."""
    return float(np.mean([width(getattr(each, figure)) for each in made])) / 2


def test_every_request_executed_is_the_truth(run: Run) -> None:
    """With all requests executed the estimate equals the table's own figures."""
    for pair in run.pairs:
        oracle = pair.estimate(np.ones(len(pair.units), dtype=bool))
        assert isinstance(oracle.cost_change, Estimate)
        assert isinstance(oracle.quality_change, Estimate)
        assert oracle.cost_change.value == pytest.approx(pair.truth.cost_change, rel=1e-9)
        assert oracle.quality_change.value == pytest.approx(pair.truth.quality_change, rel=1e-9)


def test_the_import_and_the_measure_say_the_same(run: Run, tmp_path: Path) -> None:
    """One draw through the command line, the store and the measure gives the figures of the rows read once."""
    rng = np.random.default_rng(3)
    for pair in run.pairs:
        taken = rng.random(len(pair.units)) < SHARE
        ids = {pair.units[place].answer.request_id for place in np.flatnonzero(taken)}
        file = tmp_path / "all-draw.csv"
        write_answers(pair.case, pair.place, file, probability=SHARE, only=ids)
        import_answers(pair.case, pair.policy.name, file, run.store)
        from_store, from_rows = measured(pair, run.store), pair.at(SHARE).estimate(taken)
        run.store.client().command("TRUNCATE TABLE executions")
        assert (from_store.n, from_store.drawn) == (from_rows.n, from_rows.drawn)
        for name in ("cost_change", "quality_change", "diverging_quality_change", "shadow_score", "live_score"):
            got, want = getattr(from_store, name), getattr(from_rows, name)
            assert got.value == pytest.approx(want.value, rel=1e-12), name
            assert got.interval.low == pytest.approx(want.interval.low, rel=1e-12), name
            assert got.interval.high == pytest.approx(want.interval.high, rel=1e-12), name


FAILS = {"all-mini", "gpt-4o-always", "gpt-4-always"}
"""Shadows whose cost the prediction from the log alone misses by more than its interval says."""


def test_the_same_tokens_fail_where_the_models_write_differently(run: Run, record_property: Note) -> None:
    """The prediction at the served tokens misses the truth where lengths differ enough; the sample does not.

    Of a cascade the log predicts no figure but a range, which tests/e2e/test_backtest_data.py holds against the truth.
    """
    for pair in run.pairs:
        if pair.truth.escalation is not None:
            continue
        same = pair.same_tokens
        interval, truth = t_interval(same), pair.truth.cost_change
        assert truth is not None
        record_property(
            "figure",
            f"| {pair.policy.name} | {pair.truth.output_ratio:.2f} | {same.value:+.1%} "
            f"({interval.low:+.1%} to {interval.high:+.1%}) | {truth:+.1%} |",
        )
        assert (interval.low <= truth <= interval.high) == (pair.policy.name not in FAILS), pair.policy
