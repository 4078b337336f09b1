"""Judges a shadow policy by its plan: blockers, conditions, segments, and the verdict that follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from shadowroute.analysis.format import counted
from shadowroute.analysis.plan.amounts import share_of
from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.plan.meaning import specs_of
from shadowroute.analysis.plan.registration import RegisteredPlan
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.results import Estimate
from shadowroute.analysis.rows import SignalRow
from shadowroute.analysis.selection import Window
from shadowroute.analysis.signals import spec_of
from shadowroute.analysis.verdict.blockers import blockers
from shadowroute.analysis.verdict.figures import cells_of, conditions_of
from shadowroute.analysis.verdict.gather import Gathered, gather
from shadowroute.analysis.verdict.looks import Judged, judged_days
from shadowroute.analysis.verdict.results import Condition, Judgement, PlanStatus, Verdict
from shadowroute.analysis.verdict.rule import verdict_of
from shadowroute.analysis.verdict.segments import findings
from shadowroute.analysis.verdict.sentences import Told, sentence
from shadowroute.analysis.verdict.wording import money, percent
from shadowroute.collector.price_books import current_book

RUN_QUEUE = (
    "Today: draw requests with shadowroute queue, answer them with the shadow's models yourself, and load the answers:"
    " shadowroute import executions FILE"
)
LEFT_OUT: Final = 0.01
"""Share of requests without known tokens up to which nothing is said of them."""

LATER = (
    "In a later version: mirror, which answers a few diverging requests as they come and needs no stored content",
    "In a later version: replay with a loader, which fetches the prompts from where you keep them",
    "In a later version: captured content (export.content), which keeps prompts here, whole or redacted",
)


def judge(q: Queries, plan: RegisteredPlan, *, now: datetime | None = None) -> Judgement:
    """The judgement of the plan's policy on the complete days of its window.

    Args:
        q: reads the project.
        plan: the registered plan.
        now: the clock; None for the present. Days that were not over at that moment are left out.
    """
    q = q.remembering()
    data_through = q.rolled_up_to()
    judged = judged_days(plan.plan, data_through=data_through, now=now or datetime.now(UTC))
    book = plan.plan.document.price_book or current_book(q.client, q.project) or ""
    gathered = gather(q, plan.plan, judged, book=book)
    return judgement_of(q.project, plan, judged, gathered, data_through=data_through, book=book)


def judgement_of(
    project: str,
    plan: RegisteredPlan,
    judged: Judged,
    gathered: Gathered,
    *,
    data_through: datetime | None,
    book: str,
) -> Judgement:
    """The judgement that follows from what was read; no database here."""
    document = plan.plan.document
    level = judged.look.level
    stands = blockers(gathered.facts)
    conditions = conditions_of(plan.plan, gathered.overall)
    cells = [cell for figures in gathered.segments for cell in cells_of(plan.plan, figures)]
    segments = findings(cells, level=level)
    verdict = verdict_of(stands, conditions, segments, worth=gathered.worth)
    told = Told(
        policy=document.policy,
        headline=gathered.headline,
        blockers=stands,
        conditions=conditions,
        segments=segments,
        worth=gathered.worth,
        requests=gathered.requests,
        executed=gathered.executed,
        days=gathered.days,
        loses_at_most=plan.plan.loses_at_most(document.must.quality[0]),
        first_step=share_of(document.review.first_step),
        signatures=document.review.signatures,
        lower_is_better=lower_is_better(plan.plan),
    )
    return Judgement(
        verdict=verdict,
        sentence=sentence(verdict, told),
        project=project,
        policy=gathered.policy,
        live=gathered.live,
        plan=replace(plan.status, days_before=days_before(plan.status, plan.plan, judged.window)),
        window=judged.window or Window(plan.plan.starts, plan.plan.starts),
        days=gathered.days,
        look=judged.look,
        book=book,
        requests=gathered.requests,
        executed=gathered.executed,
        headline=gathered.headline,
        blockers=stands,
        conditions=conditions,
        segments=segments,
        doors=doors(conditions) if verdict is Verdict.NEED_MORE else (),
        worth=gathered.worth,
        data_through=data_through,
        caveats=tuple(_caveats(plan, judged, gathered)),
    )


def lower_is_better(plan: Plan) -> bool:
    """Whether less of the first quality signal is better, as the plan says or its name is known."""
    signal = plan.document.must.quality[0].signal
    return spec_of(SignalRow(name=signal, source="", n=0), specs_of(plan.document)).lower_is_better


def days_before(status: PlanStatus, plan: Plan, window: Window | None) -> int:
    """Days of the window that were over when the plan was registered: their data could be seen."""
    if status.registered_at is None or window is None:
        return 0
    registered: date = status.registered_at.astimezone(UTC).date()
    return max((min(registered, date.fromordinal(window.last.toordinal() + 1)) - plan.starts).days, 0)


def doors(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """What would bring the shadow's own answers, where they are what is missing."""
    wanted = any(
        condition.state == "unknown"
        and (condition.key.startswith("quality:") or not isinstance(condition.measured, Estimate))
        for condition in conditions
    )
    return (RUN_QUEUE, *LATER) if wanted else ()


def _caveats(plan: RegisteredPlan, judged: Judged, gathered: Gathered) -> Iterator[str]:
    if plan.status.registered_at is None:
        yield "This plan is not recorded: the store could not be written, so nobody can prove that it came first."
    seen = days_before(plan.status, plan.plan, judged.window)
    if seen:
        yield f"The plan was registered after {counted(seen, 'day')} of its window: their data could already be seen."
    if plan.plan.document.clusters == "request":
        yield "Requests count as independent, because the plan says clusters: request."
    if gathered.evaluation_usd:
        yield (
            f"The saving counts {money(gathered.evaluation_usd)} a month for executed answers, as if they were run at"
            " the pace of this window for ever; if this was the only time, it is higher by that."
        )
    if gathered.uncosted_share > LEFT_OUT:
        yield (
            f"{percent(gathered.uncosted_share)} of requests have no known tokens: every figure of money is about the"
            " others, and says nothing of these."
        )
    if gathered.heavy_tail:
        yield f"The interval of the cost may be too narrow: {gathered.heavy_tail.rstrip('.')}."
    if gathered.live is not None and gathered.floor:
        yield gathered.floor
