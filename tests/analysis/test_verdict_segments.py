"""Harms of segments: corrected for their number, never of cells that are too small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from shadowroute.analysis.results import Estimate, Interval, Measured
from shadowroute.analysis.selection import Segment
from shadowroute.analysis.verdict.results import Condition
from shadowroute.analysis.verdict.segments import Cell, findings, p_of_no_harm
from tests.support.measured import NOT_RUN, between, estimate

HALF = float(norm.ppf(0.975))


def cell(name: str, harm: Measured, measured: Measured | None = None) -> Cell:
    condition = Condition(
        key="cost",
        requirement="costs no more than live",
        state="met",
        is_harm=False,
        measured=measured or harm,
        shown="figure",
        rung="executed",
        n=1000,
        why="",
        next_step="",
    )
    return Cell(Segment("task", name), condition, harm, 0.1)


def at(z: float, *, n: int = 1000, clusters: float = 200.0) -> Measured:
    """A harm of z standard errors, one of which is 0.01."""
    return estimate(0.01 * z, 0.01 * (z - HALF), 0.01 * (z + HALF), n=n, clusters=clusters)


@pytest.mark.parametrize("z", [-3.0, -1.0, 0.0, 1.0, 2.5, 6.0])
def test_the_p_is_that_of_the_standard_errors(z: float) -> None:
    """An interval holds its standard error, whatever its level."""
    assert p_of_no_harm(at(z)) == pytest.approx(norm.sf(z))


def test_no_figure_has_no_p() -> None:
    """A range without an interval and a reason say nothing; an interval of no width decides by its value."""
    assert p_of_no_harm(replace(between(0.1, 0.2), interval=None)) is None
    assert p_of_no_harm(NOT_RUN) is None
    assert p_of_no_harm(estimate(0.1, 0.1, 0.1)) == 0.0
    assert p_of_no_harm(estimate(0.0, 0.0, 0.0)) == 1.0


def test_a_range_is_a_harm_if_its_best_end_is_one() -> None:
    """A few missing answers make a range of a segment's loss; they excuse no loss that is certain without them."""
    best = at(4.0)
    assert isinstance(best, Estimate)
    harmed = replace(between(0.04, 0.9), interval=Interval(best.interval.low, 0.95, 0.95))
    assert p_of_no_harm(harmed) == pytest.approx(norm.sf(4.0))
    (found,) = findings([cell("a", harmed)], level=0.95)
    assert found.is_harm
    open_ended = replace(between(-0.02, 0.9), interval=Interval(-0.04, 0.95, 0.95))
    assert (p_of_no_harm(open_ended) or 0.0) > 0.5


def test_one_of_twenty_needs_more_than_two_standard_errors() -> None:
    """2.2 standard errors alone are a harm; among twenty segments they are chance. Harms come first."""
    (alone,) = findings([cell("a", at(2.2))], level=0.95)
    assert alone.is_harm
    crowd = findings([cell("a", at(2.2)), *(cell(f"s{i}", at(0.0)) for i in range(19))], level=0.95)
    assert not any(finding.is_harm for finding in crowd)
    real = findings([*(cell(f"s{i}", at(0.0)) for i in range(19)), cell("a", at(4.5))], level=0.95)
    assert real[0].segment == Segment("task", "a")
    assert [finding.is_harm for finding in real] == [True, *[False] * 19]
    assert real[0].q_value == pytest.approx(20 * norm.sf(4.5))


def test_the_level_of_the_look_decides() -> None:
    """At an early look of a planned review three standard errors are no finding."""
    cells = [cell("a", at(3.0))]
    assert findings(cells, level=0.95)[0].is_harm
    assert not findings(cells, level=0.9999)[0].is_harm


def test_small_cells_are_not_judged() -> None:
    """Below 30 requests or 10 clusters a segment says so and counts for nothing."""
    found = findings(
        [cell("few", at(9.0, n=29)), cell("alone", at(9.0, clusters=9.0)), cell("none", NOT_RUN)], level=0.95
    )
    assert [finding.is_harm for finding in found] == [False] * 3
    assert [finding.q_value for finding in found] == [None] * 3
    assert [finding.shown for finding in found] == [
        "too few: 29 seen, 30 needed",
        "too few: 9 effective clusters, 10 needed",
        "figure",
    ]


def test_false_alarms_are_as_rare_as_promised() -> None:
    """Twenty harmless segments, 400 draws: some harm is claimed in at most 5 % + 3 standard errors."""
    dice = np.random.default_rng(11)
    alarms = 0
    for _ in range(400):
        cells = [cell(f"s{i}", at(float(z))) for i, z in enumerate(dice.standard_normal(20))]
        alarms += any(finding.is_harm for finding in findings(cells, level=0.95))
    assert alarms / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
