"""Nonresponse: bounds without assumptions, and the mean of the silent that would reverse a finding.

Feedback is not missing at random: people answer when they are delighted or angry. So beside the mean of those who
answered stand the bounds of Manski (2003): the mean over all lies between r q and r q + 1 - r, for any opinion of the
silent, for values in [0, 1], response rate r and mean q.
"""

from __future__ import annotations

from scipy import special

from shadowroute.analysis.stats.proportion import effective_n
from shadowroute.analysis.stats.ratio import ratio_error
from shadowroute.analysis.summaries import RatioSums


def manski_bounds(mean: float, rate: float) -> tuple[float, float]:
    """The lowest and highest mean over all requests, if each silent one has a value from 0 to 1.

    Args:
        mean: of those who answered, 0 to 1.
        rate: share that answered, 0 to 1.

    Raises:
        ValueError: if either lies outside 0 to 1.
    """
    _check(mean, rate)
    return rate * mean, rate * mean + 1 - rate


def tipping_point(mean: float, rate: float, threshold: float) -> float | None:
    """The mean of the silent at which the mean over all equals a threshold; None if no value from 0 to 1 does.

    Below it the overall mean is below the threshold. None means that silence cannot reverse the finding: the overall
    mean is always on the same side of the threshold.

    Args:
        mean: of those who answered, 0 to 1.
        rate: share that answered, 0 to 1.
        threshold: for the overall mean.

    Raises:
        ValueError: if `mean` or `rate` lies outside 0 to 1.
    """
    _check(mean, rate)
    if rate >= 1:
        return None
    silent = (threshold - rate * mean) / (1 - rate)
    return silent if 0 <= silent <= 1 else None


def share_at_least(sums: RatioSums, *, clusters: float, level: float = 0.95) -> float:
    """The one-sided lower bound of a share: Clopper and Pearson's, with Korn and Graubard's (1998) effective n.

    The effective n is that of Wilson's interval here, times (t quantile at infinity / t quantile at the degrees of
    freedom of the variance)^2, since the design effect is estimated as well.

    Args:
        sums: numerators between 0 and the denominators.
        clusters: effective clusters by key; taken where the buckets do not vary.
        level: confidence that the true share is above the bound.

    Raises:
        ValueError: if fewer than two buckets are non-empty.
    """
    share = min(max(sums.value, 0.0), 1.0)
    error = ratio_error(sums)
    n = effective_n(sums, share=share, variance=error.variance, clusters=clusters)
    n *= float(special.ndtri(level) / special.stdtrit(error.df, level)) ** 2
    k = share * n
    return float(special.betaincinv(k, n - k + 1, 1 - level)) if k > 0 else 0.0


def _check(mean: float, rate: float) -> None:
    for name, value in (("mean", mean), ("rate", rate)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in 0 to 1, got {value!r}; scale the signal first")
