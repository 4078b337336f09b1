"""Comparison of two groups by binned scores: the Brunner-Munzel effect, valid for clustered requests.

Scores of a judge or stars are ordered, but their steps need not be equal. The effect P(X < Y) + P(X = Y) / 2 uses the
order alone: 0.5 is no difference, above it the second group scores higher.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shadowroute.analysis.results import Interval
from shadowroute.analysis.stats.proportion import wilson
from shadowroute.analysis.stats.ratio import influence_error
from shadowroute.analysis.summaries import BUCKETS, Floats


@dataclass(frozen=True, slots=True)
class OrdinalEffect:
    """Probability that the second group scores higher.

    Attributes:
        value: P(X < Y) + P(X = Y) / 2, 0 to 1.
        interval: over buckets, within 0 to 1.
        effective_clusters: of the smaller group.
    """

    value: float
    interval: Interval
    effective_clusters: float


def brunner_munzel(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> OrdinalEffect:
    """The effect with its delete-one-bucket jackknife interval; a user's requests may be in both groups.

    Args:
        first: (256, k) weights of the scores X per bucket and bin, bins in ascending order.
        second: (256, k) weights of the scores Y.
        level: nominal coverage.

    Raises:
        ValueError: if the shapes differ, or a group has fewer than two non-empty buckets.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 2 or x.shape[0] != BUCKETS:
        raise ValueError(f"weights must have shape ({BUCKETS}, bins) in both groups, got {x.shape} and {y.shape}")
    clusters = min(_effective_clusters(x), _effective_clusters(y))
    kept = (x.sum(axis=1) > 0) | (y.sum(axis=1) > 0)
    value = float(_effect(x.sum(axis=0), y.sum(axis=0)))
    without = _effect(x.sum(axis=0) - x[kept], y.sum(axis=0) - y[kept])
    error = influence_error(value - without, clusters)
    spread = value * (1 - value)
    n = clusters if not error.variance or not spread else max(spread / error.variance, 1.0)
    return OrdinalEffect(value, wilson(value, n, quantile=error.quantile(level), level=level), clusters)


def _effect(x: Floats, y: Floats) -> Floats:
    """Last axis is the bins."""
    below = np.cumsum(x, axis=-1) - x / 2
    effect = (below * y).sum(axis=-1) / (x.sum(axis=-1) * y.sum(axis=-1))
    return np.asarray(np.clip(effect, 0.0, 1.0), dtype=np.float64)


def _effective_clusters(weights: Floats) -> float:
    sizes = weights.sum(axis=1)
    if np.count_nonzero(sizes) < 2:
        raise ValueError("a group must have at least 2 non-empty buckets; refuse the comparison before asking for it")
    return float(sizes.sum() ** 2 / np.square(sizes).sum())
