"""Measured quantities for tests of what follows from them."""

from __future__ import annotations

from shadowroute.analysis.results import Estimate, Interval, Range, Undefined

LEVEL = 0.95


def estimate(
    value: float, low: float, high: float, *, n: int = 1000, unit: str = "ratio", clusters: float = 200.0
) -> Estimate:
    """An estimate with its interval."""
    return Estimate(
        value=value,
        interval=Interval(low, high, LEVEL),
        n=n,
        clusters=256,
        effective_clusters=clusters,
        unit=unit,
        method="test",
    )


def between(low: float, high: float, *, unit: str = "ratio") -> Range:
    """A range whose ends have a little sampling error."""
    return Range(low=low, high=high, n=1000, unit=unit, why="nobody has seen it", interval=Interval(low, high, LEVEL))


NOT_RUN = Undefined(reason="no answer of the shadow was run", next_step="run them")
