"""Traffic of persistent users with heavy tails, as bucket sums: what the intervals must survive."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Users of one service over one window.

    Attributes:
        users: how many are active.
        heaviest: most requests that one user may make; activity is Pareto with shape 1.1, without a mean.
        rate: mean share of a user's requests on which the shadow differs.
        likeness: how alike a user's requests are, as intra-class correlation; 0 is independent.
        log_sigma: spread of the log of a request's cost.
    """

    users: int
    heaviest: int = 30
    rate: float = 0.12
    likeness: float = 0.2
    log_sigma: float = 1.0

    @property
    def mean_cost_usd(self) -> float:
        """Mean cost of a request; which requests differ does not depend on it."""
        return math.exp((self.log_sigma**2 + 0.5**2) / 2)

    def draw(self, rng: np.random.Generator) -> Draw:
        """One sample of users and of their requests."""
        activity = np.minimum(rng.pareto(1.1, self.users) + 1, self.heaviest)
        counts = np.maximum(rng.poisson(activity), 1)
        concentration = 1 / self.likeness - 1 if self.likeness else 1e9
        taste = rng.beta(self.rate * concentration, (1 - self.rate) * concentration, self.users)
        user = np.repeat(np.arange(self.users), counts)
        differs = rng.random(user.size) < taste[user]
        cost = np.exp(rng.normal(0, self.log_sigma, user.size) + rng.normal(0, 0.5, self.users)[user])
        return Draw(bucket=rng.integers(0, BUCKETS, self.users)[user], differs=differs, cost_usd=cost)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draw:
    """Requests: (n,) each."""

    bucket: np.ndarray[tuple[int], np.dtype[np.int64]]
    differs: np.ndarray[tuple[int], np.dtype[np.bool_]]
    cost_usd: Floats

    def shares(self) -> RatioSums:
        """Diverging requests over requests."""
        return self._sums(self.differs.astype(np.float64), np.ones(self.bucket.size))

    def saving(self) -> RatioSums:
        """Dollars saved over dollars spent: a diverging request costs a fifth."""
        return self._sums(np.where(self.differs, -0.8, 0.0) * self.cost_usd, self.cost_usd)

    def saving_per_request(self) -> RatioSums:
        """Dollars saved over requests."""
        return self._sums(np.where(self.differs, -0.8, 0.0) * self.cost_usd, np.ones(self.bucket.size))

    def _sums(self, numerator: Floats, denominator: Floats) -> RatioSums:
        return RatioSums(
            numerator=np.bincount(self.bucket, weights=numerator, minlength=BUCKETS).astype(np.float64),
            denominator=np.bincount(self.bucket, weights=denominator, minlength=BUCKETS).astype(np.float64),
            n=self.bucket.size,
        )
