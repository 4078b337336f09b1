"""The value of a policy from answers that another policy chose at random.

Horvitz and Thompson (1952); doubly robust: Dudik, Langford and Li (2011). A request weighs w = pi_e(a | x) / pi_0(a |
x): how much more often the evaluated policy would have taken the action that the logging policy took. Where the
evaluated policy's own draw A_e is logged and pi_e is not, w = 1{A_e = a} / pi_0(a | x) serves as well: A_e is drawn
without knowing a, so its mean given (x, a) is pi_e(a | x) / pi_0(a | x). Both give E[w r] = value, and E[w] = 1
exactly if pi_0 > 0 wherever pi_e is: a mean weight below 1 is missing overlap, or a wrong propensity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from shadowroute.analysis.results import Interval
from shadowroute.analysis.summaries import Floats, RatioSums, spread

FOLDS: Final = 5
"""Parts of the buckets; a cell's mean is taken from the other four, so that no request predicts itself."""

Codes = NDArray[np.int64]


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
    half = float(special.ndtri((1 + level) / 2)) * error
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
    half = float(special.ndtri((1 + level) / 2)) * float(scores.std(ddof=1)) / math.sqrt(scores.size)
    value = float(scores.mean())
    return value, Interval(value - half, value + half, level)


def effective_size(weights: ArrayLike) -> float:
    """(sum of w)^2 / sum of w^2: as many equally weighted requests carry as much; 0 without weight."""
    w = np.asarray(weights, dtype=np.float64)
    squares = float(np.square(w).sum())
    return float(w.sum()) ** 2 / squares if squares else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupedSums:
    """Requests grouped by bucket, cell, logged action and evaluated action; (k,) each.

    Attributes:
        bucket: 0 to 255.
        cell: code of the context, for example of task and complexity.
        logged: code of the action that the logging policy took.
        evaluated: code of the action that the evaluated policy names; same codes.
        n: rows.
        size: requests, each counted u = 1/sample_rate times.
        reward: sum of u r.
        weight: sum of u w.
        weighted_reward: sum of u w r.
    """

    bucket: Codes
    cell: Codes
    logged: Codes
    evaluated: Codes
    n: int
    size: Floats
    reward: Floats
    weight: Floats
    weighted_reward: Floats

    def predicted(self, action: Codes) -> Floats:
        """Mean reward of an action in each group's cell, from the other folds; (k,).

        Where the other folds never saw the action in the cell, its mean over all cells stands in, and where they never
        saw it at all, the mean of everything: the weighted residuals correct both.
        """
        cells, actions = int(self.cell.max()) + 1, int(max(self.logged.max(), self.evaluated.max())) + 1
        fold = self.bucket % FOLDS
        found = np.zeros(action.shape)
        for part in range(FOLDS):
            inside, others = fold == part, fold != part
            sums = np.zeros((2, cells, actions))
            for row, values in zip(sums, (self.reward, self.size), strict=True):
                np.add.at(row, (self.cell[others], self.logged[others]), values[others])
            found[inside] = _means(*sums)[self.cell[inside], action[inside]]
        return found

    def totals(self, values: Floats) -> RatioSums:
        """Values of the groups over requests, as a ratio of totals by bucket."""
        return RatioSums(numerator=spread(self.bucket, values), denominator=spread(self.bucket, self.size), n=self.n)

    @property
    def direct(self) -> Floats:
        """(k,) sums of predicted rewards of the evaluated action: the direct method."""
        return self.size * self.predicted(self.evaluated)

    @property
    def doubly_robust(self) -> Floats:
        """(k,) sums of influence values: prediction plus weighted residual; w is 0 unless both actions are the same."""
        return self.direct + self.weighted_reward - self.weight * self.predicted(self.logged)


def _means(reward: Floats, size: Floats) -> Floats:
    """Mean reward by cell and action, with the stand-ins of `predicted`."""
    everywhere = np.divide(reward.sum(), size.sum()) if size.sum() else 0.0
    by_action = np.full(reward.shape[1], everywhere)
    np.divide(reward.sum(axis=0), size.sum(axis=0), out=by_action, where=size.sum(axis=0) > 0)
    found = np.tile(by_action, (reward.shape[0], 1))
    np.divide(reward, size, out=found, where=size > 0)
    return found


def _checked(weights: ArrayLike, rewards: ArrayLike) -> tuple[Floats, Floats]:
    w, r = np.asarray(weights, dtype=np.float64), np.asarray(rewards, dtype=np.float64)
    if w.shape != r.shape or w.ndim != 1 or not w.size:
        raise ValueError(f"weights and rewards must have one length above 0, got shapes {w.shape} and {r.shape}")
    if not (np.isfinite(w).all() and (w >= 0).all()):
        raise ValueError("weights must be finite and at least 0; look for a propensity of 0")
    return w, r
