"""How well a router spends: quality against the share of requests that goes to the strong model, and against cost.

Two pictures. The **deferral curve** has the share sent to the strong model on its x axis, from (0, weak alone) to
(1, strong alone): PGR, APGR and CPT (RouteLLM, Ong et al. 2024) read it. The **frontier** has the cost per request: its
non-decreasing hull and the area under it (AIQ; RouterBench, Hu et al. 2024).

RouteLLM's own code integrates over the shares that were tried only, and interpolates a curve that may fall. Here both
ends of the curve are always added, and a level is reached where the curve first crosses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from shadowroute.analysis.summaries import Floats

SAVINGS_BAND: Final = (0.70, 0.80)
"""Share of the theoretical saving that a good router reaches; more than its upper end is rarely real."""

SavingsBand = Literal["below", "inside", "above"]


@dataclass(frozen=True, slots=True, eq=False)
class DeferralCurve:
    """Mean quality for a growing share of requests on the strong model.

    Attributes:
        shares: (k,) sent to the strong model, not decreasing, from 0 to 1.
        quality: (k,) mean over all requests, any unit; the first is the weak model alone, the last the strong one.
    """

    shares: Floats
    quality: Floats

    @property
    def weak(self) -> float:
        """Quality of the weak model alone."""
        return float(self.quality[0])

    @property
    def strong(self) -> float:
        """Quality of the strong model alone."""
        return float(self.quality[-1])

    @property
    def area(self) -> float:
        """Area under the curve over shares 0 to 1: the quality at a share drawn at random."""
        return float(np.trapezoid(self.quality, self.shares))

    @property
    def area_above_random(self) -> float:
        """Area between the curve and the straight line of a random router, in units of quality."""
        return self.area - (self.weak + self.strong) / 2


def curve_of_scores(
    score: ArrayLike, weak_quality: ArrayLike, strong_quality: ArrayLike, weight: ArrayLike | None = None
) -> DeferralCurve:
    """The curve of a router that sends the requests with the highest score to the strong model first.

    Requests of equal score cannot be told apart by it, so they move together: a straight piece.

    Args:
        score: (n,) the router's preference for the strong model, any unit.
        weak_quality: (n,) of the weak model's answer.
        strong_quality: (n,) of the strong model's answer.
        weight: (n,) requests that each stands for, at least 0; 1 if not given.

    Raises:
        ValueError: if lengths differ, or there is no weight.
    """
    s, w_quality = _paired(score, weak_quality, "score", "weak_quality")
    _, s_quality = _paired(score, strong_quality, "score", "strong_quality")
    weights = np.ones(s.size) if weight is None else _paired(score, weight, "score", "weight")[1]
    total = float(weights.sum())
    if not total > 0:
        raise ValueError(f"weights must sum to more than 0, got {total!r}; give at least one request a weight")
    order = np.argsort(-s, kind="stable")
    last_of_tie = np.append(np.diff(s[order]) != 0, True)
    moved = np.cumsum(weights[order])[last_of_tie]
    gained = np.cumsum((weights * (s_quality - w_quality))[order])[last_of_tie]
    weak = float((weights * w_quality).sum()) / total
    return DeferralCurve(np.concatenate(([0.0], moved / total)), np.concatenate(([weak], weak + gained / total)))


def oracle_curve(weak_quality: ArrayLike, strong_quality: ArrayLike, weight: ArrayLike | None = None) -> DeferralCurve:
    """The best possible curve: requests go to the strong model in the order of their gain."""
    w_quality, s_quality = _paired(weak_quality, strong_quality, "weak_quality", "strong_quality")
    return curve_of_scores(s_quality - w_quality, w_quality, s_quality, weight)


def gap_recovered(quality: float, *, weak: float, strong: float) -> float:
    """PGR: share of the gap from the weak to the strong model's quality that is recovered; may lie outside 0 to 1.

    Raises:
        ZeroDivisionError: if both models are equally good: there is no gap.
    """
    if strong == weak:
        raise ZeroDivisionError("weak and strong must differ in quality, got the same; there is no gap to recover")
    return (quality - weak) / (strong - weak)


def average_gap_recovered(curve: DeferralCurve) -> float:
    """APGR: the mean PGR over all shares sent to the strong model; 0.5 for a random router."""
    return gap_recovered(curve.area, weak=curve.weak, strong=curve.strong)


def call_share(curve: DeferralCurve, recovered: float) -> float:
    """CPT: the smallest share of strong calls at which PGR first reaches `recovered`.

    Args:
        curve: from weak alone to strong alone.
        recovered: wanted PGR, in 0 to 1, for example 0.5 for CPT(50 %).

    Raises:
        ValueError: if `recovered` lies outside 0 to 1.
        ZeroDivisionError: if both models are equally good.
    """
    if not 0 <= recovered <= 1:
        raise ValueError(f"recovered must lie in 0 to 1, got {recovered!r}; CPT(50 %) is 0.5")
    share = np.array([gap_recovered(q, weak=curve.weak, strong=curve.strong) for q in curve.quality])
    # Reaching a level is a question of order, so rounding must not put it off by one whole step.
    reached = int(np.argmax(share >= recovered - 1e-12))
    if reached == 0:
        return 0.0
    low, high = share[reached - 1], share[reached]
    part = min(max((recovered - low) / (high - low), 0.0), 1.0)
    return float(curve.shares[reached - 1] + part * (curve.shares[reached] - curve.shares[reached - 1]))


def oracle_share(curve: DeferralCurve, oracle: DeferralCurve) -> float:
    """How much of the oracle's area above the random line the curve has: 1 is perfect, 0 is random choice.

    Raises:
        ZeroDivisionError: if even the oracle gains nothing over random choice.
    """
    possible = oracle.area_above_random
    if possible <= 1e-15:
        raise ZeroDivisionError("the oracle must gain over random choice, got no gain; the choice does not matter here")
    return curve.area_above_random / possible


def hull(costs: ArrayLike, quality: ArrayLike) -> tuple[Floats, Floats]:
    """The non-decreasing concave hull of points, by Andrew's monotone chain: the points that mixing can reach.

    Args:
        costs: (k,) per request, at least 0.
        quality: (k,) mean quality.

    Returns:
        Costs and quality of the corners, (h,) each, both increasing; a dearer point that is not better is left out.

    Raises:
        ValueError: if there is no point, lengths differ, or a cost is negative.
    """
    x, y = _paired(costs, quality, "costs", "quality")
    if not x.size:
        raise ValueError("points must be at least 1, got none; a hull of nothing does not exist")
    if x.min() < 0:
        raise ValueError(f"costs must be at least 0, got {x.min()!r}; give the cost, not the change")
    corners: list[tuple[float, float]] = []
    for point in sorted(zip(x.tolist(), y.tolist(), strict=True), key=lambda p: (p[0], -p[1])):
        if corners and point[1] <= corners[-1][1]:
            continue
        while len(corners) > 1 and _turn(corners[-2], corners[-1], point) >= 0:
            corners.pop()
        if corners and corners[-1][0] == point[0]:
            continue
        corners.append(point)
    return np.array([c for c, _ in corners]), np.array([q for _, q in corners])


def aiq(costs: ArrayLike, quality: ArrayLike) -> float:
    """AIQ as in the RouterBench paper: mean height of the hull between the cheapest and the dearest point.

    Raises:
        ValueError: if there is no point or all cost the same: no range of costs to average over.
    """
    x, _ = _paired(costs, quality, "costs", "quality")
    spread = float(x.max() - x.min()) if x.size else 0.0
    if not spread > 0:
        raise ValueError("points must differ in cost, got one cost; AIQ averages over a range of costs")
    return _area_to(*hull(costs, quality), float(x.max())) / spread


def aiq_over_dearest(costs: ArrayLike, quality: ArrayLike, *, dearest: float | None = None) -> float:
    """AIQ as in RouterBench's code: the same area over the dearest cost, so that nothing is earned below the cheapest.

    Args:
        costs: (k,) per request.
        quality: (k,) mean quality.
        dearest: of all routers that are compared; the hull is drawn out level to it. None = of these points.

    Raises:
        ValueError: if there is no point, or the dearest costs nothing or less than one of these points.
    """
    x, _ = _paired(costs, quality, "costs", "quality")
    end = float(x.max()) if dearest is None and x.size else float(dearest or 0.0)
    if not end > 0 or (x.size and x.max() > end):
        raise ValueError(f"dearest must be above 0 and no less than every cost, got {end!r}; take the largest of all")
    return _area_to(*hull(costs, quality), end) / end


def possible_saving_share(*, dearest_usd: float, policy_usd: float, oracle_usd: float) -> float:
    """Share of the theoretical saving: (strong alone - policy) / (strong alone - oracle); negative if it costs more.

    Args:
        dearest_usd: cost of the strong model alone.
        policy_usd: cost of the policy.
        oracle_usd: cost of the cheapest model that meets the bar, request by request.

    Raises:
        ZeroDivisionError: if the oracle saves nothing.
    """
    possible = dearest_usd - oracle_usd
    if not possible > 0:
        raise ZeroDivisionError("the oracle must cost less than the strong model alone, got no saving to share")
    return (dearest_usd - policy_usd) / possible


def savings_band(share: float) -> SavingsBand:
    """Position of a share of the theoretical saving against the 70 to 80 % of good routers."""
    low, high = SAVINGS_BAND
    return "below" if share < low else "inside" if share <= high else "above"


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Positive if c lies to the left of the line from a to b, 0 if on it."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _area_to(costs: Floats, quality: Floats, end: float) -> float:
    """Area under the hull, drawn out level from its last corner to `end`."""
    return float(np.trapezoid(quality, costs)) + float(quality[-1]) * (end - float(costs[-1]))


def _paired(left: ArrayLike, right: ArrayLike, left_name: str, right_name: str) -> tuple[Floats, Floats]:
    x, y = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"{left_name} and {right_name} must have one length, got {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"{left_name} and {right_name} must be finite, got NaN or infinity; leave unknown ones out")
    return x, y
