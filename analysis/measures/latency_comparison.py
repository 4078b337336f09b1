"""Live's times and the shadow's on the same requests, on every draw of hash buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shadowroute.analysis.measures.latency_donors import Donors
from shadowroute.analysis.measures.latency_quantiles import NO_TIME, TIMED, draws_of, estimated, sizes_of, too_few
from shadowroute.analysis.measures.rates import UNSEEN_ESCALATIONS, refusal
from shadowroute.analysis.queries.times import Escalates, ExecutedTimes, LiveTimes, PairTimes
from shadowroute.analysis.results import Estimate, Interval, Measured, Range, Undefined
from shadowroute.analysis.stats.log_bins import DOUBLED, Axis, BinRow, added, bin_of, by_bucket, quantile_s
from shadowroute.analysis.stats.proportion import wilson
from shadowroute.analysis.summaries import Floats


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
        self._sums = sizes_of(live_bins, self.n)
        self._donors = Donors(live, executed, priors, self._axis)
        counts = draws_of(self._sums) if self.n else None
        self._live = counts @ live_bins if counts is not None else live_bins[:1]
        self._low, self._high = self._live, self._live
        self._is_identical = not any(row.first_model or row.escalates != "no" for row in pairs if row.n)
        if counts is not None and not self._is_identical:
            self._low, self._high = self._predicted(pairs, counts)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The assumptions of the prediction."""
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
            return NO_TIME
        missing = self._donors.missing
        if missing:
            names = ", ".join(missing)
            return Undefined(
                reason=f"the shadow would call {names}, which has no recorded time where live chose it",
                next_step="import executions with latency_s, or give latency_s in models.yaml",
                n=self.n,
            )
        return refusal(self._sums, TIMED) or too_few(share, self.n)

    def _between(self, low: Floats, high: Floats) -> Measured:
        ends = estimated(low, self._sums, self._level), estimated(high, self._sums, self._level)
        if ends[1].value - ends[0].value <= 1e-12:
            return ends[0]
        return Range(
            low=ends[0].value,
            high=ends[1].value,
            n=self.n,
            unit="s",
            why=UNSEEN_ESCALATIONS,
            interval=Interval(ends[0].interval.low, ends[1].interval.high, self._level),
        )

    def _unseen(self, share: float, live_s: float) -> Measured:
        """No request would change; the share that may be unseen takes no time or infinite time."""
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
    escalates: Escalates
    input_band: str


def _by_plan(pairs: Sequence[PairTimes]) -> dict[_Plan, list[PairTimes]]:
    groups: dict[_Plan, list[PairTimes]] = {}
    for row in pairs:
        if row.n:
            key = _Plan(row.first_model, row.second_model, row.escalates, row.input_band)
            groups.setdefault(key, []).append(row)
    return groups


def _point(place: int) -> BinRow:
    return BinRow(0, np.array([float(place)]), np.array([1.0]))
