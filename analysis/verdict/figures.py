"""The figures of one slice for a plan, and its conditions on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.plan.amounts import BREAK_EVEN, share_of
from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.results import Estimate, Interval, Measured, Undefined
from shadowroute.analysis.selection import ALL, Segment
from shadowroute.analysis.verdict.bounds import difference, negated
from shadowroute.analysis.verdict.conditions import (
    Evidence,
    cost_condition,
    escalation_condition,
    latency_condition,
    no_escalation,
    quality_condition,
)
from shadowroute.analysis.verdict.results import Condition, Headline
from shadowroute.analysis.verdict.segments import Cell
from shadowroute.analysis.verdict.wording import whole_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One slice.

    Attributes:
        share: of all requests; None without any.
        cost: net change relative to live, unit `ratio`.
        quality: per quality condition of the plan, in its order: change of the mean, unit `score`, better is higher.
        escalation: share of cascade requests that pay twice; None if the policy plans no escalation.
        break_even: share of cascade requests that pay twice at which the saving is gone.
        latency_ms: change of the 95th percentile; positive is slower.
    """

    segment: Segment = ALL
    share: float | None = None
    cost: Evidence
    quality: tuple[Evidence, ...]
    escalation: Evidence | None = None
    break_even: Measured | None = None
    latency_ms: Evidence | None = None


_NO_DAY: Final = Undefined(
    reason="no complete day with decisions of this policy", next_step="wait for the first complete day (UTC)"
)

UNKNOWN_HEADLINE: Final = Headline(
    saving_usd_per_month=_NO_DAY,
    cost_change=_NO_DAY,
    quality_change=_NO_DAY,
    quality_signal="",
    quality_rung="none",
    differs=_NO_DAY,
    noise_floor=None,
)
"""Of a policy without a complete day."""


def unknown_figures(plan: Plan) -> Figures:
    """The figures without a complete day: all unknown."""
    nothing = Evidence(measured=_NO_DAY, rung="none", n=0)
    return Figures(
        cost=nothing,
        quality=tuple(nothing for _ in plan.document.must.quality),
        escalation=nothing,
        break_even=_NO_DAY,
        latency_ms=nothing,
    )


def conditions_of(plan: Plan, figures: Figures) -> tuple[Condition, ...]:
    """Every condition of the plan on all traffic, in the order of the file's reference."""
    must = plan.document.must
    found = [cost_condition(figures.cost, saves_at_least=plan.saves_at_least)]
    for asked, evidence in zip(must.quality, figures.quality, strict=True):
        found.append(quality_condition(evidence, asked, loses_at_most=plan.loses_at_most(asked)))
    if must.escalation is not None:
        found.append(_escalation(must.escalation.below, figures))
    if must.latency_p95 is not None and figures.latency_ms is not None:
        found.append(latency_condition(figures.latency_ms, adds_at_most_ms=must.latency_p95.adds_at_most_ms))
    return tuple(found)


def cells_of(plan: Plan, figures: Figures) -> tuple[Cell, ...]:
    """Quality of one segment, and its cost where the plan asks for that: dollars add up, answers do not.

    A segment that both policies serve alike carries its part of the router's price; that is no harm.
    """
    found = []
    wanted = plan.segment_saves_at_least(figures.segment)
    if wanted is not None:
        cost = cost_condition(figures.cost, saves_at_least=wanted)
        found.append((cost, difference(cost.measured, -wanted)))
    for asked, evidence in zip(plan.document.must.quality, figures.quality, strict=True):
        margin = plan.loses_at_most(asked, figures.segment)
        quality = quality_condition(evidence, asked, loses_at_most=margin)
        found.append((quality, difference(negated(quality.measured), margin)))
    return tuple(Cell(figures.segment, condition, harm, figures.share) for condition, harm in found)


def _escalation(below: str, figures: Figures) -> Condition:
    if figures.escalation is None:
        return no_escalation() if below == BREAK_EVEN else no_escalation(whole_percent(share_of(below)))
    if below != BREAK_EVEN:
        return escalation_condition(figures.escalation, limit=_number(share_of(below)), limit_name="")
    assert figures.break_even is not None  # noqa: S101  # who measures escalation gives the break-even with it
    return escalation_condition(figures.escalation, limit=figures.break_even, limit_name="break-even")


def _number(share: float) -> Estimate:
    """A limit that the plan gives: it has no error."""
    return Estimate(
        value=share,
        interval=Interval(share, share, 1.0),
        n=0,
        clusters=0,
        effective_clusters=0.0,
        unit="share",
        method="from the plan",
    )
