"""The interval of a skewed mean: Hall's cubic transformation of t (Hall 1992; method section 2).

Token counts have heavy tails, so the mean of dollars is skewed and a symmetric interval misses on one side. The
transformation removes the skewness term and stays monotone.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from shadowroute.analysis.results import Interval
from shadowroute.analysis.stats.ratio import RatioError, combined, influence, ratio_error
from shadowroute.analysis.summaries import Floats, RatioSums


def skewness(values: Floats) -> float:
    """Third central moment over the cubed standard deviation, both with n in the denominator; 0 without spread."""
    centred = values - values.mean()
    variance = float(np.square(centred).mean())
    return float((centred**3).mean()) / variance**1.5 if variance else 0.0


def _untransformed(quantile: float, a: float) -> float:
    """The t value whose transformation is `quantile`: (3/a) [(1 + a (q - a/6))^(1/3) - 1], and q as a goes to 0."""
    if abs(a) < 1e-6:
        return quantile
    return 3 / a * (float(np.cbrt(1 + a * (quantile - a / 6))) - 1)


def corrected(
    centre: float, standard_error: float, *, skew: float, n: float, quantile: float, level: float
) -> Interval:
    """The interval around `centre`, longer on the side of the tail.

    Args:
        centre: the mean, any unit.
        standard_error: of the mean, same unit.
        skew: skewness of the values that were averaged.
        n: number of those values.
        quantile: of the studentised mean, for example 1.96.
        level: nominal coverage that the quantile stands for.
    """
    a = skew / math.sqrt(n)
    return Interval(
        centre - _untransformed(quantile, a) * standard_error,
        centre - _untransformed(-quantile, a) * standard_error,
        level,
    )


def hall_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """The interval of the mean of independent values, with the skewness over s^3 as published.

    Args:
        values: (n,), any unit, at least 2.
        level: nominal coverage.

    Raises:
        ValueError: if there are fewer than 2 values.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size < 2:
        raise ValueError(f"values must be at least 2, got {x.size}; one value has no spread")
    s = float(x.std(ddof=1))
    skew = float(((x - x.mean()) ** 3).mean()) / s**3 if s else 0.0
    quantile = -float(special.ndtri((1 - level) / 2))
    return corrected(float(x.mean()), s / math.sqrt(x.size), skew=skew, n=x.size, quantile=quantile, level=level)


def hall_ratio_interval(sums: RatioSums, *, level: float = 0.95, extra: RatioError | None = None) -> Interval:
    """The interval of a skewed ratio of totals over buckets, for example dollars per request.

    The skewness is that of the jackknife influences, one per bucket: request-level cubes under every price book would
    need ten third-order sums, and cover no better.

    Args:
        sums: of the ratio.
        level: nominal coverage.
        extra: an independent, symmetric error of the ratio that the buckets do not show.

    Raises:
        ValueError: if fewer than two buckets are non-empty.
    """
    own = ratio_error(sums)
    error = own if extra is None else combined(own, extra)
    moved = influence(sums)
    # A symmetric error adds to the variance and not to the third moment.
    skew = skewness(moved) * (own.variance / error.variance) ** 1.5 if error.variance else 0.0
    return corrected(
        sums.value,
        error.standard_error,
        skew=skew,
        n=moved.size,
        quantile=error.quantile(level),
        level=level,
    )
