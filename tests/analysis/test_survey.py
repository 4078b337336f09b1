"""Estimates from samples with known chances: proved by every possible sample of eight units, and by closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowroute.analysis.stats.signed import Side, signed_interval
from shadowroute.analysis.stats.survey import (
    inclusion_probabilities,
    jackknife,
)

VALUES = np.array([3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, 6.0])
CHANCES = np.array([0.1, 0.9, 0.5, 0.3, 1.0, 0.25, 0.6, 0.05])
PREDICTED = np.array([2.0, 0.0, 3.0, 3.0, -4.0, 7.0, 2.0, 9.0])


def every_sample() -> list[tuple[np.ndarray, float]]:
    """All 256 Poisson samples of the population of 8, with the chance of each."""
    masks = [np.array(bits, dtype=bool) for bits in itertools.product((False, True), repeat=8)]
    return [(mask, float(np.where(mask, CHANCES, 1 - CHANCES).prod())) for mask in masks]


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=60), st.floats(0.05, 0.95), st.floats(0.05, 1))
def test_priorities_become_chances(scores: list[float], share: float, low: float) -> None:
    """Chances lie between floor and 1, add up to what is expected, and follow the order of the scores."""
    expected = share * len(scores)
    floor = low * share
    chances = inclusion_probabilities(scores, expected, floor)
    assert chances.sum() == pytest.approx(expected, rel=1e-6)
    assert (chances >= floor * (1 - 1e-9)).all()
    assert (chances <= 1).all()
    order = np.argsort(scores, kind="stable")
    scored = np.asarray(scores)[order] > 1e-9 * max(scores)
    assert (np.diff(chances[order][scored]) >= -1e-9).all()


def test_chances_are_in_proportion_between_floor_and_cap() -> None:
    """Two in three draws expected: the highest is capped, the lowest stands on the floor, the rest is proportional."""
    chances = inclusion_probabilities([100.0, 2.0, 1.0, 0.0], 2.0, 0.1)
    assert chances[0] == 1
    assert chances[3] == pytest.approx(0.1)
    assert chances[1] == pytest.approx(2 * chances[2])


@pytest.mark.parametrize(
    ("expected", "floor", "message"),
    [(3, 0.1, "at most 2"), (1, 0.6, "at most expected / requests = 0.5"), (1, 0.0, "floor must lie above 0")],
)
def test_impossible_draws_are_refused(expected: float, floor: float, message: str) -> None:
    """More requests than there are, or a floor that alone takes more than is expected."""
    with pytest.raises(ValueError, match=message):
        inclusion_probabilities([1.0, 2.0], expected, floor)


def test_the_jackknife_leaves_each_cluster_out() -> None:
    """Influences equal the value minus the value without each cluster, by hand."""
    totals = np.array([[1.0, 2.0, 6.0], [2.0, 3.0, 4.0]])
    found = jackknife(totals, lambda t: t[0] / t[1])
    assert found.value == pytest.approx(1.0)
    assert found.moved == pytest.approx([1 - 8 / 7, 1 - 7 / 6, 1 - 3 / 5])
    assert found.correlation(found) == pytest.approx(1.0)


def test_no_difference_seen_is_no_certainty() -> None:
    """Nothing gained and nothing lost among 100: the bounds are Wilson's of 0 of 100, on both sides."""
    side = Side(mean=0.0, n=100.0)
    interval = signed_interval(side, side, correlation=0.0)
    assert (interval.low, interval.high) == pytest.approx((-0.0369935, 0.0369935), abs=1e-6)


def test_the_interval_of_paired_scores_equals_newcombes() -> None:
    """Newcombe (1998b) table II, method 10: 56 alike, 6 against, 8 for, as a difference of two marginal shares.

    His sides are marginal shares; ours are gains and losses. With correlation of two exclusive shares both are score
    intervals of the same difference, and agree to 0.02.
    """
    n, gains, losses = 70, 8 / 70, 6 / 70
    correlation = -(gains * losses) / np.sqrt(gains * (1 - gains) * losses * (1 - losses))
    found = signed_interval(Side(mean=gains, n=n), Side(mean=losses, n=n), correlation=float(correlation))
    assert found.low == pytest.approx(gains - losses - 0.105, abs=0.02)
    assert found.high == pytest.approx(gains - losses + 0.105, abs=0.02)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 1e4))
def test_the_interval_holds_its_value_and_stays_within_one(gain: float, loss: float, n: float) -> None:
    """Whatever is gained or lost, the interval lies in -1 to 1 around the difference."""
    if gain + loss > 1:
        gain, loss = gain / 2, loss / 2
    found = signed_interval(Side(mean=gain, n=n), Side(mean=loss, n=n), correlation=-0.1)
    assert -1 <= found.low <= gain - loss <= found.high <= 1
