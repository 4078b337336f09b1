"""The value of a policy from answers that another policy chose at random.

Horvitz and Thompson (1952); doubly robust: Dudik, Langford and Li (2011). A request weighs w = pi_e(a | x) / pi_0(a |
x): how much more often the evaluated policy would have taken the action that the logging policy took. Where the
evaluated policy's own draw A_e is logged and pi_e is not, w = 1{A_e = a} / pi_0(a | x) serves as well: A_e is drawn
without knowing a, so its mean given (x, a) is pi_e(a | x) / pi_0(a | x). Both give E[w r] = value, and E[w] = 1
exactly if pi_0 > 0 wherever pi_e is: a mean weight below 1 is missing overlap, or a wrong propensity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shadowroute.analysis.summaries import Floats, RatioSums, spread

FOLDS: Final = 5
"""Parts of the buckets; a cell's mean is taken from the other four, so that no request predicts itself."""

Codes = NDArray[np.int64]


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
