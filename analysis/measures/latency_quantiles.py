"""Median, p95 and p99 of times that were counted in bins, with intervals from draws of hash buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from shadowroute.analysis.measures.rates import MINIMUM_CLUSTERS, refusal
from shadowroute.analysis.results import Estimate, Measured, Undefined
from shadowroute.analysis.stats.log_bins import Axis, BinRow, by_bucket, quantile_s
from shadowroute.analysis.stats.resampling import bucket_counts, drawn_interval
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums

BEYOND: Final = 5
"""Requests that must lie beyond a quantile: p99 of 200 requests is the second largest of them, and unreliable."""

TIMED: Final = "request with a known time"

NO_TIME: Final = Undefined(
    reason=f"no {TIMED} in this window",
    next_step="report it: request.served(reply), or observer.outcome(request_id, duration_s=...)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Times in seconds that half, 95 % and 99 % of the requests stay below; unit `s`."""

    p50_s: Measured
    p95_s: Measured
    p99_s: Measured
    n: int


def quantiles_of(rows: Sequence[BinRow], n: int, *, level: float = 0.95) -> Quantiles:
    """Median, p95 and p99 of counts in bins, each with its interval."""
    if not n:
        return Quantiles(p50_s=NO_TIME, p95_s=NO_TIME, p99_s=NO_TIME, n=0)
    axis = Axis.over(rows)
    weights = by_bucket(rows, axis)
    sums = sizes_of(weights, n)
    refused = refusal(sums, TIMED)
    drawn = draws_of(sums) @ weights

    def at(share: float) -> Measured:
        return refused or too_few(share, n) or estimated(quantile_s(drawn, axis, share), sums, level)

    return Quantiles(p50_s=at(0.5), p95_s=at(0.95), p99_s=at(0.99), n=n)


def draws_of(sums: RatioSums) -> Floats:
    """How often each bucket is in a draw, (1 + draws, 256); the first row is the sample itself."""
    return np.vstack([np.ones(BUCKETS), bucket_counts(occupied=sums.denominator)])


def sizes_of(weights: Floats, n: int) -> RatioSums:
    """Requests by bucket, so that the rules of clusters apply."""
    size = weights.sum(axis=1)
    return RatioSums(numerator=size, denominator=size, n=n)


def too_few(share: float, n: int) -> Undefined | None:
    """The reason why a quantile of so few requests is unreliable, or None."""
    needed = BEYOND / (1 - share)
    if n >= needed - 1e-9:
        return None
    return Undefined(
        reason=f"too few requests for the {share:.0%} quantile: {n}, {needed:.0f} needed",
        next_step="wait for more requests",
        n=n,
    )


def estimated(draws: Floats, sums: RatioSums, level: float) -> Estimate:
    """The first value is the sample's own, the others are of the draws."""
    effective = max(sums.effective_clusters, float(MINIMUM_CLUSTERS))
    return Estimate(
        value=float(draws[0]),
        interval=drawn_interval(float(draws[0]), draws[1:], effective_clusters=effective, level=level),
        n=sums.n,
        clusters=sums.clusters,
        effective_clusters=sums.effective_clusters,
        unit="s",
        method="bucket bootstrap t, bins of 2 %",
    )
