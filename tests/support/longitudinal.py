"""Weeks of traffic of users who come back, as bucket sums per day: what daily looks must survive.

A user's requests of a day are Poisson, and each differs with the user's own probability. Sums of Poisson counts are
Poisson, so a bucket's day is drawn from its users' total intensity: exact, and as quick for 20,000 users as for ten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums


@dataclass(frozen=True, slots=True, kw_only=True)
class Regulars:
    """Users with lasting habits.

    Attributes:
        users: how many there are at the end.
        heaviest: most requests of one user a day; activity is Pareto with shape 1.1, without a mean.
        rate: at which a user of one request a day differs, in the middle.
        pull: how much the log-odds of differing grow with the log of activity: heavy users are unlike light ones.
        spread: standard deviation of the users' log-odds beside that.
        joins: whether users arrive evenly over the window instead of being there from the first day.
        shift: added to the log-odds of the user who joins last; others in proportion.
    """

    users: int
    heaviest: float = 300
    rate: float = 0.10
    pull: float = 0.3
    spread: float = 0.8
    joins: bool = False
    shift: float = 0.0

    @property
    def truth(self) -> float:
        """Differing requests over requests of the population that users are drawn from: without a shift, of all days.

        With a shift it is the rate of a day after everybody has joined.
        """
        activity = self._activity((np.arange(40_000) + 0.5) / 40_000)
        nodes, weights = np.polynomial.hermite_e.hermegauss(30)
        late = (np.arange(50) + 0.5) / 50 if self.shift else np.zeros(1)
        total = 0.0
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            for join in late:
                total += weight / late.size * float((activity * self._taste(activity, node, join)).mean())
        return total / float(activity.mean())

    def draw(self, rng: np.random.Generator, days: int) -> Weeks:
        """One sample of users and of their requests on `days` days."""
        activity = self._activity(rng.random(self.users))
        joined = rng.random(self.users) if self.joins else np.zeros(self.users)
        taste = self._taste(activity, rng.standard_normal(self.users), joined)
        cell = rng.integers(0, BUCKETS, self.users) + BUCKETS * np.floor(joined * days).astype(np.int64)
        shape = (days, BUCKETS)

        def intensity(weights: Floats) -> Floats:
            new = np.bincount(cell, weights=weights, minlength=days * BUCKETS).reshape(shape)
            return np.asarray(np.cumsum(new, axis=0), dtype=np.float64)

        differs = rng.poisson(intensity(activity * taste))
        return Weeks(differs=differs, same=rng.poisson(intensity(activity * (1 - taste))))

    def _activity(self, quantile: Floats) -> Floats:
        return np.asarray(np.minimum((1 - quantile) ** (-1 / 1.1), self.heaviest), dtype=np.float64)

    def _taste(self, activity: Floats, z: Floats | float, joined: Floats | float) -> Floats:
        odds = math.log(self.rate / (1 - self.rate)) + self.pull * np.log(activity) + self.spread * z
        return np.asarray(1 / (1 + np.exp(-odds - self.shift * joined)), dtype=np.float64)


Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weeks:
    """Requests per day and bucket, (days, 256)."""

    differs: Counts
    same: Counts

    def shares(self) -> list[RatioSums]:
        """Diverging requests over requests, of all days up to each day."""
        return self._looks(self.differs, self.differs + self.same)

    def costs(self, rng: np.random.Generator) -> tuple[list[RatioSums], list[RatioSums]]:
        """Dollars saved over dollars spent, and over requests, up to each day; a diverging request costs a fifth.

        A request costs a gamma amount of shape 0.25 and mean 1: standard deviation 2, skewness 4.
        """
        differing, same = (rng.standard_gamma(0.25 * side) / 0.25 for side in (self.differs, self.same))
        saved = -0.8 * differing
        return self._looks(saved, differing + same), self._looks(saved, self.differs + self.same)

    def _looks(self, numerator: Floats | Counts, denominator: Floats | Counts) -> list[RatioSums]:
        requests = np.cumsum((self.differs + self.same).sum(axis=1))
        return [
            RatioSums(numerator=up.astype(np.float64), denominator=down.astype(np.float64), n=int(n))
            for up, down, n in zip(np.cumsum(numerator, axis=0), np.cumsum(denominator, axis=0), requests, strict=True)
        ]
