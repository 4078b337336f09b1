"""The off-policy estimators row by row, as their papers write them: the analysis' sums are checked against them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from shadowroute.analysis.results import Interval
from shadowroute.analysis.summaries import Floats


def ips(weights: ArrayLike, rewards: ArrayLike) -> float:
    """Inverse propensity score: the mean of w r. Unbiased, and heavy-tailed where propensities are small.

    Args:
        weights: (n,) importance weights, at least 0.
        rewards: (n,) any unit.
    """
    w, r = _checked(weights, rewards)
    return float((w * r).mean())


def snips(weights: ArrayLike, rewards: ArrayLike, *, level: float = 0.95) -> tuple[float, Interval]:
    """Self-normalised: sum of w r over sum of w, with the delta method's normal interval.

    Raises:
        ValueError: if no weight is above 0.
    """
    w, r = _checked(weights, rewards)
    if not w.sum() > 0:
        raise ValueError("weights must have a sum above 0, got 0; the policies never agree")
    value = float((w * r).sum() / w.sum())
    error = math.sqrt(float(np.square(w * (r - value)).sum())) / float(w.sum())
    half = float(stats.norm.ppf((1 + level) / 2)) * error
    return value, Interval(value - half, value + half, level)


def direct(action_shares: ArrayLike, predicted: ArrayLike) -> float:
    """Direct method: the mean over requests of what a model predicts under the evaluated policy.

    Args:
        action_shares: (n, k) probabilities of the evaluated policy, rows sum to 1.
        predicted: (n, k) predicted reward of every action.
    """
    shares, q = np.asarray(action_shares, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    return float((shares * q).sum(axis=1).mean())


def doubly_robust(
    weights: ArrayLike, rewards: ArrayLike, *, taken: ArrayLike, expected: ArrayLike, level: float = 0.95
) -> tuple[float, Interval]:
    """The direct method, corrected by the weighted residuals; the interval is that of its influence values.

    Args:
        weights: (n,) importance weights.
        rewards: (n,) of the actions that were taken.
        taken: (n,) predicted reward of the taken action.
        expected: (n,) predicted reward under the evaluated policy.
        level: nominal coverage.
    """
    w, r = _checked(weights, rewards)
    scores = np.asarray(expected, dtype=np.float64) + w * (r - np.asarray(taken, dtype=np.float64))
    half = float(stats.norm.ppf((1 + level) / 2)) * float(scores.std(ddof=1)) / math.sqrt(scores.size)
    value = float(scores.mean())
    return value, Interval(value - half, value + half, level)


def _checked(weights: ArrayLike, rewards: ArrayLike) -> tuple[Floats, Floats]:
    w, r = np.asarray(weights, dtype=np.float64), np.asarray(rewards, dtype=np.float64)
    if w.shape != r.shape or w.ndim != 1 or not w.size:
        raise ValueError(f"weights and rewards must have one length above 0, got shapes {w.shape} and {r.shape}")
    if not (np.isfinite(w).all() and (w >= 0).all()):
        raise ValueError("weights must be finite and at least 0; look for a propensity of 0")
    return w, r
