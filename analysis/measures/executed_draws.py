"""Executed answers as columns: one row per draw and request, with its number of represented requests.

Several draws of one window are read as one. Each counts with its share of what was drawn in the days that it covers, so
that two draws of the same week are averaged and draws of two weeks are put side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from shadowroute.analysis.measures.rates import refusal
from shadowroute.analysis.queries.executions import ExecutedAnswer, Frame
from shadowroute.analysis.results import Undefined
from shadowroute.analysis.stats.survey import Jackknife, jackknife
from shadowroute.analysis.summaries import Buckets, Floats, RatioSums, effective_number, spread

MINIMUM_RUN: Final = 30
"""Answers below which no interval is given."""

MINIMUM_RUN_CLUSTERS: Final = 20
"""Effective buckets of the answers below which no interval is given; 30 answers of 30 users amount to about 27."""

SMALL_MISSING: Final = 0.01
"""Share of missing answers up to which there is a value, their worst and best in its interval; above it, bounds."""

NOT_RUN: Final = Undefined(
    reason="no answer of the shadow was run",
    next_step="draw a sample (shadowroute queue), run it, and load it (shadowroute import executions FILE)",
)

_STRAY: Final = 4.0
"""Standard errors by which a draw may miss the number of requests that it stands for."""
_STRAY_SHARE: Final = 0.05
"""The same as a share; a few late decisions do not invalidate the draw."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One request in one draw, its scorers put together."""

    answer: ExecutedAnswer
    score: float | None
    live_score: float | None
    cost_usd: float | None
    escalated: bool | None


def units(answers: Iterable[ExecutedAnswer], signal: str) -> list[Unit]:
    """One unit per draw and request; a score is the mean over scorers of the signal, a run of the whole plan wins."""
    groups: dict[tuple[str, str], list[ExecutedAnswer]] = {}
    for answer in answers:
        groups.setdefault((answer.sample, answer.request_id), []).append(answer)
    return [_unit(group, signal) for group in groups.values()]


def _unit(group: Sequence[ExecutedAnswer], signal: str) -> Unit:
    whole = [answer for answer in group if answer.is_whole_plan]
    usable = whole or group
    scored = [answer for answer in usable if answer.signal == signal and answer.status == "ok"]
    # A scorer of only one answer adds nothing to the difference; scorers differ in strictness.
    scored = [answer for answer in scored if answer.score is not None and answer.live_score is not None] or scored
    ran = [answer for answer in usable if answer.status == "ok"]
    return Unit(
        answer=usable[0],
        score=_mean([answer.score for answer in scored if answer.score is not None]),
        live_score=_mean([answer.live_score for answer in scored if answer.live_score is not None]),
        cost_usd=next((answer.cost_usd for answer in usable if answer.cost_usd is not None), None),
        escalated=next((answer.escalated for answer in ran if answer.escalated is not None), None),
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


@dataclass(frozen=True, eq=False)
class Drawn:
    """Units with the requests that each stands for.

    Attributes:
        bucket: (k,) hash buckets.
        stands_for: (k,) requests, weight / inclusion probability, times the draw's share of its days.
        chance: (k,) inclusion probabilities.
    """

    units: tuple[Unit, ...]
    bucket: Buckets
    stands_for: Floats
    chance: Floats

    @classmethod
    def of(cls, taken: Sequence[Unit]) -> Drawn:
        """The units of one or several draws."""
        share = _shares(taken)
        return cls(
            units=tuple(taken),
            bucket=np.array([unit.answer.bucket for unit in taken], dtype=np.int64),
            stands_for=np.array(
                [
                    unit.answer.weight / unit.answer.inclusion_probability * share[unit.answer.sample, unit.answer.day]
                    for unit in taken
                ]
            ),
            chance=np.array([unit.answer.inclusion_probability for unit in taken]),
        )

    def keep(self, wanted: Sequence[bool]) -> Drawn:
        """Some of the units; each stands for as many requests as before."""
        mask = np.array(wanted, dtype=bool)
        return Drawn(
            units=tuple(unit for unit, kept in zip(self.units, wanted, strict=True) if kept),
            bucket=self.bucket[mask],
            stands_for=self.stands_for[mask],
            chance=self.chance[mask],
        )

    def sums(self, values: Floats | float = 1.0) -> Floats:
        """(256,) sums of values times the requests that each unit stands for."""
        return spread(self.bucket, self.stands_for * values)

    @property
    def requests(self) -> float:
        """Requests that all units together stand for."""
        return float(self.stands_for.sum())

    @property
    def effective_answers(self) -> float:
        """(sum of weights)^2 / sum of squared weights: as many answers of equal weight carry the same."""
        return effective_number(self.stands_for)

    @property
    def effective_buckets(self) -> float:
        """The same by bucket."""
        return effective_number(self.sums())

    @property
    def effective_clusters(self) -> float:
        """The same by user, session or request."""
        sizes: dict[str, float] = {}
        for unit, size in zip(self.units, self.stands_for, strict=True):
            sizes[unit.answer.cluster_key] = sizes.get(unit.answer.cluster_key, 0.0) + float(size)
        return effective_number(np.array(list(sizes.values())))

    def mean(self, values: Floats, frame: Frame | None = None) -> Jackknife:
        """Hajek's mean of the values; with a frame, spread over all its requests: the rest counts as 0."""
        sums, sizes = self.sums(values), self.sums()
        if frame is None:
            return jackknife(np.stack([sums, sizes]), lambda t: t[0] / t[1])
        return jackknife(np.stack([frame.needed, frame.requests, sums, sizes]), lambda t: t[0] / t[1] * t[2] / t[3])


def _shares(taken: Sequence[Unit]) -> dict[tuple[str, date], float]:
    """Of each draw on each of its days: its rate of units per day over that of all draws that cover the day."""
    days: dict[str, list[date]] = {}
    for unit in taken:
        days.setdefault(unit.answer.sample, []).append(unit.answer.day)
    spans = {sample: (min(each), max(each)) for sample, each in days.items()}
    rates = {sample: len(each) / ((max(each) - min(each)).days + 1) for sample, each in days.items()}
    return {
        (sample, day): rates[sample]
        / sum(rate for other, rate in rates.items() if spans[other][0] <= day <= spans[other][1])
        for sample, each in days.items()
        for day in set(each)
    }


def too_few(drawn: Drawn, what: str = "run") -> Undefined | None:
    """The reason for too few answers for an interval, or None."""
    n = len(drawn.units)
    if n < MINIMUM_RUN:
        return Undefined(
            reason=f"too few: {n} {what}, {MINIMUM_RUN} needed",
            next_step=f"run {MINIMUM_RUN - n} more: shadowroute import executions FILE",
            n=n,
        )
    effective = drawn.effective_buckets
    if effective < MINIMUM_RUN_CLUSTERS:
        return Undefined(
            reason=f"too few clusters: the {n} answers amount to {effective:.0f}, {MINIMUM_RUN_CLUSTERS} needed",
            next_step="draw from more users or sessions, with less different inclusion probabilities",
            n=n,
        )
    return None


def is_off(stood: float, needed: float, variance: float) -> bool:
    """Whether a draw stands for another number of requests than it should, beyond chance."""
    return abs(stood - needed) > max(_STRAY * math.sqrt(variance), _STRAY_SHARE * needed)


def unknown_paid(missing: float) -> str:
    """The reason for an unknown escalation rate; `missing` is the share of the sample, 0 to 1."""
    return f"for {missing:.1%} of the sample it is unknown whether a second model was paid"


def not_covered(drawn: Drawn, needed: float) -> Undefined | None:
    """The reason why the draws do not stand for the requests of the frame, or None."""
    stood = drawn.requests
    # The draw's variance at the size that the frame has, or a small draw would look surer than it is.
    seen = float(((1 - drawn.chance) * np.square(drawn.stands_for)).sum())
    if not is_off(stood, needed, seen * max(needed / stood, 1.0) if stood else 0.0):
        return None
    return Undefined(
        reason=f"the sample stands for {stood:,.0f} of the {needed:,.0f} requests that need an answer",
        next_step="draw from all of them, or choose the days and the segment that were drawn from; "
        "check inclusion_probability",
        n=len(drawn.units),
    )


def frame_refusal(drawn: Drawn, frame: Frame) -> Undefined | None:
    """The reason why no figure of the frame can be given, or None."""
    needed = float(frame.needed.sum())
    if not needed:
        return Undefined(
            reason="no request needs an answer: the policy's plans are the same as live's", n=len(drawn.units)
        )
    clusters = refusal(RatioSums(numerator=frame.needed, denominator=frame.requests, n=frame.n), "shadow decision")
    if clusters:
        return clusters
    if not drawn.units:
        return NOT_RUN
    return not_covered(drawn, needed)
