"""Estimates from a probability sample: every unit has a known chance of being taken, and stands for 1/chance units.

Two kinds of error are kept apart. The variances of this module's totals are of the **design**: only the draw is random,
the population is fixed. `jackknife` over clusters holds both the draw and the sampling of users, because a cluster's
contribution varies with who is in it and with who was drawn (Saerndal, Swensson, Wretman 1992, chapters 2, 3, 9).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy  # loads its parts when they are used: the solvers are large and rarely needed
from numpy.typing import ArrayLike

from shadowroute.analysis.stats.ratio import RatioError, influence_error
from shadowroute.analysis.summaries import Floats

_NO_SCORE: Final = 1e-12
"""Share of the highest score below which a score counts as none."""

SMALLEST_STRATUM: Final = 30
"""Units to take from each stratum, if it has as many: fewer give no usable variance."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """An estimate and its design variance, the estimate's unit squared."""

    value: float
    variance: float

    @property
    def standard_error(self) -> float:
        """Square root of the variance."""
        return math.sqrt(self.variance)


def horvitz_thompson(values: ArrayLike, probabilities: ArrayLike) -> Sampled:
    """The population's total from a Poisson sample: sum of y/p, variance sum of (1-p) y^2 / p^2. Both are unbiased.

    Args:
        values: (n,) of the units that were taken.
        probabilities: (n,) their chances of being taken, (0, 1].
    """
    y, p = _checked(values, probabilities)
    return Sampled(float((y / p).sum()), float(((1 - p) * np.square(y / p)).sum()))


def hajek(values: ArrayLike, probabilities: ArrayLike) -> Sampled:
    """The population's mean from a Poisson sample: sum of y/p over sum of 1/p, by linearisation.

    Better than the total over a known size wherever values are not near 0: the luck of the sample's size cancels.
    """
    y, p = _checked(values, probabilities)
    size = float((1 / p).sum())
    mean = float((y / p).sum()) / size
    return Sampled(mean, float(((1 - p) * np.square((y - mean) / p)).sum()) / size**2)


def difference(predicted_total: float, residuals: ArrayLike, probabilities: ArrayLike) -> Sampled:
    """The model-assisted total: predictions of all units, plus what the sample says they miss.

    Unbiased whatever the model; the better it predicts, the smaller the variance.

    Args:
        predicted_total: sum of the predictions over the whole population.
        residuals: (n,) value minus prediction of the units that were taken.
        probabilities: (n,) their chances of being taken.
    """
    missed = horvitz_thompson(residuals, probabilities)
    return Sampled(predicted_total + missed.value, missed.variance)


def stratified(values: Sequence[ArrayLike], sizes: ArrayLike) -> Sampled:
    """The population's total from simple random samples without replacement in each stratum.

    Sum of N_h mean_h; variance sum of N_h^2 (1 - n_h/N_h) s_h^2 / n_h.

    Args:
        values: per stratum, the values that were taken; at least 2, or the whole stratum.
        sizes: per stratum, how many units it has.
    """
    total = variance = 0.0
    for taken, size in zip(values, np.asarray(sizes, dtype=np.float64), strict=True):
        y = np.asarray(taken, dtype=np.float64)
        n = len(y)
        if n > size or (n < 2 and n < size):
            raise ValueError(f"a stratum of {size:.0f} must have 2 to {size:.0f} units taken, got {n}; merge strata")
        if not n:
            continue
        total += size * float(y.mean())
        if n < size:
            variance += size**2 * (1 - n / size) * float(y.var(ddof=1)) / n
    return Sampled(total, variance)


def stratified_variance(sizes: ArrayLike, spreads: ArrayLike, taken: ArrayLike) -> float:
    """Variance of the stratified total if standard deviations are as planned."""
    size, spread, n = (np.asarray(column, dtype=np.float64) for column in (sizes, spreads, taken))
    return float((size**2 * (1 - n / size) * np.square(spread) / n).sum())


def neyman(
    sizes: ArrayLike, spreads: ArrayLike, costs: ArrayLike, budget: float, *, minimum: int = SMALLEST_STRATUM
) -> list[int]:
    """How many units to take from each stratum for the smallest variance: n_h in proportion to N_h S_h / sqrt(c_h).

    Args:
        sizes: (H,) units per stratum, above 0.
        spreads: (H,) expected standard deviations, at least 0.
        costs: (H,) cost of one unit, above 0.
        budget: what may be spent, in the unit of the costs.
        minimum: units of every stratum, or the whole stratum if it is smaller.

    Raises:
        ValueError: if the minimum alone costs more than the budget.
    """
    size, spread, cost = (np.asarray(column, dtype=np.float64) for column in (sizes, spreads, costs))
    least = np.minimum(size, minimum)
    if float((least * cost).sum()) > budget * (1 + 1e-12):
        raise ValueError(
            f"budget must pay for {minimum} units of each stratum, which cost {(least * cost).sum():.6g}, "
            f"got {budget:.6g}; merge strata or raise it"
        )
    pull = size * spread / np.sqrt(cost)

    def taken(scale: float) -> Floats:
        clipped: Floats = np.clip(scale * pull, least, size)
        return clipped

    high = 1.0
    while float((taken(high) * cost).sum()) < budget and (taken(high) < size)[pull > 0].any():
        high *= 2
    if float((taken(high) * cost).sum()) > budget:
        high = float(scipy.optimize.brentq(lambda scale: float((taken(scale) * cost).sum()) - budget, 0.0, high))
    return [int(n) for n in np.floor(taken(high) + 1e-9)]


def inclusion_probabilities(scores: ArrayLike, expected: float, floor: float) -> Floats:
    """Chances of being taken, in proportion to priority scores as far as the floor and the cap of 1 allow.

    A list of the highest scores alone can be generalised to nothing; with a floor every unit may be taken.

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
        # Every scored unit is taken for certain; what is left is spread over the others.
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
    """A function of totals, and how much each cluster moves it, (clusters,): the value minus the value without it."""

    value: float
    moved: Floats

    @property
    def variance(self) -> float:
        """(G-1)/G times the sum of squares: a cluster's users and the draw among them vary together."""
        return self.error(1.0).variance

    def error(self, effective_clusters: float) -> RatioError:
        """The variance with degrees of freedom from the kurtosis that is seen."""
        return influence_error(self.moved, effective_clusters)

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


def _checked(values: ArrayLike, probabilities: ArrayLike) -> tuple[Floats, Floats]:
    y, p = np.asarray(values, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    if y.shape != p.shape:
        raise ValueError(f"values and probabilities must have one shape, got {y.shape} and {p.shape}")
    if not ((p > 0) & (p <= 1)).all():
        raise ValueError("probabilities must lie in (0, 1]; a unit that cannot be taken is not in the sample")
    return y, p
