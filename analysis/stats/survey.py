"""Estimates from a probability sample: every unit has a known chance of being taken, and stands for 1/chance units.

`jackknife` over clusters holds both the draw and the sampling of users, because a cluster's contribution varies with
who is in it and with who was drawn (Saerndal, Swensson, Wretman 1992, chapters 2, 3, 9).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from shadowroute.analysis.results import Interval
from shadowroute.analysis.stats.ratio import RatioError, influence_error
from shadowroute.analysis.summaries import Floats

_NO_SCORE: Final = 1e-12
"""Share of the highest score below which a score counts as none."""


def inclusion_probabilities(scores: ArrayLike, expected: float, floor: float) -> Floats:
    """Chances of being taken, in proportion to priority scores as far as the floor and the cap of 1 allow.

    A list of the highest scores alone represents only itself; with a floor every unit may be taken.

    Args:
        scores: (N,), at least 0.
        expected: units that the draw takes on average, at most N.
        floor: the smallest chance, above 0; at most expected / N.

    Returns:
        (N,), each from `floor` to 1, with the sum `expected`.
    """
    wanted = np.asarray(scores, dtype=np.float64)
    if not (np.isfinite(wanted).all() and (wanted >= 0).all()):
        raise ValueError("scores must be finite and at least 0; give what cannot be scored the mean score")
    n = len(wanted)
    if not 0 < expected <= n:
        raise ValueError(f"expected must lie above 0 and at most {n} (the requests), got {expected!r}")
    if not 0 < floor <= expected / n * (1 + 1e-12):
        raise ValueError(f"floor must lie above 0 and at most expected / requests = {expected / n:.6g}, got {floor!r}")
    highest = float(wanted.max())
    wanted = wanted / highest if highest else wanted
    wanted = np.where(wanted > _NO_SCORE, wanted, 0.0)
    scored = wanted > 0
    if int(scored.sum()) + floor * int((~scored).sum()) <= expected:
        # Every scored unit is certainly taken; the rest is spread over the others.
        rest = max(n - int(scored.sum()), 1)
        return np.where(scored, 1.0, (expected - int(scored.sum())) / rest)

    def chances(scale: float) -> Floats:
        clipped: Floats = np.clip(scale * wanted, floor, 1.0)
        return clipped

    # The sum is linear in the scale between the places where a unit leaves the floor or reaches 1.
    turns = np.sort(np.concatenate([[0.0], floor / wanted[scored], 1 / wanted[scored]]))
    after = bisect.bisect_left(turns, expected, key=lambda scale: float(chances(float(scale)).sum()))
    low, high = float(turns[max(after - 1, 0)]), float(turns[min(after, len(turns) - 1)])
    below, above = float(chances(low).sum()), float(chances(high).sum())
    return chances(low + (high - low) * (expected - below) / (above - below) if above > below else high)


@dataclass(frozen=True, slots=True, eq=False)
class Jackknife:
    """A function of totals, and the influence of each cluster, (clusters,): the value minus the value without it."""

    value: float
    moved: Floats

    @property
    def variance(self) -> float:
        """(G-1)/G times the sum of squares: a cluster's users and the draw among them vary together."""
        return self.error(1.0).variance

    def error(self, effective_clusters: float) -> RatioError:
        """The variance with degrees of freedom from the kurtosis that is seen."""
        return influence_error(self.moved, effective_clusters)

    def interval(self, effective_clusters: float, level: float) -> Interval:
        """The t interval."""
        error = self.error(effective_clusters)
        half = error.quantile(level) * error.standard_error
        return Interval(self.value - half, self.value + half, level)

    def correlation(self, other: Jackknife) -> float:
        """Of two functions of the same totals; 0 where one of them does not vary."""
        scale = math.sqrt(float(np.square(self.moved).sum()) * float(np.square(other.moved).sum()))
        return float((self.moved * other.moved).sum()) / scale if scale else 0.0


def jackknife(totals: Floats, function: Callable[[Floats], Floats]) -> Jackknife:
    """A smooth function of totals with its delete-one-cluster influences.

    Args:
        totals: (k, G) contributions of each cluster to k totals.
        function: from (k, m) totals to (m,) values.
    """
    whole = totals.sum(axis=1, keepdims=True)
    value = float(function(whole)[0])
    return Jackknife(value, value - function(whole - totals))
