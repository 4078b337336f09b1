"""What silence and the mix of segments can hide, against closed forms and published data."""

from __future__ import annotations

import pytest
from scipy import stats

from shadowroute.analysis.measures.simpson import simpson_of
from shadowroute.analysis.stats.nonresponse import manski_bounds, share_at_least, tipping_point
from shadowroute.analysis.summaries import BUCKETS, RatioSums


def sums(successes: float, trials: float) -> RatioSums:
    """A share whose buckets are all alike."""
    each = list(range(BUCKETS))
    return RatioSums.of(
        each, [successes / BUCKETS] * BUCKETS, [trials / BUCKETS] * BUCKETS, [round(trials / BUCKETS)] * BUCKETS
    )


def test_bounds_hold_whatever_the_silent_think() -> None:
    """40 % answered with a mean of 0.75: everything from 0.3 to 0.9 is possible."""
    assert manski_bounds(0.75, 0.4) == (pytest.approx(0.3), pytest.approx(0.9))
    assert manski_bounds(0.75, 1.0) == (0.75, 0.75)


def test_the_silent_at_the_tipping_point_give_the_threshold() -> None:
    """Put back into the mean, the answer is the threshold; None where no answer of the silent reaches it."""
    silent = tipping_point(0.9, 0.6, 0.8)
    assert silent is not None
    assert silent == pytest.approx(0.65)
    assert 0.6 * 0.9 + 0.4 * silent == pytest.approx(0.8)
    assert tipping_point(0.9, 0.95, 0.8) is None
    assert tipping_point(0.1, 0.9, 0.8) is None
    assert tipping_point(0.7, 1.0, 0.8) is None


@pytest.mark.parametrize(("mean", "rate", "name"), [(1.2, 0.5, "mean"), (0.5, -0.1, "rate")])
def test_values_outside_the_scale_are_refused(mean: float, rate: float, name: str) -> None:
    """A signal on another scale would give bounds that mean nothing."""
    with pytest.raises(ValueError, match=f"{name} must lie in 0 to 1"):
        tipping_point(mean, rate, 0.5)


def test_the_lower_bound_is_clopper_and_pearsons() -> None:
    """Where buckets agree, n is the number of clusters by key; the bound is then scipy's, but for the t quantile."""
    found = share_at_least(sums(2560 * 0.75, 2560), clusters=400)
    shrunk = 400 * (stats.norm.ppf(0.95) / stats.t.ppf(0.95, BUCKETS - 1)) ** 2
    exact = stats.binomtest(300, 400, alternative="greater").proportion_ci(0.95, method="exact").low
    assert found == pytest.approx(exact, abs=3e-4)
    # By definition: at the bound, so many successes or more have a chance of 5 %.
    assert stats.beta.cdf(found, 0.75 * shrunk, 0.25 * shrunk + 1) == pytest.approx(0.05, rel=1e-9)
    assert share_at_least(sums(0, 2560), clusters=400) == 0


def test_kidney_stones_turn_round() -> None:
    """Charig (1986): treatment A is worse overall, and better for small and for large stones."""
    groups = {"small": (sums(81, 87), sums(234, 270)), "large": (sums(192, 263), sums(55, 80))}
    found = simpson_of("stones", groups, {"small": 357, "large": 343})
    assert found is not None
    assert found.overall == pytest.approx(273 / 350 - 289 / 350)
    assert found.within == pytest.approx((81 / 87 - 234 / 270) * 357 / 700 + (192 / 263 - 55 / 80) * 343 / 700)
    assert found.is_reversed
    assert found.covered == 1
    assert [gap.value for gap in found.segments] == ["small", "large"]


def test_the_same_mix_does_not_turn_round() -> None:
    """Both groups have the same mix: the overall difference is that of the segments."""
    groups = {"a": (sums(90, 100), sums(80, 100)), "b": (sums(60, 100), sums(50, 100))}
    found = simpson_of("task", groups, {"a": 1, "b": 1})
    assert found is not None
    assert found.overall == pytest.approx(found.within)
    assert not found.is_reversed


def test_segments_of_one_group_alone_are_not_compared() -> None:
    """What only one group has is left out of the comparison within, and its share is said."""
    empty = sums(0, 0)
    groups = {"a": (sums(90, 100), sums(80, 100)), "b": (empty, sums(50, 100))}
    found = simpson_of("task", groups, {"a": 300, "b": 100})
    assert found is not None
    assert (found.covered, found.within) == (0.75, pytest.approx(0.1))
    assert simpson_of("task", {"b": groups["b"]}, {"b": 100}) is None
