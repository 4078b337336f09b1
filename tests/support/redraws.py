"""Recorded outcomes as executed answers: every request once, so that samples of them can be drawn again and again."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shadowroute.analysis.backtest.case import Case, Inputs, load
from shadowroute.analysis.backtest.result import TruthDocument
from shadowroute.analysis.backtest.run import run as run_backtest
from shadowroute.analysis.backtest.run import truth_of
from shadowroute.analysis.measures.executed import Executed, cost_frame, executed_of_units
from shadowroute.analysis.measures.executed_cost import CostFrame, residual_usd
from shadowroute.analysis.measures.executed_draws import Unit, units
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.executions import Frame, executed_answers, executed_frame
from shadowroute.analysis.queries.money import cost_cube
from shadowroute.analysis.results import Estimate, Measured
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.study import Study
from shadowroute.analysis.summaries import Floats, RatioSums
from shadowroute.app.cli.root import run as shadowroute
from shadowroute.collector.price_books import book_prices
from shadowroute.collector.store import Store
from tests.support.groups import ROOT, need_data

SIGNAL = "score"
COLUMNS = (
    "request_id", "model", "inclusion_probability", "score", "live_score", "cost_usd", "input_tokens", "output_tokens",
    "escalated",
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """One shadow of one case, with everything that an estimate is a function of."""

    case: Case
    place: int
    truth: TruthDocument
    units: list[Unit]
    frame: Frame
    costs: CostFrame
    prices: PriceTable

    @property
    def policy(self) -> PolicyRef:
        """Of the shadow."""
        shadow = self.case.shadows[self.place]
        return PolicyRef(shadow.name, shadow.version)

    def at(self, probability: float) -> Pair:
        """The same with every answer drawn with this probability."""
        drawn = [replace(unit, answer=replace(unit.answer, inclusion_probability=probability)) for unit in self.units]
        return replace(self, units=drawn)

    def estimate(self, taken: np.ndarray) -> Executed:
        """What the measure makes of a draw: the same pure function, on rows that were read once."""
        drawn = [self.units[place] for place in np.flatnonzero(taken)]
        return executed_of_units(drawn, self.frame, self.costs, self.prices, signal=SIGNAL)

    @property
    def same_tokens(self) -> RatioSums:
        """The relative change that the log alone predicts: every model writes as much as the one that answered."""
        costs = self.costs
        return RatioSums(numerator=costs.predicted - costs.live, denominator=costs.live, n=costs.n)

    def by_design(self, taken: np.ndarray) -> tuple[bool, bool]:
        """Whether the intervals of the design alone hold the truths of cost and quality.

        They take the requests as fixed and only the draw as random, and so are about these requests, not about others.
        """
        drawn = [unit for unit, kept in zip(self.units, taken, strict=True) if kept and unit.answer.needs_execution]
        chance = np.array([unit.answer.inclusion_probability for unit in drawn])
        needed, live = float(self.frame.needed.sum()), float(self.costs.live.sum())
        gaps = np.array([(unit.score or 0.0) - (unit.live_score or 0.0) for unit in drawn])
        missed = np.array([residual_usd(unit, self.prices) or 0.0 for unit in drawn])
        quality, quality_error = _hajek(gaps, chance)
        cost, cost_error = _hajek(missed, chance)
        predicted = float((self.costs.predicted - self.costs.live).sum())
        return (
            _near((predicted + needed * cost) / live, needed * cost_error / live, self.truth.cost_change),
            _near(
                needed * quality / self.frame.requests.sum(),
                needed * quality_error / self.frame.requests.sum(),
                self.truth.quality_change,
            ),
        )


def _hajek(values: Floats, chance: Floats) -> tuple[float, float]:
    """The population's mean from a Poisson sample, sum of y/p over sum of 1/p, and its standard error by the design."""
    size = float((1 / chance).sum())
    mean = float((values / chance).sum()) / size
    return mean, float(np.sqrt(((1 - chance) * np.square((values - mean) / chance)).sum())) / size


def _near(value: float, error: float, truth: float | None) -> bool:
    return truth is not None and abs(value - truth) <= 1.96 * error


def case_of(folder: str, live: str, shadows: Sequence[str]) -> Case:
    """The shipped example on shared data; skips where they are absent."""
    queries, outcomes = need_data(f"queries_{folder}.parquet", f"outcomes_{folder}.parquet")
    here = ROOT / "examples/backtest" / folder
    return load(
        Inputs(
            queries=queries,
            outcomes=outcomes,
            live=here / f"{live}.yaml",
            shadows=tuple(here / f"{name}.yaml" for name in shadows),
            prices=here / "prices.yaml",
        )
    )


def pairs(case: Case, store: Store, folder: Path) -> list[Pair]:
    """Run the backtest and import every outcome of every shadow, then take the executions out of the store again."""
    run_backtest(case, store)
    queries = Queries(store.reader(), case.project)
    window = Window(*case.days)
    book = case.catalogue.book_id
    made = []
    for place, shadow in enumerate(case.shadows):
        file = folder / f"all-{shadow.name}.csv"
        write_answers(case, place, file, probability=1.0)
        import_answers(case, shadow.name, file, store)
        policy = PolicyRef(shadow.name, shadow.version)
        made.append(
            Pair(
                case=case,
                place=place,
                truth=truth_of(case, place),
                units=units(executed_answers(queries, window, policy), SIGNAL),
                frame=executed_frame(queries, window, policy),
                costs=cost_frame(cost_cube(queries, window, policy, book)),
                prices=PriceTable(book_prices(store.client(), book)),
            )
        )
    store.client().command("TRUNCATE TABLE executions")
    return made


def measured(pair: Pair, store: Store) -> Executed:
    """The measure itself, from the store."""
    queries = Queries(store.reader(), pair.case.project)
    study = Study(queries, Window(*pair.case.days), book=pair.case.catalogue.book_id, scored_by=SIGNAL)
    return study.of(pair.policy).executed


def write_answers(case: Case, place: int, file: Path, *, probability: float, only: set[str] | None = None) -> None:
    """The outcomes of a shadow's plan as a file of executed answers."""
    day = case.days[0]
    with file.open("w", newline="") as opened:
        out = csv.writer(opened)
        out.writerow(COLUMNS)
        for plan in case.planned:
            walk = plan.shadows[place]
            if walk is None or (only is not None and plan.query.request_id not in only):
                continue
            first, usd = walk.attempts[0], walk.usd(case.prices, day)
            scores = walk.served.score, plan.live.served.score
            tokens = first.usage.input_tokens, first.usage.output_tokens
            out.writerow([plan.query.request_id, first.model, probability, *scores, usd, *tokens, int(walk.escalated)])


def import_answers(case: Case, policy: str, file: Path, store: Store) -> None:
    """Through the command line, in this process."""
    arguments = ["import", "executions", str(file), "--policy", policy, "--signal", SIGNAL]
    assert shadowroute([*arguments, "--project", case.project, "--store", str(store.dsn)]) == 0


def held(value: Measured, truth: float | None) -> bool:
    """Whether an estimate's interval holds the truth."""
    assert isinstance(value, Estimate), value
    assert truth is not None
    return value.interval.low <= truth <= value.interval.high


def width(value: Measured) -> float:
    """Of an estimate's interval."""
    assert isinstance(value, Estimate), value
    return value.interval.high - value.interval.low
