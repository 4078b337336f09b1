"""The statistics against published values, identities and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shadowroute.analysis.stats.difference import difference_interval, paired_sums
from shadowroute.analysis.stats.hall import hall_interval, hall_ratio_interval, skewness
from shadowroute.analysis.stats.proportion import effective_n, share_interval, wilson
from shadowroute.analysis.stats.ratio import influence, ratio_error, t_interval
from shadowroute.analysis.summaries import BUCKETS, RatioSums, spread

# Method 8: Hall's interval and the t interval of ten skewed values; the first is from the published formula with the
# population third moment over s^3, the second is scipy's.
SKEWED = [0.1, 0.2, 0.2, 0.3, 0.4, 0.5, 0.7, 1.1, 2.3, 9.0]


def sums(numerator: list[float], denominator: list[float]) -> RatioSums:
    """Bucket sums with one row per bucket."""
    buckets = list(range(len(numerator)))
    return RatioSums(
        numerator=spread(buckets, numerator), denominator=spread(buckets, denominator), n=round(sum(denominator))
    )


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_newcombes(k: int, n: int, low: float, high: float) -> None:
    """Newcombe (1998), table I, method 3, to the four places he prints."""
    interval = wilson(k / n, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (7, 9), (120, 1000), (1000, 1000)])
def test_wilson_is_scipys(k: int, n: int) -> None:
    """The same as an independent implementation, to rounding."""
    ours, theirs = wilson(k / n, n), stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(share=st.floats(0, 1), n=st.floats(1, 1e6))
def test_wilson_ends_are_one_quantile_away(share: float, n: float) -> None:
    """Identity: at each end p, the share lies 1.96 standard errors of p away, unless the end is 0 or 1."""
    interval = wilson(share, n)
    assert 0 <= interval.low <= share + 1e-12
    assert share - 1e-12 <= interval.high <= 1
    for end in (interval.low, interval.high):
        if 1e-9 < end < 1 - 1e-9:
            assert abs(share - end) == pytest.approx(1.959963984540054 * math.sqrt(end * (1 - end) / n), rel=1e-6)


@pytest.mark.parametrize(("share", "n"), [(-0.1, 10), (1.1, 10), (0.5, 0), (0.5, -1)])
def test_wilson_refuses_what_is_no_share(share: float, n: float) -> None:
    """A share outside 0 to 1, or no trials, is an error and never an interval."""
    with pytest.raises(ValueError, match="must"):
        wilson(share, n)


def test_hall_is_the_published_interval() -> None:
    """Golden value of method 8."""
    interval = hall_interval(SKEWED)
    assert (interval.low, interval.high) == pytest.approx((0.2831952401, 8.2361724268), abs=1e-9)


def test_hall_without_skew_is_symmetric() -> None:
    """The limit of the transformation is the plain interval."""
    interval = hall_interval([-2.0, -1.0, 0.0, 1.0, 2.0])
    half = 1.959963984540054 * math.sqrt(2.5 / 5)
    assert (interval.low, interval.high) == pytest.approx((-half, half), rel=1e-12)


def test_t_interval_of_equal_buckets_is_students() -> None:
    """With equal denominators the ratio is a mean, and the jackknife its usual variance: golden value of method 8."""
    ratio = sums(SKEWED, [1.0] * 10)
    error = ratio_error(ratio)
    assert error.variance == pytest.approx(np.var(SKEWED, ddof=1) / 10, rel=1e-12)
    half = float(stats.t.ppf(0.975, 9)) * error.standard_error
    assert (ratio.value - half, ratio.value + half) == pytest.approx((-0.4670911750, 3.4270911750), abs=1e-9)


def test_influence_is_what_leaving_a_bucket_out_changes() -> None:
    """Identity: the ratio minus the ratio without the bucket."""
    ratio = sums([3.0, 1.0, 4.0], [10.0, 2.0, 5.0])
    without = [(1 + 4) / (2 + 5), (3 + 4) / (10 + 5), (3 + 1) / (10 + 2)]
    assert influence(ratio) == pytest.approx([8 / 17 - value for value in without], rel=1e-12)


def test_degrees_of_freedom_never_exceed_the_clusters() -> None:
    """Normal residuals leave about one degree per bucket; one heavy bucket leaves very few."""
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, BUCKETS)
    even = ratio_error(sums(list(values), [1.0] * BUCKETS))
    assert 150 < even.df <= BUCKETS - 1
    values[0] = 50.0
    assert ratio_error(sums(list(values), [1.0] * BUCKETS)).df < 5


def test_empty_buckets_are_not_clusters() -> None:
    """A bucket without requests adds no degree of freedom and no variance."""
    alone, padded = sums([1.0, 2.0, 4.0], [4.0, 4.0, 8.0]), sums([1.0, 2.0, 4.0, 0.0], [4.0, 4.0, 8.0, 0.0])
    assert ratio_error(alone) == ratio_error(padded)
    assert (alone.clusters, alone.effective_clusters) == (3, pytest.approx(256 / 96))


def test_one_bucket_has_no_error() -> None:
    """Nothing can be left out of one cluster: an error, never a variance of 0."""
    with pytest.raises(ValueError, match="at least 2"):
        ratio_error(sums([1.0], [2.0]))


def test_alike_requests_count_as_few() -> None:
    """Buckets that go all one way carry one observation each; independent ones carry every request."""
    rng = np.random.default_rng(2)
    together = sums([100.0 * (k % 2) for k in range(200)], [100.0] * 200)
    apart = sums([float(x) for x in rng.binomial(100, 0.5, 200)], [100.0] * 200)
    for ratio, low, high in ((together, 190, 210), (apart, 15_000, 20_000)):
        n = effective_n(ratio, share=0.5, variance=ratio_error(ratio).variance, clusters=200)
        assert low < n <= high


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_variation_still_has_a_width(share: float) -> None:
    """An A/A shadow that never differs: the bound is that of as many independent requests as there are clusters."""
    ratio = sums([share * 50] * 100, [50.0] * 100)
    interval = share_interval(ratio, clusters=80)
    n80 = wilson(share, 80, quantile=ratio_error(ratio).quantile(0.95))
    assert (interval.low, interval.high) == (n80.low, n80.high)
    assert interval.high - interval.low > 0.04


def test_a_numerator_outside_its_denominator_is_refused() -> None:
    """A share above 1 is a bug of the sums, not an estimate."""
    with pytest.raises(ValueError, match="share must lie in 0 to 1"):
        share_interval(sums([3.0, 3.0], [1.0, 1.0]), clusters=2)


def test_hall_over_buckets_is_longer_towards_the_tail() -> None:
    """Skewed dollars: the upper side is longer, and mirrored values give the mirrored interval."""
    rng = np.random.default_rng(3)
    values = [float(x) for x in rng.lognormal(0, 1.5, BUCKETS)]
    right, left = sums(values, [1.0] * BUCKETS), sums([-x for x in values], [1.0] * BUCKETS)
    interval, mirrored = hall_ratio_interval(right), hall_ratio_interval(left)
    assert interval.high - right.value > right.value - interval.low > 0
    assert (mirrored.low, mirrored.high) == pytest.approx((-interval.high, -interval.low), rel=1e-12)
    assert skewness(np.asarray(values)) == pytest.approx(float(stats.skew(values)), rel=1e-12)


def test_paired_difference_is_one_ratio() -> None:
    """Both sides move together by bucket: their difference is known far better than either."""
    rng = np.random.default_rng(4)
    common = rng.uniform(0, 40, BUCKETS)
    left = sums(list(common + rng.binomial(50, 0.1, BUCKETS)), [100.0] * BUCKETS)
    right = sums(list(common), [100.0] * BUCKETS)
    assert paired_sums(left, right).value == pytest.approx(left.value - right.value, rel=1e-12)
    paired, alone = difference_interval(left, right), t_interval(left)
    assert paired.high - paired.low < (alone.high - alone.low) / 3


def test_paired_difference_has_the_linearised_variance() -> None:
    """Identity: equal denominators make it the mean of the bucket differences."""
    left, right = sums([5.0, 1.0, 2.0, 7.0], [10.0] * 4), sums([1.0, 1.0, 3.0, 2.0], [10.0] * 4)
    gaps = np.array([4.0, 0.0, -1.0, 5.0]) / 10
    assert ratio_error(paired_sums(left, right)).variance == pytest.approx(gaps.var(ddof=1) / 4, rel=1e-12)


@given(
    parts=st.lists(
        st.tuples(st.integers(0, 255), st.floats(0, 50), st.floats(0, 50)).map(lambda t: (t[0], t[1], t[1] + t[2])),
        min_size=1,
        max_size=40,
    ),
    cut=st.integers(0, 40),
)
@settings(max_examples=50, deadline=None)
def test_sums_add_up_however_rows_are_split(parts: list[tuple[int, float, float]], cut: int) -> None:
    """Days, shards and segments combine with `+`, in any order."""

    def of(rows: list[tuple[int, float, float]]) -> RatioSums:
        return RatioSums.of([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], [1] * len(rows))

    whole, split = of(parts), of(parts[cut:]) + of(parts[:cut])
    assert split.numerator == pytest.approx(whole.numerator, abs=1e-9)
    assert split.denominator == pytest.approx(whole.denominator, abs=1e-9)
    assert split.n == whole.n


@pytest.mark.parametrize(
    ("numerator", "denominator"),
    [
        (np.zeros(3), np.zeros(3)),
        (np.full(BUCKETS, math.nan), np.ones(BUCKETS)),
        (np.zeros(BUCKETS), np.full(BUCKETS, -1.0)),
    ],
)
def test_sums_refuse_what_cannot_be_a_sum(
    numerator: np.ndarray[tuple[int], np.dtype[np.float64]], denominator: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> None:
    """Wrong shape, NaN or a negative weight stop here, not in a report."""
    with pytest.raises(ValueError, match="must"):
        RatioSums(numerator=numerator, denominator=denominator, n=1)


def test_a_ratio_of_nothing_has_no_value() -> None:
    """No requests: an error, never 0."""
    with pytest.raises(ZeroDivisionError):
        _ = sums([0.0], [0.0]).value
