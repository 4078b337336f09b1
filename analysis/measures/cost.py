"""What a shadow policy would have cost on the same requests, at the tokens that were really served.

The other model is taken to write as much as the one that answered; only its price and its cold cache differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.measures.rates import Clusters, bounded, estimate, missing_share, refusal
from analysis.queries import Queries
from analysis.results import Interval, Measured, Undefined
from analysis.rows import CostSums, PairSums
from analysis.selection import ALL, PolicyRef, Slice, Window
from analysis.stats.hall import hall_ratio_interval
from analysis.stats.proportion import wilson
from analysis.stats.ratio import t_interval
from analysis.summaries import Floats, RatioSums

# Dollars of equal plans may differ by the order of summation; a difference this small next to the dollars is none.
_SUMMATION = 1e-11


@dataclass(frozen=True, slots=True, kw_only=True)
class CostDelta:
    """Predicted cost of the shadow against what the live policy cost; negative is cheaper.

    Attributes:
        relative: change as a share of the live cost.
        per_request_usd: change per request.
        warm_relative: as `relative`, if the other model had found the same cached prefix; the default is a cold start.
        live_usd: every attempt that was paid; None if a model in it has no price, or nothing is known.
        shadow_usd: planned primary and known escalations; None if a model in it has no price, or nothing is known.
        shadow_high_usd: the same, if every escalation that was not seen happens; equal to `shadow_usd` without one.
        n: requests with a cost on both sides.
        weight: the same, each counted 1/sample_rate times.
        contaminated_share: of the shadow's decisions; left out here, because what was served is not simply the live
            policy's choice. None without decisions.
        uncosted_share: of the remaining ones, those whose tokens are unknown. None if none remain.
        unpriced: models without a price in `book`, sorted.
        book: the price book; empty if none is pinned.
    """

    relative: Measured
    per_request_usd: Measured
    warm_relative: Measured
    live_usd: float | None
    shadow_usd: float | None
    shadow_high_usd: float | None
    n: int
    weight: float
    contaminated_share: float | None
    uncosted_share: float | None
    unpriced: tuple[str, ...]
    book: str


def cost(q: Queries, policy: PolicyRef, window: Window, segment: Slice = ALL, *, book: str) -> CostDelta:
    """The predicted cost of a shadow policy in a window and a slice, at the prices of a book."""
    return cost_of(
        q.costs(window, policy, book, segment),
        q.pairs(window, policy, segment),
        book=book,
        clusters=lambda: q.effective_clusters(window, policy, segment),
    )


def cost_of(costs: CostSums, pairs: PairSums, *, book: str, clusters: Clusters) -> CostDelta:
    """The same from sums; `pairs` tells what was left out."""
    planned = pairs.weight - pairs.failed_weight
    live_known = bool(costs.n) and not costs.live_unpriced
    shadow_known = bool(costs.n) and not costs.shadow_unpriced
    shadow_usd = float(costs.shadow.numerator.sum())
    return CostDelta(
        relative=_relative(costs, costs.shadow, costs.unknown, book, clusters),
        per_request_usd=_per_request(costs, book, clusters),
        warm_relative=_relative(costs, costs.shadow_warm, costs.unknown_warm, book, clusters),
        live_usd=float(costs.live.numerator.sum()) if live_known else None,
        shadow_usd=shadow_usd if shadow_known else None,
        shadow_high_usd=shadow_usd + float(costs.unknown.numerator.sum()) if shadow_known else None,
        n=costs.n,
        weight=costs.live.total,
        contaminated_share=missing_share(pairs.clean_weight, planned),
        uncosted_share=missing_share(costs.live.total, pairs.clean_weight),
        unpriced=tuple(sorted({*costs.live_unpriced, *costs.shadow_unpriced})),
        book=book,
    )


def _undefined(costs: CostSums, book: str) -> Undefined | None:
    if not costs.n:
        return Undefined(
            reason="no request with known tokens in this window",
            next_step="report what was served: request.served(reply), or observer.outcome(request_id, ...)",
        )
    unpriced = sorted({*costs.live_unpriced, *costs.shadow_unpriced})
    if not unpriced:
        return None
    if not book:
        return Undefined(reason="no price book is pinned", next_step="pin prices: --prices models.yaml", n=costs.n)
    names = ", ".join(unpriced)
    return Undefined(
        reason=f"no price in book {book} for {names}: these requests are counted, never priced as 0",
        next_step="add price_usd_per_million to models.yaml, or name the model under aliases of a priced one",
        n=costs.n,
    )


def _relative(costs: CostSums, shadow: RatioSums, unknown: RatioSums, book: str, clusters: Clusters) -> Measured:
    undefined = _undefined(costs, book)
    if undefined:
        return undefined
    live = costs.live.numerator
    ends = tuple(
        RatioSums(numerator=_difference(side, live), denominator=live, n=costs.n)
        for side in (shadow.numerator, shadow.numerator + unknown.numerator)
    )
    if not live.sum():
        return Undefined(reason="the live requests cost nothing", n=costs.n)
    measured = tuple(_relative_to_live(sums, costs, clusters) for sums in ends)
    return _point_or_range((ends[0], ends[1]), (measured[0], measured[1]), unit="ratio")


def _relative_to_live(sums: RatioSums, costs: CostSums, clusters: Clusters) -> Measured:
    # Too few users is a matter of requests; how their dollars are spread goes into the degrees of freedom.
    refused = refusal(costs.live, "request with known tokens")
    if refused:
        return refused
    if sums.is_constant:
        return _unvaried(sums, 1.0, clusters, unit="ratio")
    return estimate(sums, t_interval(sums), unit="ratio", method="jackknife t over buckets")


def _per_request(costs: CostSums, book: str, clusters: Clusters) -> Measured:
    undefined = _undefined(costs, book)
    if undefined:
        return undefined
    live, requests = costs.live.numerator, costs.live.denominator
    ends = tuple(
        RatioSums(numerator=_difference(side, live), denominator=requests, n=costs.n)
        for side in (costs.shadow.numerator, costs.shadow.numerator + costs.unknown.numerator)
    )
    measured = tuple(_dollars(sums, costs, clusters) for sums in ends)
    return _point_or_range((ends[0], ends[1]), (measured[0], measured[1]), unit="usd")


def _dollars(sums: RatioSums, costs: CostSums, clusters: Clusters) -> Measured:
    refused = refusal(sums, "request with known tokens")
    if refused:
        return refused
    if sums.is_constant:
        return _unvaried(sums, costs.live.value, clusters, unit="usd")
    return estimate(sums, hall_ratio_interval(sums), unit="usd", method="hall over buckets")


def _unvaried(sums: RatioSums, whole: float, clusters: Clusters, *, unit: str) -> Measured:
    """Where every bucket changes alike: the share that may have gone unseen, taken to change by its whole cost."""
    unseen = wilson(0.0, max(min(clusters(), sums.n), 1.0)).high * whole
    interval = Interval(sums.value - unseen, sums.value + unseen)
    return estimate(sums, interval, unit=unit, method="no bucket differs; wilson bound of an unseen share")


def _point_or_range(ends: tuple[RatioSums, RatioSums], measured: tuple[Measured, Measured], *, unit: str) -> Measured:
    low, high = ends
    if (low.numerator == high.numerator).all():
        return measured[0]
    return bounded(
        measured,
        low=low.value,
        high=high.value,
        n=low.n,
        unit=unit,
        why="escalations that nobody has seen may happen never or always",
    )


def _difference(shadow: Floats, live: Floats) -> Floats:
    gap = shadow - live
    return np.where(np.abs(gap) <= _SUMMATION * (np.abs(shadow) + np.abs(live)), 0.0, gap)
