"""Intervals of a share: Wilson's, with the number of independent requests that the clusters amount to."""

from __future__ import annotations

import math

from scipy import special

from shadowroute.analysis.results import Interval
from shadowroute.analysis.stats.ratio import ratio_error
from shadowroute.analysis.summaries import RatioSums

# A user's requests are alike: n requests of few users carry less than n independent ones would. The effective n is the
# one whose binomial variance equals the variance between buckets. Wilson's interval then stays in [0, 1], and keeps a
# width at 0 and 1, where the variance between buckets is 0 and carries no information.


def wilson(share: float, n: float, *, quantile: float | None = None, level: float = 0.95) -> Interval:
    """Wilson's score interval (Newcombe 1998, method 3).

    Args:
        share: 0 to 1.
        n: independent trials, above 0; need not be whole.
        quantile: in place of the normal quantile of `level`, for example a t quantile.
        level: nominal coverage.

    Raises:
        ValueError: if `share` lies outside 0 to 1 or `n` is not above 0.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in 0 to 1, got {share!r}; divide the part by the whole")
    if not n > 0:
        raise ValueError(f"n must be above 0, got {n!r}; an interval of no trials does not exist")
    z = -float(special.ndtri((1 - level) / 2)) if quantile is None else quantile
    shrink = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At 0 and 1 an end is the share itself; rounding would leave 1e-18 beside it.
    low = max(0.0, centre - half) if share > 0 else 0.0
    return Interval(low, min(1.0, centre + half) if share < 1 else 1.0, level)


def effective_n(sums: RatioSums, *, share: float, variance: float, clusters: float) -> float:
    """Independent requests that carry as much as the clustered ones do.

    Args:
        sums: the share's sums.
        share: their ratio, clipped to 0 to 1.
        variance: of the share, between buckets.
        clusters: effective number of clusters by key; taken where the buckets do not vary.
    """
    spread = share * (1 - share)
    if sums.is_constant or not variance:
        return max(min(clusters, sums.n), 1.0)
    # Never more than the rows: a variance below the binomial one is luck, or a score between 0 and 1.
    return max(min(spread / variance, sums.n), 1.0) if spread else max(min(clusters, sums.n), 1.0)


def share_interval(sums: RatioSums, *, clusters: float, level: float = 0.95) -> Interval:
    """The interval of a share, or of the mean of values in [0, 1], over clustered requests.

    Args:
        sums: numerators between 0 and the denominators.
        clusters: effective number of clusters by key, (sum of sizes)^2 / sum of squared sizes.
        level: nominal coverage.

    Raises:
        ValueError: if the ratio lies outside 0 to 1 by more than rounding, or fewer than two buckets are non-empty.
    """
    share = _clipped(sums.value)
    error = ratio_error(sums)
    n = effective_n(sums, share=share, variance=error.variance, clusters=clusters)
    return wilson(share, n, quantile=error.quantile(level), level=level)


def _clipped(share: float) -> float:
    if not -1e-9 <= share <= 1 + 1e-9:
        raise ValueError(f"share must lie in 0 to 1, got {share!r}; the numerator is not part of the denominator")
    return min(max(share, 0.0), 1.0)
