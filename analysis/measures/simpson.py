"""Simpson's paradox: a comparison of two groups that reverses once their mix of segments is removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

from shadowroute.analysis.summaries import RatioSums

NEGLIGIBLE: Final = 0.005
"""Half a point: smaller differences are not reported as a direction."""


@dataclass(frozen=True, slots=True)
class SegmentGap:
    """One segment of the comparison.

    Attributes:
        share: of the compared traffic, 0 to 1.
        gap: first group's mean minus the second's, same unit as the values.
    """

    value: str
    share: float
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Simpson:
    """A comparison overall and within segments.

    Attributes:
        key: segment key, for example `task`.
        overall: first group's mean minus the second's, over all traffic.
        within: the same difference inside each segment, weighted by the segments' shares of all traffic.
        covered: share of the traffic in segments where both groups have values, 0 to 1; the rest is not in `within`.
        segments: the largest first.
    """

    key: str
    overall: float
    within: float
    covered: float
    segments: tuple[SegmentGap, ...]

    @property
    def is_reversed(self) -> bool:
        """Whether the two differences point in opposite directions, both by half a point or more."""
        return self.overall * self.within < 0 and min(abs(self.overall), abs(self.within)) >= NEGLIGIBLE


def simpson_of(
    key: str, groups: Mapping[str, tuple[RatioSums, RatioSums]], traffic: Mapping[str, float]
) -> Simpson | None:
    """The comparison of two groups, overall and standardised over the values of a key.

    Args:
        key: segment key.
        groups: per value of the key: sums of the first and of the second group.
        traffic: per value of the key: requests of all groups, any weight.

    Returns:
        None if no segment has values of both groups.
    """
    compared = {value: pair for value, pair in groups.items() if pair[0].total and pair[1].total and traffic.get(value)}
    if not compared:
        return None
    first, second = (reduce(add, (pair[side] for pair in groups.values())) for side in (0, 1))
    total = sum(traffic[value] for value in compared)
    gaps = [
        SegmentGap(value, traffic[value] / total, pair[0].value - pair[1].value) for value, pair in compared.items()
    ]
    return Simpson(
        key=key,
        overall=first.value - second.value,
        within=sum(gap.share * gap.gap for gap in gaps),
        covered=total / sum(traffic.values()),
        segments=tuple(sorted(gaps, key=lambda gap: (-gap.share, gap.value))),
    )
