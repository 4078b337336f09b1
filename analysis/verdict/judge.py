"""Judges a shadow policy by its plan: blockers, conditions, segments, and the verdict that follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from shadowroute.analysis.format import counted, percent
from shadowroute.analysis.measures.concentration import too_narrow
from shadowroute.analysis.plan.amounts import share_of
from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.plan.meaning import wishes_of
from shadowroute.analysis.plan.registration import RegisteredPlan
from shadowroute.analysis.plan.status import PlanStatus
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.rows import PolicyRow
from shadowroute.analysis.results import Estimate
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.study import Study
from shadowroute.analysis.verdict.blockers import blockers
from shadowroute.analysis.verdict.facts import facts_of
from shadowroute.analysis.verdict.figures import UNKNOWN_HEADLINE, cells_of, conditions_of, unknown_figures
from shadowroute.analysis.verdict.looks import Judged, judged_days
from shadowroute.analysis.verdict.plan_figures import PlanFigures
from shadowroute.analysis.verdict.preview import preview_of
from shadowroute.analysis.verdict.quality_evidence import lower_is_better
from shadowroute.analysis.verdict.results import Condition, Judgement, Verdict
from shadowroute.analysis.verdict.rule import verdict_of
from shadowroute.analysis.verdict.segments import findings
from shadowroute.analysis.verdict.sentences import Told, sentence
from shadowroute.analysis.verdict.wording import money
from shadowroute.collector.price_books import current_book

RUN_QUEUE = (
    "Draw requests with shadowroute queue, answer them with the shadow's models yourself, and load the answers:"
    " shadowroute import executions FILE"
)
LEFT_OUT: Final = 0.01
"""Share of requests without known tokens up to which there is no caveat."""


def judge(q: Queries, plan: RegisteredPlan, *, now: datetime | None = None) -> Judgement:
    """The judgement of the plan's policy on the complete days of its window.

    Args:
        q: reads the project.
        plan: the registered plan.
        now: the clock; None for the present. Days that were not over at that moment are left out.
    """
    q, document, now = q.remembering(), plan.plan.document, now or datetime.now(UTC)
    judged = judged_days(plan.plan, data_through=q.rolled_up_to(), now=now)
    study = study_of(q, plan.plan, judged)
    live, versions = _newest_last(study.live), _newest_last(_named(study.shadows, document.policy))
    if judged.window is None:
        live, versions = [], []
    policy = versions[-1].policy if versions else PolicyRef(document.policy, "")
    days = sum(1 for row in q.row_counts(study.window, policy) if row.is_due) if judged.window else 0
    found = PlanFigures(study, study.of(policy), plan.plan, days=days) if versions and live else None

    stands = blockers(facts_of(study, plan.plan, judged, policy, versions=versions, live=live, days=days))
    conditions = conditions_of(plan.plan, found.overall if found else unknown_figures(plan.plan))
    cells = [cell for figures in (found.segments() if found else ()) for cell in cells_of(plan.plan, figures)]
    segments = findings(cells, level=judged.look.level)
    worth = found.worth() if found else ""
    verdict = verdict_of(stands, conditions, segments, worth=worth)
    headline = found.headline if found else replace(UNKNOWN_HEADLINE, quality_signal=document.must.quality[0].signal)
    requests, executed = sum(row.n for row in live), found.executed[0].n if found else 0
    told = Told(
        policy=document.policy,
        headline=headline,
        blockers=stands,
        conditions=conditions,
        segments=segments,
        worth=worth,
        requests=requests,
        executed=executed,
        days=days,
        loses_at_most=plan.plan.loses_at_most(document.must.quality[0]),
        first_step=share_of(document.review.first_step),
        signatures=document.review.signatures,
        lower_is_better=lower_is_better(study, document.must.quality[0], document),
    )
    return Judgement(
        verdict=verdict,
        sentence=sentence(verdict, told),
        project=q.project,
        policy=policy,
        live=live[-1].policy if live else None,
        plan=replace(plan.status, days_before=days_before(plan.status, plan.plan, judged.window)),
        window=study.window,
        days=days,
        look=judged.look,
        book=study.book,
        requests=requests,
        executed=executed,
        headline=headline,
        blockers=stands,
        conditions=conditions,
        segments=segments,
        doors=doors(conditions) if verdict is Verdict.NEED_MORE else (),
        worth=worth,
        data_through=study.as_of,
        caveats=tuple(_caveats(plan, study, judged.window, found)),
        controls=tuple(study.controls) if live else (),
        preview=None if judged.window else preview_of(q, plan.plan, book=study.book, level=study.level, now=now),
    )


def study_of(q: Queries, plan: Plan, judged: Judged) -> Study:
    """The study of the judged days, asked as the plan asks; of the plan's first day before any is complete."""
    document = plan.document
    return Study(
        q,
        judged.window or Window(plan.starts, plan.starts),
        book=document.price_book or current_book(q.client, q.project) or "",
        level=judged.look.level,
        **wishes_of(document),
    )


def days_before(status: PlanStatus, plan: Plan, window: Window | None) -> int:
    """Days of the window that were over when the plan was registered: their data could be seen."""
    if status.registered_at is None or window is None:
        return 0
    registered: date = status.registered_at.astimezone(UTC).date()
    return max((min(registered, date.fromordinal(window.last.toordinal() + 1)) - plan.starts).days, 0)


def doors(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """Ways to get the shadow's own answers, if they are missing."""
    wanted = any(
        condition.state == "unknown"
        and (condition.key.startswith("quality:") or not isinstance(condition.measured, Estimate))
        for condition in conditions
    )
    return (RUN_QUEUE,) if wanted else ()


def _named(rows: Sequence[PolicyRow], name: str) -> Sequence[PolicyRow]:
    return [row for row in rows if row.policy.name == name]


def _newest_last(rows: Sequence[PolicyRow]) -> Sequence[PolicyRow]:
    return sorted(rows, key=lambda row: (row.last, row.first, row.n))


def _caveats(plan: RegisteredPlan, study: Study, window: Window | None, found: PlanFigures | None) -> Iterator[str]:
    if plan.status.registered_at is None:
        yield "This plan is not recorded: the store could not be written, so it cannot be proven that it came first."
    seen = days_before(plan.status, plan.plan, window)
    if seen:
        yield f"The plan was registered after {counted(seen, 'day')} of its window: their data could already be seen."
    if plan.plan.document.clusters == "request":
        yield "Requests count as independent, because the plan says clusters: request."
    if found and found.evaluation_usd:
        yield (
            f"The saving counts {money(found.evaluation_usd)} a month for executed answers, as if they were run at"
            " the pace of this window every month; if they are run only once, it is higher by that amount."
        )
    if found and found.uncosted_share > LEFT_OUT:
        yield (
            f"{percent(found.uncosted_share)} of requests have no known tokens or no list price: figures of money cover"
            " only the others."
        )
    if found and found.heavy_tail:
        yield too_narrow(found.heavy_tail)
    if window is not None and study.live:
        yield study.floor.text
