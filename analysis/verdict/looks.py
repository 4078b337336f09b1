"""The days that are judged today, and the width of intervals for a look every day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal

from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.selection import Window
from shadowroute.analysis.stats.sequential import LookPlan
from shadowroute.analysis.verdict.results import Look

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The days that are judged today.

    Attributes:
        window: complete and mature days of the plan; None before the first.
        immature: days of a window that has ended whose signals may still arrive.
        mature_on: day on which they will all be there.
    """

    window: Window | None
    look: Look
    immature: int
    mature_on: date | None


def judged_days(plan: Plan, *, data_through: datetime | None, now: datetime) -> Judged:
    """The days of the plan that are complete: rolled up to their end, and old enough for the signals that it asks for.

    Args:
        plan: the plan that judges.
        data_through: everything that arrived before this is in the figures; None if nothing is.
        now: the clock.
    """
    # Data that the worker saw after the given moment do not count.
    moment = now.astimezone(UTC) if data_through is None else min(now, data_through).astimezone(UTC)
    complete = moment.date() - _DAY
    mature = (moment - plan.matures_after).date() - _DAY
    last = mature if plan.ends is None else min(mature, plan.ends)
    has_days = data_through is not None and last >= plan.starts
    number = (last - plan.starts).days + 1 if has_days else 1
    immature, mature_on = 0, None
    if plan.ends is not None and complete >= plan.ends > mature:
        immature = (plan.ends - max(mature, plan.starts - _DAY)).days
        mature_on = (datetime.combine(plan.ends + _DAY, time(), UTC) + plan.matures_after).date()
    return Judged(
        window=Window(plan.starts, last) if has_days else None,
        look=_look(plan, number),
        immature=immature,
        mature_on=mature_on,
    )


def _look(plan: Plan, number: int) -> Look:
    kind: Literal["planned", "open"] = "open" if plan.planned_days is None else "planned"
    looks = LookPlan(kind=kind, confidence=plan.confidence, planned=plan.planned_days)
    return Look(
        kind=looks.kind,
        number=number,
        planned=plan.planned_days,
        confidence=plan.confidence,
        level=looks.level(number),
        note=looks.note,
    )
