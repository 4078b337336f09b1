"""The result of an analysis: an estimate with its uncertainty, or the reason for a missing one.

No number stands for "unknown": a measure that cannot be computed is an `Undefined` with a reason, never 0, NaN or an
interval of width 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

Rung = Literal["executed", "observed", "proxy", "none"]
"""The evidence of a quality figure, best first: answers of the shadow that were run and scored; signals where its model
really answered; a stand-in; nothing."""

RUNGS: Final[tuple[Rung, ...]] = ("executed", "observed", "proxy", "none")


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval; `level` is its nominal coverage, for example 0.95."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its basis.

    Attributes:
        value: in `unit`.
        interval: same unit; made by `method`.
        n: requests that the number rests on (rows, not weights).
        clusters: non-empty hash buckets; the unit of analysis.
        effective_clusters: (sum of bucket sizes)^2 / sum of squared bucket sizes.
        unit: `share` (0 to 1), `usd`, `score` (0 to 1) or `ratio`.
        method: for example `wilson, cluster-effective n` or `hall over buckets`.
    """

    value: float
    interval: Interval
    n: int
    clusters: int
    effective_clusters: float
    unit: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A quantity known only between two bounds, because some outcomes are unseen.

    Attributes:
        low: the value if every unseen outcome fell one way.
        high: the value if every unseen outcome fell the other way.
        n: requests that the bounds rest on.
        unit: as in `Estimate`.
        why: names the unseen outcomes.
        interval: covers both bounds with their sampling error; None where that error is unknown.
    """

    low: float
    high: float
    n: int
    unit: str
    why: str
    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undefined:
    """No number: the reason as one sentence, and in `next_step` how to get the number."""

    reason: str
    next_step: str = ""
    n: int = 0


Measured = Estimate | Range | Undefined


def scaled(measured: Measured, *, factor: float = 1.0, shift: float = 0.0, unit: str = "") -> Measured:
    """The same quantity in another unit, or added to what is known exactly: factor x measured + shift, bounds included.

    Args:
        measured: any.
        factor: may be negative; then the ends change places.
        shift: known exactly, in the new unit.
        unit: the new unit; empty keeps it.
    """
    if isinstance(measured, Undefined):
        return measured
    unit = unit or measured.unit
    if isinstance(measured, Range):
        low, high = sorted((measured.low * factor + shift, measured.high * factor + shift))
        moved = None if measured.interval is None else _moved(measured.interval, factor, shift)
        return replace(measured, low=low, high=high, interval=moved, unit=unit)
    value, interval = measured.value * factor + shift, _moved(measured.interval, factor, shift)
    return replace(measured, value=value, interval=interval, unit=unit)


def _moved(interval: Interval, factor: float, shift: float) -> Interval:
    low, high = sorted((interval.low * factor + shift, interval.high * factor + shift))
    return Interval(low, high, interval.level)


def ends(measured: Estimate | Range) -> tuple[float, float]:
    """Between which values the quantity lies: its interval, or the bounds of a range whose error is unknown."""
    if measured.interval is not None:
        return measured.interval.low, measured.interval.high
    assert isinstance(measured, Range)  # noqa: S101  # an estimate has an interval
    return measured.low, measured.high
