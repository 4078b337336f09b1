"""Estimates from samples with known chances: proved by every possible sample of eight units, and by closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowroute.analysis.stats.signed import Side, signed_interval
from shadowroute.analysis.stats.survey import (
    difference,
    hajek,
    horvitz_thompson,
    inclusion_probabilities,
    jackknife,
    neyman,
    stratified,
    stratified_variance,
)

VALUES = np.array([3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, 6.0])
CHANCES = np.array([0.1, 0.9, 0.5, 0.3, 1.0, 0.25, 0.6, 0.05])
PREDICTED = np.array([2.0, 0.0, 3.0, 3.0, -4.0, 7.0, 2.0, 9.0])


def every_sample() -> list[tuple[np.ndarray, float]]:
    """All 256 Poisson samples of the population of 8, with the chance of each."""
    masks = [np.array(bits, dtype=bool) for bits in itertools.product((False, True), repeat=8)]
    return [(mask, float(np.where(mask, CHANCES, 1 - CHANCES).prod())) for mask in masks]


def test_every_sample_of_a_population_of_eight() -> None:
    """Over all samples the total has no bias, and the mean of its variance estimates is its true variance."""
    made = [(horvitz_thompson(VALUES[mask], CHANCES[mask]), chance) for mask, chance in every_sample()]
    assert sum(chance for _, chance in made) == pytest.approx(1, abs=1e-12)
    assert sum(each.value * chance for each, chance in made) == pytest.approx(VALUES.sum(), abs=1e-12)
    true_variance = sum((each.value - VALUES.sum()) ** 2 * chance for each, chance in made)
    assert sum(each.variance * chance for each, chance in made) == pytest.approx(true_variance, rel=1e-12)


def test_a_wrong_model_costs_no_bias() -> None:
    """The difference estimator is unbiased whatever was predicted, and better the better that was."""
    total = PREDICTED.sum()
    made = [(difference(total, (VALUES - PREDICTED)[mask], CHANCES[mask]), chance) for mask, chance in every_sample()]
    assert sum(each.value * chance for each, chance in made) == pytest.approx(VALUES.sum(), abs=1e-12)
    full = np.ones(8, dtype=bool)
    assert difference(VALUES.sum(), np.zeros(8), CHANCES[full]).variance == 0


def test_every_stratified_sample() -> None:
    """Over all simple samples of 2 of 4 and 3 of 4: no bias in the total, none in its variance."""
    made = [
        stratified([VALUES[list(first)], VALUES[4:][list(second)]], [4, 4])
        for first in itertools.combinations(range(4), 2)
        for second in itertools.combinations(range(4), 3)
    ]
    values = np.array([each.value for each in made])
    assert values.mean() == pytest.approx(VALUES.sum(), abs=1e-12)
    assert np.mean([each.variance for each in made]) == pytest.approx(values.var(), rel=1e-12)


def test_a_mean_does_not_vary_with_the_size_of_the_sample() -> None:
    """Where all values are alike, Hajek's mean is exact; a total over a known size is not."""
    alike = np.full(5, 0.7)
    assert hajek(alike, CHANCES[:5]).value == pytest.approx(0.7, abs=1e-15)
    assert hajek(alike, CHANCES[:5]).variance == pytest.approx(0, abs=1e-15)
    assert horvitz_thompson(alike, CHANCES[:5]).variance > 0


def test_neyman_is_never_worse_than_proportional() -> None:
    """Two strata, equal costs: n_h as N_h S_h by the closed form, and a smaller variance than in proportion to size."""
    sizes, spreads = [8_000, 2_000], [0.1, 0.5]
    taken = neyman(sizes, spreads, [1, 1], 900, minimum=30)
    assert taken == [400, 500]
    proportional = [720, 180]
    assert stratified_variance(sizes, spreads, taken) < stratified_variance(sizes, spreads, proportional)
    without_limits = (8_000 * 0.1 + 2_000 * 0.5) ** 2 / 900 - 8_000 * 0.01 - 2_000 * 0.25
    assert stratified_variance(sizes, spreads, taken) == pytest.approx(without_limits, rel=1e-12)


@given(st.lists(st.tuples(st.integers(60, 10_000), st.floats(0.01, 1), st.floats(0.1, 10)), min_size=2, max_size=5))
def test_neyman_keeps_its_limits(strata: list[tuple[int, float, float]]) -> None:
    """At least 30 of every stratum, never more than it has or the budget pays; never worse than equal shares."""
    sizes, spreads, costs = (np.array(column, dtype=float) for column in zip(*strata, strict=True))
    budget = 31 * float(costs.sum()) + 100
    taken = np.array(neyman(sizes, spreads, costs, budget))
    assert (taken >= 30).all()
    assert (taken <= sizes).all()
    assert float((taken * costs).sum()) <= budget + 1e-6
    equal = np.minimum(np.full(len(sizes), budget / costs.sum()), sizes)
    # Whole units: at most one unit per stratum is lost to rounding.
    assert stratified_variance(sizes, spreads, taken + 1.0) <= stratified_variance(sizes, spreads, equal) * (1 + 1e-9)


def test_neyman_refuses_a_budget_below_its_minimum() -> None:
    """A sample too small to have a variance is not drawn."""
    with pytest.raises(ValueError, match="must pay for 30 units of each stratum, which cost 120"):
        neyman([100, 100], [1, 1], [1, 3], 119)


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
