"""The sampling error of a ratio of totals over clusters, and the t interval that follows from it.

The variance is the delete-one-bucket jackknife: each residual is divided by one minus its bucket's share of the
denominator. With a few heavy users the plain linearisation (method: Deng et al. 2018) is too small by just that share.
The degrees of freedom are those of a variance estimate whose residuals have the kurtosis that is seen
(Satterthwaite), and never more than effective clusters minus one. docs/statistics.md holds the simulation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from shadowroute.analysis.results import Interval
from shadowroute.analysis.summaries import Floats, RatioSums


@dataclass(frozen=True, slots=True)
class RatioError:
    """Sampling error of a ratio.

    Attributes:
        variance: of the ratio, its unit squared.
        df: degrees of freedom of that variance, at least 1.
    """

    variance: float
    df: float

    @property
    def standard_error(self) -> float:
        """Square root of the variance."""
        return math.sqrt(self.variance)

    def quantile(self, level: float) -> float:
        """The t quantile that leaves (1 - level) / 2 in each tail."""
        # The tail rather than 1 minus it: an early look asks for levels that a float near 1 rounds away.
        return -float(special.stdtrit(self.df, (1 - level) / 2))


def influence(sums: RatioSums) -> Floats:
    """Influence of each non-empty bucket on the ratio, (clusters,): the ratio minus the ratio without that bucket.

    Raises:
        ValueError: if fewer than two buckets are non-empty; then nothing can be left out.
    """
    if sums.clusters < 2:
        raise ValueError(f"clusters must be at least 2, got {sums.clusters}; refuse the estimate before asking for it")
    size = sums.denominator[sums.denominator > 0]
    return sums.residuals / (sums.total - size)


def ratio_error(sums: RatioSums) -> RatioError:
    """The jackknife variance of the ratio and its degrees of freedom.

    Raises:
        ValueError: if fewer than two buckets are non-empty.
    """
    return influence_error(influence(sums), sums.effective_clusters)


def influence_error(moved: Floats, effective_clusters: float) -> RatioError:
    """The error of a figure that each cluster moves by a known amount.

    Args:
        moved: (clusters,), the figure minus the figure without that cluster; at least 2.
        effective_clusters: bounds the degrees of freedom.
    """
    clusters = len(moved)
    squares = np.square(moved)
    variance = (clusters - 1) / clusters * float(squares.sum())
    return RatioError(variance, degrees_of_freedom(squares, effective_clusters))


def combined(*errors: RatioError) -> RatioError:
    """The error of a sum of independent figures; degrees of freedom by Welch and Satterthwaite."""
    variance = sum(error.variance for error in errors)
    spread = sum(error.variance**2 / error.df for error in errors)
    return RatioError(variance, variance**2 / spread if spread else min(error.df for error in errors))


def degrees_of_freedom(squares: Floats, effective_clusters: float) -> float:
    """Of a variance estimate from squared influences with the kurtosis that is seen; at least 1."""
    most = max(effective_clusters - 1, 1.0)
    total = float(squares.sum())
    if not total:
        return most
    kurtosis = len(squares) * float(np.square(squares / total).sum())  # the square of a tiny total would be 0
    # Var(s^2) = sigma^4 (kurtosis - 1) / G, and a chi-square with df degrees has 2 sigma^4 / df.
    return most if kurtosis <= 1 else min(most, max(2 * len(squares) / (kurtosis - 1), 1.0))


def t_interval(sums: RatioSums, *, level: float = 0.95, extra: RatioError | None = None) -> Interval:
    """The symmetric interval of an unbounded ratio, for example a relative cost change.

    Args:
        sums: of the ratio.
        level: nominal coverage.
        extra: an independent error of the ratio that the buckets do not show, for example of a fitted length.

    Raises:
        ValueError: if fewer than two buckets are non-empty.
    """
    error = ratio_error(sums) if extra is None else combined(ratio_error(sums), extra)
    half = error.quantile(level) * error.standard_error
    return Interval(sums.value - half, sums.value + half, level)


def with_moved(sums: RatioSums, moved: Floats) -> tuple[RatioSums, RatioError | None]:
    """The sums of a ratio that rests on rates fitted over the same buckets, so that each bucket moves it twice.

    Args:
        sums: at the fitted rates.
        moved: (256,), the total of the numerators minus that total at rates without the bucket, its own part aside.

    Returns:
        Sums of the same value whose influences hold both, and the error of their numerators, unit squared, that comes
        from buckets without a denominator; None without one.
    """
    kept = sums.denominator > 0
    inside = np.where(kept, moved, 0.0)
    # What buckets move adds up to 0 but for second-order terms, which must not shift the value.
    centred = inside - sums.denominator * (inside.sum() / sums.total)
    felt = RatioSums(numerator=sums.numerator + centred, denominator=sums.denominator, n=sums.n)
    outside = moved[~kept]
    if np.count_nonzero(outside) < 2:
        return felt, None
    squares = np.square(outside)
    clusters = len(moved)
    variance = (clusters - 1) / clusters * float(squares.sum())
    return felt, RatioError(variance, degrees_of_freedom(squares, float(np.count_nonzero(outside))))
