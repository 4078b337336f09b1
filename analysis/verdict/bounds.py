"""Where a measured quantity certainly lies, and how much more data would decide it against a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from analysis.results import Estimate, Interval, Measured, Range, Undefined
from analysis.verdict.results import ConditionState

HOPELESS: Final = 50.0
"""Times as much data from which on "more" is no advice: the figure lies on the limit."""


def bounds(measured: Measured) -> Interval | None:
    """The interval that holds the quantity, a range's with its sampling error; None where nothing is certain."""
    return None if isinstance(measured, Undefined) else measured.interval


def negated(measured: Measured) -> Measured:
    """The same quantity counted the other way: a saving for a change of cost, a loss for a change of quality."""
    match measured:
        case Estimate():
            return replace(measured, value=-measured.value, interval=_mirrored(measured.interval))
        case Range():
            interval = None if measured.interval is None else _mirrored(measured.interval)
            return replace(measured, low=-measured.high, high=-measured.low, interval=interval)
        case Undefined():
            return measured


def difference(measured: Measured, limit: float) -> Measured:
    """The quantity less a number that is known."""
    match measured:
        case Estimate():
            return replace(measured, value=measured.value - limit, interval=_moved(measured.interval, -limit))
        case Range():
            interval = None if measured.interval is None else _moved(measured.interval, -limit)
            return replace(measured, low=measured.low - limit, high=measured.high - limit, interval=interval)
        case Undefined():
            return measured


def scaled(measured: Measured, factor: float, *, unit: str) -> Measured:
    """The quantity in another unit; the factor is above 0."""
    match measured:
        case Estimate():
            return replace(
                measured, value=measured.value * factor, interval=_stretched(measured.interval, factor), unit=unit
            )
        case Range():
            interval = None if measured.interval is None else _stretched(measured.interval, factor)
            return replace(
                measured, low=measured.low * factor, high=measured.high * factor, interval=interval, unit=unit
            )
        case Undefined():
            return measured


def at_most(measured: Measured, limit: float) -> ConditionState:
    """Whether the quantity is certainly at most the limit, certainly above it, or neither."""
    interval = bounds(measured)
    if interval is None:
        return "unknown"
    if interval.high <= limit:
        return "met"
    return "not met" if interval.low > limit else "unknown"


def is_above(measured: Measured, limit: float) -> bool:
    """Whether the quantity is certainly above the limit."""
    interval = bounds(measured)
    return interval is not None and interval.low > limit


@dataclass(frozen=True, slots=True)
class Missing:
    """How much more data would make an undecided interval decisive, at its present width."""

    requests: int
    share: float
    """Of what there is now: 0.5 = half as much again."""


def missing(measured: Measured, limit: float) -> Missing | None:
    """What is missing until the interval lies on one side of the limit.

    The half-width falls with the square root of n, so n must grow by (half-width / distance)^2. None where that is
    more than fifty times as much, and where the quantity is a range: no amount of traffic narrows that.
    """
    if not isinstance(measured, Estimate) or measured.n <= 0:
        return None
    below = measured.value <= limit
    half = measured.interval.high - measured.value if below else measured.value - measured.interval.low
    distance = abs(measured.value - limit)
    if distance <= 0 or half <= 0:
        return None
    factor = (half / distance) ** 2
    if factor <= 1 or factor > HOPELESS:
        return None
    return Missing(requests=math.ceil(round(measured.n * (factor - 1), 6)), share=factor - 1)


def _mirrored(interval: Interval) -> Interval:
    return Interval(-interval.high, -interval.low, interval.level)


def _moved(interval: Interval, by: float) -> Interval:
    return Interval(interval.low + by, interval.high + by, interval.level)


def _stretched(interval: Interval, factor: float) -> Interval:
    return Interval(interval.low * factor, interval.high * factor, interval.level)
