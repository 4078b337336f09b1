"""How long answers take now, and how long they would take if the shadow decided.

Nobody waited for the shadow's model, so its time is looked up: from what live saw of that model on requests of the same
input band, else from executed answers, else from models.yaml, each step named as an assumption. Requests on which the
shadow would have had the same answer keep their own time, so that only what changes is estimated. Times are counted
in bins of 2 %; the analysis never sees a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from shadowroute.analysis.measures.latency_donors import Donors
from shadowroute.analysis.measures.rates import MINIMUM_CLUSTERS, refusal
from shadowroute.analysis.queries import latency as times
from shadowroute.analysis.queries.latency import DecisionTimes, ExecutedTimes, LiveTimes, PairTimes
from shadowroute.analysis.queries.reader import Reader
from shadowroute.analysis.results import Estimate, Interval, Measured, Range, Undefined
from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window
from shadowroute.analysis.stats.log_bins import DOUBLED, Axis, BinRow, added, bin_of, by_bucket, quantile_s
from shadowroute.analysis.stats.proportion import wilson
from shadowroute.analysis.stats.resampling import bucket_counts, drawn_interval
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums

BEYOND: Final = 5
"""Requests that must lie beyond a quantile: p99 of 200 requests is the second largest of them, and says nothing."""

METHOD: Final = "bucket bootstrap t, bins of 2 %"

_NO_TIME: Final = Undefined(
    reason="no request with a known time in this window",
    next_step="report it: request.served(reply), or observer.outcome(request_id, duration_s=...)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Times in seconds that half, 95 % and 99 % of the requests stay below; unit `s`."""

    p50_s: Measured
    p95_s: Measured
    p99_s: Measured
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Dispatch to the end of the answer, now and with the shadow deciding; seconds throughout.

    Attributes:
        live: what users wait for now, all requests that were answered.
        by_model: the same by the model that answered, the most frequent first.
        shadow_p95_s: predicted for the shadow, over the requests that can be compared.
        p50_delta_s: shadow minus live on the same requests; positive is slower.
        p95_delta_s: the same at the 95th percentile.
        p99_delta_s: the same at the 99th.
        live_decides: time that the live policy takes to decide.
        shadow_decides: time that the shadow takes to decide.
        n: requests that can be compared.
        left_out_share: of the shadow's requests: contaminated, failed, or without a known time. None without requests.
        one_in: of about so many requests one was looked at, chosen by the hash of its id; `n` counts these, and the
            intervals hold what that adds.
        assumptions: where a time was looked up further away than in live's answers of the same model and input band.
    """

    live: Quantiles
    by_model: Mapping[str, Quantiles]
    shadow_p95_s: Measured
    p50_delta_s: Measured
    p95_delta_s: Measured
    p99_delta_s: Measured
    live_decides: Quantiles
    shadow_decides: Quantiles
    n: int
    left_out_share: float | None
    assumptions: tuple[str, ...]
    one_in: int = 1


def latency(
    q: Reader,
    policy: PolicyRef,
    window: Window,
    where: Slice = ALL,
    *,
    level: float = 0.95,
    priors: Mapping[str, float] | None = None,
) -> Latency:
    """Times of a window and a slice, live and predicted for a shadow policy.

    Args:
        q: reads the project.
        policy: the shadow.
        window: UTC days.
        where: the slice.
        level: nominal coverage of the intervals.
        priors: model to its expected seconds (`latency_s` of models.yaml), for models that nobody has ever timed.
    """
    return latency_of(
        times.live_times(q, window, where),
        times.pair_times(q, policy, window, where),
        times.executed_times(q, policy),
        live_decides=times.decision_times(q, None, window),
        shadow_decides=times.decision_times(q, policy, window),
        priors=priors or {},
        level=level,
    )


def latency_of(
    live: Sequence[LiveTimes],
    pairs: Sequence[PairTimes],
    executed: Sequence[ExecutedTimes] = (),
    *,
    live_decides: Sequence[DecisionTimes] = (),
    shadow_decides: Sequence[DecisionTimes] = (),
    priors: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> Latency:
    """The same from counts."""
    models: dict[str, list[LiveTimes]] = {}
    for row in live:
        models.setdefault(row.model, []).append(row)
    ranked = sorted(models.items(), key=lambda item: -sum(row.n for row in item[1]))
    compared = Comparison(live, pairs, executed, priors, level)
    deltas = {share: compared.delta(share) for share in (0.5, 0.95, 0.99)}
    left_out = sum(row.left_out for row in pairs)
    requests = sum(row.requests for row in pairs) + left_out
    answered = sum(row.n for row in live)
    return Latency(
        live=quantiles_of([row.bins for row in live], sum(row.n for row in live), level=level),
        by_model={
            model: quantiles_of([row.bins for row in rows], sum(row.n for row in rows), level=level)
            for model, rows in ranked
        },
        shadow_p95_s=compared.shadow(0.95),
        p50_delta_s=deltas[0.5],
        p95_delta_s=deltas[0.95],
        p99_delta_s=deltas[0.99],
        live_decides=quantiles_of([row.bins for row in live_decides], sum(row.n for row in live_decides), level=level),
        shadow_decides=quantiles_of(
            [row.bins for row in shadow_decides], sum(row.n for row in shadow_decides), level=level
        ),
        n=compared.n,
        left_out_share=left_out / requests if requests else None,
        assumptions=compared.assumptions,
        one_in=max(round(sum(row.stands_for for row in live) / answered), 1) if answered else 1,
    )


def quantiles_of(rows: Sequence[BinRow], n: int, *, level: float = 0.95) -> Quantiles:
    """Median, p95 and p99 of counts in bins, each with its interval."""
    if not n:
        return Quantiles(p50_s=_NO_TIME, p95_s=_NO_TIME, p99_s=_NO_TIME, n=0)
    axis = Axis.over(rows)
    weights = by_bucket(rows, axis)
    sums = _sizes(weights, n)
    refused = refusal(sums, "request with a known time")
    counts = np.vstack([np.ones(BUCKETS), bucket_counts(occupied=sums.denominator)])
    drawn = counts @ weights

    def at(share: float) -> Measured:
        return refused or _too_few(share, n) or _estimate(quantile_s(drawn, axis, share), sums, level)

    return Quantiles(p50_s=at(0.5), p95_s=at(0.95), p99_s=at(0.99), n=n)


class Comparison:
    """Live's and the shadow's distribution of times on the same requests, on every draw of buckets."""

    def __init__(
        self,
        live: Sequence[LiveTimes],
        pairs: Sequence[PairTimes],
        executed: Sequence[ExecutedTimes] = (),
        priors: Mapping[str, float] | None = None,
        level: float = 0.95,
    ) -> None:
        priors = priors or {}
        self._level = level
        self.n = sum(row.n for row in pairs)
        spread = [
            *(row.bins for row in live),
            *(row.bins for row in pairs),
            *(_point(row.bin) for row in executed),
            *(_point(bin_of(seconds)) for seconds in priors.values()),
        ]
        self._axis = Axis.over(spread, room=2 * DOUBLED)
        live_bins = by_bucket([row.bins for row in pairs], self._axis)
        self._sums = _sizes(live_bins, self.n)
        self._donors = Donors(live, executed, priors, self._axis)
        counts = np.vstack([np.ones(BUCKETS), bucket_counts(occupied=self._sums.denominator)]) if self.n else None
        self._live = counts @ live_bins if counts is not None else live_bins[:1]
        self._low, self._high = self._live, self._live
        self._is_identical = not any(row.first_model or row.escalates != "no" for row in pairs if row.n)
        if counts is not None and not self._is_identical:
            self._low, self._high = self._predicted(pairs, counts)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the prediction had to take for granted."""
        return self._donors.assumptions

    def shadow(self, share: float) -> Measured:
        """The predicted quantile of the shadow."""
        refused = self._refused(share)
        if refused:
            return refused
        low, high = (quantile_s(side, self._axis, share) for side in (self._low, self._high))
        return self._between(low, high)

    def delta(self, share: float) -> Measured:
        """The shadow's quantile minus live's on the same requests."""
        refused = self._refused(share)
        if refused:
            return refused
        live = quantile_s(self._live, self._axis, share)
        if self._is_identical:
            return self._unseen(share, float(live[0]))
        low, high = (quantile_s(side, self._axis, share) - live for side in (self._low, self._high))
        return self._between(low, high)

    def _refused(self, share: float) -> Undefined | None:
        if not self.n:
            return _NO_TIME
        missing = self._donors.missing
        if missing:
            names = ", ".join(missing)
            return Undefined(
                reason=f"nobody has timed {names} where live chose it, and the shadow would call it",
                next_step="import executions with latency_s, or give latency_s in models.yaml",
                n=self.n,
            )
        return refusal(self._sums, "request with a known time") or _too_few(share, self.n)

    def _between(self, low: Floats, high: Floats) -> Measured:
        ends = _estimate(low, self._sums, self._level), _estimate(high, self._sums, self._level)
        if ends[1].value - ends[0].value <= 1e-12:
            return ends[0]
        return Range(
            low=ends[0].value,
            high=ends[1].value,
            n=self.n,
            unit="s",
            why="escalations that nobody has seen may happen never or always",
            interval=Interval(ends[0].interval.low, ends[1].interval.high, self._level),
        )

    def _unseen(self, share: float, live_s: float) -> Measured:
        """No request would change; the share that may have gone unseen takes no time at all, or for ever."""
        unseen = wilson(0.0, max(min(self._sums.effective_clusters, self.n), 1.0), level=self._level).high
        bounds = [max((share - unseen) / (1 - unseen), 0.0), min(share / (1 - unseen), 1.0)]
        low, high = (float(quantile_s(self._live[:1], self._axis, each)[0]) - live_s for each in bounds)
        return Estimate(
            value=0.0,
            interval=Interval(low, high, self._level),
            n=self.n,
            clusters=self._sums.clusters,
            effective_clusters=self._sums.effective_clusters,
            unit="s",
            method="no request would change; wilson bound of an unseen share",
        )

    def _predicted(self, pairs: Sequence[PairTimes], counts: Floats) -> tuple[Floats, Floats]:
        low = np.zeros((counts.shape[0], self._axis.count))
        high = np.zeros_like(low)
        for key, rows in _by_plan(pairs).items():
            bins = by_bucket([row.bins for row in rows], self._axis)
            first = counts @ bins if not key.first_model else self._looked_up(key, bins.sum(axis=1), counts)
            if first is None:
                continue
            second = first
            if key.escalates != "no":
                later = self._donors.shape(key.second_model, key.input_band)
                if later is None:
                    continue
                second = first @ added(later, self._axis)
            low += second if key.escalates == "yes" else first
            high += second
        return low, high

    def _looked_up(self, key: _Plan, requests: Floats, counts: Floats) -> Floats | None:
        """The plan's requests on every draw, with the times of the model that they would go to."""
        donor = self._donors.weights(key.first_model, key.input_band)
        if donor is None:
            return None
        drawn = counts @ donor if donor.ndim == 2 else np.broadcast_to(donor, (counts.shape[0], donor.size))
        totals = drawn.sum(axis=1, keepdims=True)
        # A draw without any donor keeps the times of the whole sample: rare, and better than a draw without requests.
        shape = np.where(totals > 0, drawn / np.where(totals > 0, totals, 1.0), drawn[0] / drawn[0].sum())
        return np.asarray((counts @ requests)[:, np.newaxis] * shape, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Plan:
    first_model: str
    second_model: str
    escalates: times.Escalates
    input_band: str


def _by_plan(pairs: Sequence[PairTimes]) -> dict[_Plan, list[PairTimes]]:
    groups: dict[_Plan, list[PairTimes]] = {}
    for row in pairs:
        if row.n:
            key = _Plan(row.first_model, row.second_model, row.escalates, row.input_band)
            groups.setdefault(key, []).append(row)
    return groups


def _sizes(weights: Floats, n: int) -> RatioSums:
    """Requests by bucket, so that the rules of clusters apply."""
    size = weights.sum(axis=1)
    return RatioSums(numerator=size, denominator=size, n=n)


def _too_few(share: float, n: int) -> Undefined | None:
    needed = BEYOND / (1 - share)
    if n >= needed - 1e-9:
        return None
    return Undefined(
        reason=f"too few requests for the {share:.0%} quantile: {n}, {needed:.0f} needed",
        next_step="wait for more requests",
        n=n,
    )


def _estimate(draws: Floats, sums: RatioSums, level: float) -> Estimate:
    """The first value is the sample's own, the others are of the draws."""
    effective = max(sums.effective_clusters, float(MINIMUM_CLUSTERS))
    return Estimate(
        value=float(draws[0]),
        interval=drawn_interval(float(draws[0]), draws[1:], effective_clusters=effective, level=level),
        n=sums.n,
        clusters=sums.clusters,
        effective_clusters=sums.effective_clusters,
        unit="s",
        method=METHOD,
    )


def _point(place: int) -> BinRow:
    return BinRow(0, np.array([float(place)]), np.array([1.0]))
