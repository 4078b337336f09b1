"""The difference of two ratios over the same buckets, for example a shadow's divergence above the noise floor."""

from __future__ import annotations

from shadowroute.analysis.results import Interval
from shadowroute.analysis.stats.ratio import ratio_error
from shadowroute.analysis.summaries import BUCKETS, RatioSums


def paired_sums(left: RatioSums, right: RatioSums) -> RatioSums:
    """Sums whose ratio is the difference of both ratios, with the buckets paired.

    The linearised difference of a bucket is e_left / M_left - e_right / M_right. Put over the bucket's mean share of
    both denominators it has the difference's variance, so that the machinery of one ratio serves for two.

    Raises:
        ZeroDivisionError: if one side has no requests.
    """
    gap = left.value - right.value
    shares = (left.denominator / left.total + right.denominator / right.total) / 2
    moved = (left.numerator - left.value * left.denominator) / left.total
    moved -= (right.numerator - right.value * right.denominator) / right.total
    n = min(left.n, right.n)
    return RatioSums(numerator=(gap * shares + moved) * BUCKETS, denominator=shares * BUCKETS, n=n)


def difference_interval(left: RatioSums, right: RatioSums, *, level: float = 0.95) -> Interval:
    """The interval of `left` minus `right`, t quantiles.

    Raises:
        ValueError: if fewer than two buckets are non-empty.
    """
    sums = paired_sums(left, right)
    error = ratio_error(sums)
    half = error.quantile(level) * error.standard_error
    return Interval(sums.value - half, sums.value + half, level)
