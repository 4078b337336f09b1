"""Many comparisons, distances, agreement and ordinal effects against published values and identities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from shadowroute.analysis.results import Undefined
from shadowroute.analysis.stats.agreement import Corrected, Share, cohen_kappa, rogan_gladen
from shadowroute.analysis.stats.distance import js_distance
from shadowroute.analysis.stats.multiple import benjamini_hochberg
from shadowroute.analysis.stats.ordinal import brunner_munzel
from shadowroute.analysis.summaries import BUCKETS, Floats

# Benjamini and Hochberg (1995), section 3: 15 outcomes of a trial.
BH_1995 = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
BH_1995 += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]


def test_benjamini_hochberg_rejects_as_published() -> None:
    """Golden: 4 findings at 5 %, where Bonferroni has 3."""
    assert int((benjamini_hochberg(BH_1995) <= 0.05).sum()) == 4
    assert sum(p <= 0.05 / 15 for p in BH_1995) == 3


def test_adjusted_values_keep_order_and_refuse_nonsense() -> None:
    """Adjusted is never below raw; no p-values are no findings; 1.2 is no p-value."""
    adjusted = benjamini_hochberg(BH_1995)
    assert (adjusted >= np.asarray(BH_1995) - 1e-15).all()
    assert (np.diff(adjusted) >= 0).all()
    assert benjamini_hochberg([]).size == 0
    with pytest.raises(ValueError, match="p-values must lie in 0 to 1"):
        benjamini_hochberg([0.2, 1.2])


def test_js_distance_says_its_base() -> None:
    """Golden values of method 8 in both bases; 0 where equal, 1 in base 2 where nothing is shared."""
    before, after = [0.5, 0.3, 0.2], [0.4, 0.4, 0.2]
    assert js_distance(before, after, base=math.e) == pytest.approx(0.0797947262, abs=1e-10)
    assert js_distance(before, after) == pytest.approx(0.0958432338, abs=1e-10)
    assert js_distance([1, 0], [0, 1]) == pytest.approx(1)
    assert js_distance([0.1, 0.2, 0.7], [1, 2, 7]) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("weights", [([1, 2], [1, 2, 3]), ([0, 0], [1, 1]), ([-1, 2], [1, 1])])
def test_distances_refuse_what_is_no_distribution(weights: tuple[list[float], list[float]]) -> None:
    """Other categories, nothing at all or a negative weight: an error, never NaN."""
    for distance in (js_distance,):
        with pytest.raises(ValueError, match="weights must be"):
            distance(*weights)


def test_kappa_is_the_known_value() -> None:
    """Golden value of method 8, full agreement, and chance."""
    assert cohen_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4)
    assert cohen_kappa([[20, 0], [0, 15]]) == pytest.approx(1)
    assert cohen_kappa([[6, 3], [4, 2]]) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="must use two labels"):
        cohen_kappa([[20, 0], [0, 0]])


def test_rogan_gladen_is_the_known_value() -> None:
    """Golden value of method 8; the variance is that of the redrawn sample and calibration sets."""
    found = rogan_gladen(Share.of(750, 1000), sensitivity=Share.of(900, 1000), specificity=Share.of(850, 1000))
    assert isinstance(found, Corrected)
    assert found.value == pytest.approx(0.80)
    rng = np.random.default_rng(8)
    p, q1, q0 = (rng.binomial(1000, share, 100_000) / 1000 for share in (0.75, 0.90, 0.85))
    assert found.variance == pytest.approx(((p + q0 - 1) / (q0 + q1 - 1)).var(), rel=0.03)
    assert found.interval.low < 0.80 < found.interval.high


def test_a_weak_judge_is_not_corrected() -> None:
    """Below 0.2 the correction would divide by noise: a reason instead of a number."""
    found = rogan_gladen(Share.of(50, 100), sensitivity=Share.of(60, 100), specificity=Share.of(55, 100))
    assert isinstance(found, Undefined)
    assert "0.15" in found.reason


def scores(rng: np.random.Generator, shares: list[float], n: int) -> tuple[Floats, Floats]:
    """Bins of n independent scores, and their weights per bucket."""
    bins = rng.choice(len(shares), size=n, p=shares).astype(float)
    weights = np.zeros((BUCKETS, len(shares)))
    np.add.at(weights, (rng.integers(0, BUCKETS, n), bins.astype(int)), 1.0)
    return bins, weights


def test_ordinal_effect_is_brunner_munzels() -> None:
    """On unclustered scores the effect, its error and the verdict are those of scipy's test."""
    rng = np.random.default_rng(9)
    x, wx = scores(rng, [0.1, 0.2, 0.3, 0.4], 3_000)
    y, wy = scores(rng, [0.15, 0.25, 0.3, 0.3], 2_000)
    ours, theirs = brunner_munzel(wx, wy), stats.brunnermunzel(x, y)
    # scipy's statistic is (1/2 - effect) over its standard error, with its sign turned.
    less = (x[:, None] < y[None, :]).mean() + (x[:, None] == y[None, :]).mean() / 2
    assert ours.value == pytest.approx(less, rel=1e-12)
    error = (ours.value - 0.5) / theirs.statistic
    assert (ours.interval.high - ours.interval.low) / 2 == pytest.approx(1.97 * abs(error), rel=0.15)
    assert brunner_munzel(wy, wx).value == pytest.approx(1 - ours.value, rel=1e-12)


def test_separated_scores_still_have_a_width() -> None:
    """Every second score is higher: the effect is 1, and its lower bound is not."""
    x, y = np.zeros((BUCKETS, 21)), np.zeros((BUCKETS, 21))
    x[:, 3], y[:, 8] = 1.0, 2.0
    found = brunner_munzel(x, y)
    assert found.value == 1
    assert 0.95 < found.interval.low < 1


def test_ordinal_groups_need_two_buckets() -> None:
    """One bucket has no error: the comparison is refused."""
    x, y = np.ones((BUCKETS, 21)), np.zeros((BUCKETS, 21))
    y[4] = 1.0
    with pytest.raises(ValueError, match="at least 2 non-empty buckets"):
        brunner_munzel(x, y)
