"""The certain bounds of a measured quantity, and the amount of data that would decide it against a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.results import Estimate, Interval, Measured, Undefined, scaled
from shadowroute.analysis.verdict.results import ConditionState

HOPELESS: Final = 50.0
"""Factor on the data above which more data is no longer advised: the figure lies on the limit."""


def bounds(measured: Measured) -> Interval | None:
    """The interval that holds the quantity, a range's with its sampling error; None where nothing is certain."""
    return None if isinstance(measured, Undefined) else measured.interval


def negated(measured: Measured) -> Measured:
    """The same quantity counted the other way: a saving for a change of cost, a loss for a change of quality."""
    return scaled(measured, factor=-1.0)


def difference(measured: Measured, limit: float) -> Measured:
    """The quantity minus a known number."""
    return scaled(measured, shift=-limit)


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
    """Amount of additional data that would make an undecided interval decisive, at its present width."""

    requests: int
    share: float
    """As a share of the present data: 0.5 = half as much again."""


def missing(measured: Measured, limit: float) -> Missing | None:
    """The additional data until the interval lies on one side of the limit.

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
