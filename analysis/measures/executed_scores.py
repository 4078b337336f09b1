"""Scores and escalations of executed answers, spread over the requests that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy import special

from shadowroute.analysis.measures.executed_draws import (
    NOT_RUN,
    SMALL_MISSING,
    Drawn,
    Unit,
    frame_refusal,
    not_covered,
    too_few,
    unknown_paid,
)
from shadowroute.analysis.measures.rates import refusal
from shadowroute.analysis.queries.executions import Frame
from shadowroute.analysis.results import Estimate, Interval, Measured, Range, Undefined
from shadowroute.analysis.stats.signed import Side, signed_interval
from shadowroute.analysis.stats.survey import Jackknife, jackknife
from shadowroute.analysis.summaries import Floats, RatioSums

_UNSCORED: Final = Undefined(
    reason="the executed answers have no score",
    next_step="score both answers of each request: columns score, live_score and signal",
)
_UNSEEN: Final = "answers that failed or have no score may be anything from worst to best"
_METHOD: Final = "sample of executed answers, wilson on gains and losses, jackknife over buckets"

_ENOUGH_BETWEEN: Final = 10
"""Number of scores strictly between 0 and 1 from which a variance below the binomial one is trusted."""
_ENOUGH_DIFFERING: Final = 30
"""Answers of either kind from which on the variance between buckets is good enough alone."""


class ExecutedQuality:
    """The figures of quality.

    Args:
        drawn: requests that need an answer, of the draws that were scored at all.
        scored: for each, whether both scores are known.
        frame: all requests.
        missing: weighted share of `drawn` that is not scored.
        level: nominal coverage of the intervals.
    """

    def __init__(self, drawn: Drawn, scored: Sequence[bool], frame: Frame, missing: float, level: float) -> None:
        self._drawn = drawn
        self._scored = drawn.keep(scored)
        self._frame = frame
        self._missing = missing
        self._level = level
        self._why = self._refusal()

    def change(self) -> Measured:
        """Shadow minus live over all requests."""
        return self._difference(self._frame)

    def diverging_change(self) -> Measured:
        """Shadow minus live over the requests that need an answer."""
        return self._difference(None)

    def score(self, of: Callable[[Unit], float | None]) -> Measured:
        """Mean score of one side over the requests that need an answer."""
        if self._why:
            return self._why

        def value(unit: Unit, unknown: float) -> float:
            found = of(unit)
            return unknown if found is None else found

        return self._bounded(value, (0.0, 1.0), self._share)

    def _refusal(self) -> Undefined | None:
        if self._frame.needed.any() and not any(unit.score is not None for unit in self._drawn.units):
            return _UNSCORED
        highest = max((abs(unit.live_score) for unit in self._drawn.units if unit.live_score is not None), default=0.0)
        if highest > 1:
            return Undefined(
                reason=f"the signal of live's answers goes to {highest:g}, and scores lie in 0 to 1",
                next_step="give live_score in the file, by the same scorer and on the same scale",
                n=len(self._drawn.units),
            )
        return frame_refusal(self._drawn, self._frame) or too_few(self._scored)

    def _difference(self, frame: Frame | None) -> Measured:
        if self._why:
            return self._why

        def difference(unit: Unit, unknown: float) -> float:
            score = (unknown + 1) / 2 if unit.score is None else unit.score
            live = (1 - unknown) / 2 if unit.live_score is None else unit.live_score
            return score - live

        return self._bounded(difference, (-1.0, 1.0), lambda drawn, values: self._signed(drawn, values, frame))

    def _bounded(
        self,
        value: Callable[[Unit, float], float],
        ends: tuple[float, float],
        measure: Callable[[Drawn, Floats], Estimate],
    ) -> Measured:
        """An estimate from the scored answers, or bounds if more than a few are missing."""
        seen = measure(self._scored, np.array([value(unit, 0.0) for unit in self._scored.units]))
        if not self._missing:
            return seen
        low, high = (measure(self._drawn, np.array([value(unit, end) for unit in self._drawn.units])) for end in ends)
        if self._missing <= SMALL_MISSING:
            return _widened(seen, low, high)
        return Range(
            low=low.value,
            high=high.value,
            n=low.n,
            unit="score",
            why=f"{self._missing:.1%} of the sample: {_UNSEEN}",
            interval=Interval(low.interval.low, high.interval.high, self._level),
        )

    def _signed(self, drawn: Drawn, values: Floats, frame: Frame | None) -> Estimate:
        gains, losses = np.maximum(values, 0.0), np.maximum(-values, 0.0)
        gain, loss, net = (drawn.mean(each, frame) for each in (gains, losses, values))
        scale = float(frame.needed.sum() / frame.requests.sum()) if frame else 1.0
        interval = signed_interval(
            _side(gain, gains, drawn, self._level, frame),
            _side(loss, losses, drawn, self._level, frame),
            correlation=gain.correlation(loss),
            level=self._level,
        )
        return self._estimate(drawn, net.value, Interval(interval.low * scale, interval.high * scale, self._level))

    def _share(self, drawn: Drawn, values: Floats) -> Estimate:
        mean = drawn.mean(values)
        side = _side(mean, values, drawn, self._level)
        return self._estimate(drawn, mean.value, side.interval(self._level))

    def _estimate(self, drawn: Drawn, value: float, interval: Interval) -> Estimate:
        return Estimate(
            value=value,
            interval=interval,
            n=len(drawn.units),
            clusters=int(np.count_nonzero(drawn.sums())),
            effective_clusters=drawn.effective_buckets,
            unit="score",
            method=_METHOD,
        )


def _widened(seen: Estimate, low: Estimate, high: Estimate) -> Estimate:
    """The estimate with an interval that holds the missing answers at their worst and at their best.

    Answers do not fail by chance: those that do are often the bad ones, and one in a hundred can be the whole margin.
    """
    interval = Interval(
        min(seen.interval.low, low.interval.low), max(seen.interval.high, high.interval.high), seen.interval.level
    )
    return replace(seen, interval=interval, method=f"{seen.method}; missing answers at their worst and best")


def _side(found: Jackknife, values: Floats, drawn: Drawn, level: float, frame: Frame | None = None) -> Side:
    """A mean of values in 0 to 1 with the independent answers that it amounts to, and the quantile that goes with them.

    There are two bounds. The variance between buckets holds everything, but is uncertain with few differing answers,
    which its degrees of freedom show. If the answers of one user were all alike, there would be as many as users; with
    few differing answers that bound is often the narrower one.
    """
    scale, share_error = _share_needed(frame)
    mean = min(max(found.value / scale, 0.0), 1.0)
    spread = mean * (1 - mean)
    quantile = float(special.stdtrit(max(drawn.effective_buckets - 1, 1.0), (1 + level) / 2))
    error = found.error(drawn.effective_buckets)
    if not error.variance or not spread:
        return Side(mean=mean, n=max(drawn.effective_clusters, 1.0), quantile=quantile)
    n = spread * scale**2 / error.variance
    between = int(np.count_nonzero((values > 0) & (values < 1)))
    if between >= _ENOUGH_BETWEEN:
        return Side(mean=mean, n=n, quantile=error.quantile(level))
    # Where scores are 0 or 1, a variance below the binomial one is luck.
    seen = Side(mean=mean, n=max(min(n, drawn.effective_answers), 1.0), quantile=error.quantile(level))
    if min(np.count_nonzero(values), np.count_nonzero(values < 1)) >= _ENOUGH_DIFFERING:
        return seen
    alike = max(drawn.effective_clusters, 1.0)
    bound = Side(mean=mean, n=spread / (spread / alike + mean**2 * share_error), quantile=quantile)
    return min(seen, bound, key=lambda side: side.interval(level).high)


def _share_needed(frame: Frame | None) -> tuple[float, float]:
    """Share of the frame's requests that need an answer, and its relative variance; 1 and 0 without a frame."""
    if frame is None:
        return 1.0, 0.0
    share = jackknife(np.stack([frame.needed, frame.requests]), lambda t: t[0] / t[1])
    return share.value, share.variance / share.value**2


def escalation_rate(drawn: Drawn, frame: Frame, level: float) -> Measured:
    """Share of cascade requests that pay twice: seen in the log, and for the rest from executed answers."""
    cascade, known = float(frame.cascade.sum()), float(frame.known.sum())
    if not cascade:
        return Undefined(reason="the policy never plans an escalation here")
    unseen = drawn.keep([unit.answer.seen_escalated is None for unit in drawn.units])
    if not unseen.units:
        return NOT_RUN
    seen = unseen.keep([unit.escalated is not None for unit in unseen.units])
    refused = (
        refusal(RatioSums(numerator=frame.paid_twice, denominator=frame.cascade, n=frame.n), "cascade decision")
        or not_covered(unseen, cascade - known)
        or too_few(seen)
    )
    if refused:
        return refused
    missing = 1 - seen.requests / unseen.requests

    def rate(part: Drawn, unknown: float) -> Estimate:
        values = np.array([unknown if unit.escalated is None else float(unit.escalated) for unit in part.units])
        totals = np.stack([frame.paid_twice, frame.cascade, frame.known, part.sums(values), part.sums()])
        found = jackknife(totals, lambda t: (t[0] + (t[1] - t[2]) * t[3] / t[4]) / t[1])
        side = _side(found, values, part, level)
        return Estimate(
            value=found.value,
            interval=side.interval(level),
            n=len(part.units),
            clusters=int(np.count_nonzero(part.sums())),
            effective_clusters=part.effective_buckets,
            unit="share",
            method="sample of executed answers, wilson, jackknife over buckets",
        )

    if not missing:
        return rate(seen, 0.0)
    low, high = rate(unseen, 0.0), rate(unseen, 1.0)
    if missing <= SMALL_MISSING:
        return _widened(rate(seen, 0.0), low, high)
    return Range(
        low=low.value,
        high=high.value,
        n=low.n,
        unit="share",
        why=unknown_paid(missing),
        interval=Interval(low.interval.low, high.interval.high, level),
    )
