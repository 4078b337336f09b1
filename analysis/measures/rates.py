"""Shares: from bucket sums to an estimate, or to the reason for a missing one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from shadowroute.analysis.results import Estimate, Interval, Measured, Range, Undefined
from shadowroute.analysis.stats.proportion import share_interval
from shadowroute.analysis.stats.survey import Jackknife
from shadowroute.analysis.summaries import Floats, RatioSums, effective_number

MINIMUM_CLUSTERS: Final = 40
"""Effective clusters below which no interval is given: at 200 heavy-tailed users a nominal 95 % covered 80 %."""

VERDICT_CLUSTERS: Final = 100
"""Effective clusters below which no verdict is given: with 40, daily looks at users who arrive missed in 11 % of
reviews instead of 5 % (tests/simulations/test_daily_looks.py)."""

FEW_CLUSTERS: Final = 100
"""Effective clusters below which intervals are called approximate."""

KNOWN_CLUSTERS: Final = 0.90
"""Share of requests that must carry a user or session id; below it repeat users are mistaken for new ones."""

FAILED: Final = 0.001
"""Share of shadow decisions that may end without a plan."""

ROUNDING: Final = 1e-9
"""Relative difference up to which two weighted counts are the same: summation order, never a row."""

UNSEEN_ESCALATIONS: Final = "unseen escalations may happen never or always"
"""The reason why a figure that depends on them is a range."""

JACKKNIFE: Final = "jackknife t over buckets"

Clusters = Callable[[], float]
"""Effective number of clusters by key; a query of its own, so it is asked only where the buckets say nothing."""


def refusal(sums: RatioSums, subject: str) -> Undefined | None:
    """The reason why the ratio cannot be estimated, or None if it can.

    Args:
        sums: its sums.
        subject: what the denominator counts, for example `shadow decisions`.
    """
    if not sums.total:
        return Undefined(reason=f"no {subject} in this window", n=sums.n)
    effective = sums.effective_clusters
    if effective < MINIMUM_CLUSTERS:
        return Undefined(
            reason=f"too few clusters: {effective:.0f} effective ones, {MINIMUM_CLUSTERS} needed for an interval",
            next_step="wait for more users or sessions; if ids are missing, set from_request.user and .session",
            n=sums.n,
        )
    return None


def estimate(sums: RatioSums, interval: Interval, *, unit: str, method: str) -> Estimate:
    """The ratio with its interval and its basis."""
    return Estimate(
        value=sums.value,
        interval=interval,
        n=sums.n,
        clusters=sums.clusters,
        effective_clusters=sums.effective_clusters,
        unit=unit,
        method=method,
    )


def jackknifed(
    found: Jackknife, sizes: Floats, *, n: int, unit: str, level: float, method: str = JACKKNIFE
) -> Estimate:
    """A function of totals with its interval.

    Args:
        found: its value and the influence of each bucket.
        sizes: (256,) size of each bucket, any unit.
        n: requests or answers that it rests on.
        unit: as in `Estimate`.
        level: nominal coverage.
        method: how the interval was made.
    """
    effective = effective_number(sizes)
    return Estimate(
        value=found.value,
        interval=found.interval(effective, level),
        n=n,
        clusters=int(np.count_nonzero(sizes)),
        effective_clusters=effective,
        unit=unit,
        method=method,
    )


def share_of(
    sums: RatioSums, *, subject: str, clusters: Clusters, unit: str = "share", level: float = 0.95
) -> Measured:
    """A share, or a mean of values in [0, 1], with Wilson's interval over clusters.

    Args:
        sums: its sums.
        subject: what the denominator counts, for the reason of a refusal.
        clusters: effective clusters by key.
        unit: `share` or `score`.
        level: nominal coverage of the interval.
    """
    refused = refusal(sums, subject)
    if refused:
        return refused
    independent = clusters() if sums.is_constant else sums.effective_clusters
    interval = share_interval(sums, clusters=independent, level=level)
    return estimate(sums, interval, unit=unit, method="wilson, cluster-effective n")


def range_of(
    low: RatioSums, high: RatioSums, *, subject: str, why: str, clusters: Clusters, level: float = 0.95
) -> Measured:
    """A share that lies between two others; an estimate if they are the same.

    Args:
        low: sums if everything unseen fell one way.
        high: sums if it fell the other way; the same denominators.
        subject: what the denominator counts.
        why: the unseen outcomes.
        clusters: effective clusters by key.
        level: nominal coverage of the intervals.
    """
    if not low.total:
        return Undefined(reason=f"no {subject} in this window", n=low.n)
    if high.value - low.value <= ROUNDING:
        return share_of(low, subject=subject, clusters=clusters, level=level)
    ends = (
        share_of(low, subject=subject, clusters=clusters, level=level),
        share_of(high, subject=subject, clusters=clusters, level=level),
    )
    return bounded(ends, low=low.value, high=high.value, n=low.n, unit="share", why=why)


def missing_share(part: float, whole: float) -> float | None:
    """How much of the whole the part lacks; None without a whole. Sums that differ by rounding alone lack nothing."""
    if not whole:
        return None
    missing = 1 - part / whole
    return missing if missing > ROUNDING else 0.0


def bounded(ends: tuple[Measured, Measured], *, low: float, high: float, n: int, unit: str, why: str) -> Measured:
    """A range, with an interval around both bounds where both have one; refused where neither bound has one."""
    first, last = ends
    if isinstance(first, Undefined) and isinstance(last, Undefined):
        return first
    interval = None
    if isinstance(first, Estimate) and isinstance(last, Estimate):
        interval = Interval(first.interval.low, last.interval.high, first.interval.level)
    return Range(low=low, high=high, n=n, unit=unit, why=why, interval=interval)
