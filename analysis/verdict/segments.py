"""Harm in segments, corrected for the number of segments.

Each figure of a segment gives a one-sided p of "no harm": from the distance between the figure and its margin in
standard errors, as the side of its interval that faces the margin has them. Benjamini and Hochberg (1995) keep the
share of false alarms among all alarms at 1 - level of this look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy import special

from shadowroute.analysis.results import Estimate, Measured, Range, Undefined
from shadowroute.analysis.selection import Segment
from shadowroute.analysis.stats.multiple import benjamini_hochberg
from shadowroute.analysis.verdict.bounds import bounds
from shadowroute.analysis.verdict.results import Condition, SegmentFinding

MINIMUM_N: Final = 30
MINIMUM_CLUSTERS: Final = 10
"""Requests (or executed answers) and clusters below which a segment is not judged."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One condition on one segment.

    Attributes:
        condition: of the plan, with the segment's figure.
        harm: the same quantity so that above 0 is a harm: cost change less what is allowed, loss less the margin.
        share: of all requests.
    """

    segment: Segment
    condition: Condition
    harm: Measured
    share: float | None


def findings(cells: Sequence[Cell], *, level: float) -> tuple[SegmentFinding, ...]:
    """The cells with their corrected p, harms first, then as they came."""
    tested = [p_of_no_harm(cell.harm) if too_few(cell) is None else None for cell in cells]
    known = [p for p in tested if p is not None]
    corrected = iter(benjamini_hochberg(known))
    q_values = [None if p is None else float(next(corrected)) for p in tested]
    found = [
        SegmentFinding(
            segment=cell.segment,
            key=cell.condition.key,
            requirement=cell.condition.requirement,
            measured=cell.condition.measured,
            shown=too_few(cell) or cell.condition.shown,
            q_value=q_value,
            is_harm=q_value is not None and q_value <= 1 - level,
            share=cell.share,
        )
        for cell, q_value in zip(cells, q_values, strict=True)
    ]
    return tuple(sorted(found, key=lambda finding: not finding.is_harm))


def too_few(cell: Cell) -> str | None:
    """The reason why the cell is too small to be judged; None if it is not."""
    measured = cell.condition.measured
    if isinstance(measured, Undefined):
        return None
    if measured.n < MINIMUM_N:
        return f"too few: {measured.n:,} seen, {MINIMUM_N} needed"
    if isinstance(measured, Estimate) and measured.effective_clusters < MINIMUM_CLUSTERS:
        return f"too few: {measured.effective_clusters:.0f} effective clusters, {MINIMUM_CLUSTERS} needed"
    return None


def p_of_no_harm(harm: Measured) -> float | None:
    """One-sided p of a quantity at most 0, from its interval; None where nothing is certain.

    A range counts by its lower end: a loss beyond the margin in the best case is a harm for any unseen outcome.
    """
    interval = bounds(harm)
    if interval is None or isinstance(harm, Undefined):
        return None
    value = harm.low if isinstance(harm, Range) else harm.value
    quantile = -float(special.ndtri((1 - interval.level) / 2))
    facing = value - interval.low if value > 0 else interval.high - value
    error = facing / quantile
    if error <= 0:
        return 0.0 if value > 0 else 1.0
    return float(special.ndtr(-value / error))
