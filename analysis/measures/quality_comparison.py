"""A signal on the requests that the shadow would downgrade, against the rest: both of them answers of live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shadowroute.analysis.measures.rates import estimate, refusal
from shadowroute.analysis.queries.signal_cells import SignalCells
from shadowroute.analysis.results import Estimate, Measured, Undefined
from shadowroute.analysis.signals import SignalSpec
from shadowroute.analysis.stats.difference import difference_interval, paired_sums
from shadowroute.analysis.stats.distance import js_distance
from shadowroute.analysis.stats.nonresponse import tipping_point
from shadowroute.analysis.stats.ordinal import brunner_munzel
from shadowroute.analysis.summaries import Floats, RatioSums


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Downgraded against the rest, as the signal's values arrived; only `better` depends on the better side.

    Attributes:
        gap: mean where downgraded minus mean of the rest, unit `score`.
        better: the group with the better mean, if the interval of `gap` leaves 0 out; empty if it does not.
        effect: chance that a downgraded request has the higher value than one of the rest, ties counted half; 0.5 = no
            difference (Brunner and Munzel 2000). Uses only the order of the values.
        distance: Jensen-Shannon distance of the two distributions, base 2, 0 to 1; no interval. None without values.
        rated_gap: response rate where downgraded minus that of the rest: if it is not 0, the means are of different
            people.
        tipping: mean of the silent downgraded requests at which both groups are equal, if the silent of the rest are
            like those who answered; None if no value from 0 to 1 does that.
    """

    gap: Measured
    better: Literal["downgraded", "rest", ""]
    effect: Measured
    distance: float | None
    rated_gap: Measured
    tipping: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Sums of one group of requests.

    Attributes:
        cells: requests with the signal.
        requests: (256,) weighted requests that could have had it.
        n: rows of those.
    """

    cells: SignalCells
    requests: Floats
    n: int

    @property
    def rated(self) -> RatioSums:
        """Requests with the signal over all."""
        return RatioSums(numerator=self.cells.weights.sum(axis=1), denominator=self.requests, n=self.n)


def incomparable(why: Undefined) -> Comparison:
    """No comparison, for one reason."""
    return Comparison(gap=why, better="", effect=why, distance=None, rated_gap=why, tipping=None)


def compared(downgraded: Group, rest: Group, spec: SignalSpec, *, level: float = 0.95) -> Comparison:
    """The comparison from sums.

    Args:
        downgraded: requests that the shadow would give to a cheaper model.
        rest: all others.
        spec: of the signal.
        level: nominal coverage of the intervals.
    """
    first, second = downgraded.cells.score, rest.cells.score
    gap = _difference(first, second, "request with this signal", "score", level)
    has_values = bool(first.total and second.total)
    return Comparison(
        gap=gap,
        better=_better(gap, spec),
        effect=_effect(downgraded, rest, level),
        distance=js_distance(rest.cells.weights.sum(axis=0), downgraded.cells.weights.sum(axis=0))
        if has_values
        else None,
        rated_gap=_difference(downgraded.rated, rest.rated, "request", "share", level),
        tipping=tipping_point(_inside(first.value), _inside(downgraded.rated.value), second.value)
        if has_values
        else None,
    )


def _inside(share: float) -> float:
    """Weighted sums of two queries may miss 0 or 1 by rounding."""
    return min(max(share, 0.0), 1.0)


def _difference(first: RatioSums, second: RatioSums, subject: str, unit: str, level: float) -> Measured:
    refused = refusal(first, f"downgraded {subject}") or refusal(second, f"{subject} that is not downgraded")
    if refused:
        return refused
    sums = paired_sums(first, second)
    if sums.is_constant:
        return Undefined(reason="the difference is the same in every bucket, so its error is unknown", n=sums.n)
    interval = difference_interval(first, second, level=level)
    return estimate(sums, interval, unit=unit, method="paired buckets, jackknife t")


def _better(gap: Measured, spec: SignalSpec) -> Literal["downgraded", "rest", ""]:
    if not isinstance(gap, Estimate) or gap.interval.low <= 0 <= gap.interval.high:
        return ""
    return "downgraded" if (gap.value > 0) != spec.lower_is_better else "rest"


def _effect(downgraded: Group, rest: Group, level: float) -> Measured:
    first, second = downgraded.cells.score, rest.cells.score
    refused = refusal(first, "downgraded request with this signal") or refusal(
        second, "request with this signal that is not downgraded"
    )
    if refused:
        return refused
    found = brunner_munzel(rest.cells.weights, downgraded.cells.weights, level=level)
    return Estimate(
        value=found.value,
        interval=found.interval,
        n=first.n + second.n,
        clusters=min(first.clusters, second.clusters),
        effective_clusters=found.effective_clusters,
        unit="share",
        method="brunner-munzel, bucket jackknife",
    )
