"""What the gate looks at, on days that are not over or too young: for a first trial, and never a verdict."""

from __future__ import annotations

from datetime import UTC, datetime

from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.plan.meaning import wishes_of
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.selection import Window
from shadowroute.analysis.study import Study
from shadowroute.analysis.verdict.figures import conditions_of
from shadowroute.analysis.verdict.plan_figures import PlanFigures
from shadowroute.analysis.verdict.results import Preview


def preview_of(q: Queries, plan: Plan, *, book: str, level: float, now: datetime) -> Preview | None:
    """The plan's conditions on the newest days that have data; None if the policy did not decide on them.

    Args:
        q: reads the project.
        plan: the plan that will judge.
        book: the price book.
        level: of the intervals, that of the first look.
        now: the clock.
    """
    window = _days(q, plan, now)
    if window is None:
        return None
    study = Study(q, window, book=book, level=level, **wishes_of(plan.document))
    versions = [row for row in study.shadows if row.policy.name == plan.document.policy]
    if not versions or not study.live:
        return None
    newest = max(versions, key=lambda row: (row.last, row.first, row.n)).policy
    figures = PlanFigures(study, study.of(newest), plan, days=window.days)
    return Preview(
        policy=newest,
        window=window,
        requests=study.requests,
        conditions=conditions_of(plan, figures.overall),
    )


def _days(q: Queries, plan: Plan, now: datetime) -> Window | None:
    """Days of the plan so far; the newest day with data where its window has not begun."""
    known = q.window_available()
    today = now.astimezone(UTC).date()
    if known is None or known.first > today:
        return None
    last = min(known.last, today)
    last = min(last, plan.ends) if plan.ends is not None and plan.starts <= last else last
    first = max(plan.starts, known.first) if plan.starts <= last else last
    return Window(first, last)
