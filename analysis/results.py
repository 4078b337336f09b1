"""What an analysis answers: an estimate with its uncertainty, or a stated reason why there is none.

No number stands for "unknown": a measure that cannot be computed is an `Undefined` with a reason, never 0, NaN or an
interval of width 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Rung = Literal["executed", "observed", "proxy", "none"]
"""What a quality figure rests on, best first: answers of the shadow that were run and scored; signals where its model
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
    """A number with what it rests on.

    Attributes:
        value: in `unit`.
        interval: same unit; `method` says how it was made.
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
    """A quantity known only between two bounds, because some outcomes were not seen.

    Attributes:
        low: the value if every unseen outcome fell one way.
        high: the value if every unseen outcome fell the other way.
        n: requests that the bounds rest on.
        unit: as in `Estimate`.
        why: names what was not seen.
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
    """No number, and why: one sentence that names the thing, and `next_step` says what would settle it."""

    reason: str
    next_step: str = ""
    n: int = 0


Measured = Estimate | Range | Undefined
