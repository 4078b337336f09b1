"""Data of the pages, read from the store and kept for some seconds, so that a click does not read it again.

Results are frozen and shared between sessions (`cache_resource` hands out the object itself); every entry is small:
sums, or one page of requests, never a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import streamlit as st

from shadowroute.analysis.evidence import (
    SegmentExecuted,
    SignalOffPolicy,
    StressPoint,
    executed_by_segment,
    off_policy_by_signal,
    stress_points,
)
from shadowroute.analysis.measures.break_even import EscalationBreakEven
from shadowroute.analysis.measures.concentration import Concentration
from shadowroute.analysis.measures.cost import cost_of
from shadowroute.analysis.measures.executed import Executed
from shadowroute.analysis.measures.frontier import Frontier
from shadowroute.analysis.measures.latency import Latency
from shadowroute.analysis.measures.ledger import Ledger
from shadowroute.analysis.measures.random_control import RandomControl
from shadowroute.analysis.measures.savings import Savings
from shadowroute.analysis.measures.stress import BreakEvenFactor, Stress
from shadowroute.analysis.packet.content import packet
from shadowroute.analysis.packet.manifest import key_from_environment
from shadowroute.analysis.plan.meaning import wishes_of
from shadowroute.analysis.plan.registration import RegisteredPlan, recorded_plans
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries import projects as projects_of
from shadowroute.analysis.queries import requests as single
from shadowroute.analysis.queries.requests import PageKey, RequestFilter, RequestPage, RequestRow, RequestTrace
from shadowroute.analysis.report import PolicyReport, ProjectReport, policy_report, project_report
from shadowroute.analysis.results import Measured
from shadowroute.analysis.selection import ALL, PolicyRef, Segment, Slice, Window
from shadowroute.analysis.signals import SignalRow
from shadowroute.analysis.study import Study
from shadowroute.analysis.verdict.judge import judge
from shadowroute.analysis.verdict.results import Judgement
from shadowroute.app import runtime
from shadowroute.app.packet.files import zipped
from shadowroute.collector.price_books import book_names, current_book

FRESH_S: Final = 15
"""Seconds that a result is kept; the rollup worker runs at most every five."""

LAST_DAYS: Final = 60
"""Days in a chart by day: more do not fit next to each other."""

_cached = st.cache_resource(ttl=FRESH_S, max_entries=200, show_spinner=False)
_judged = st.cache_resource(ttl=FRESH_S, max_entries=100, show_spinner="Judging ...")
_computed = st.cache_resource(ttl=FRESH_S, max_entries=100, show_spinner="Computing ...")


def _queries(project: str) -> Queries:
    return Queries(runtime.current().store.reader(), project)


def _study(
    project: str, window: Window, policy: PolicyRef | None = None, where: Slice = ALL, *, book: str = "", **wanted: Any
) -> Study:
    """The study of one computation, with the settings of the policy's plan; an empty book is the project's."""
    plan = None if policy is None else plan_of(project, policy)
    wishes = {} if plan is None else wishes_of(plan.plan.document)
    return Study(_queries(project), window, slice=where, book=book or _book(project), **wishes, **wanted)


def _book(project: str) -> str:
    return current_book(runtime.current().store.reader(), project) or ""


@_cached
def projects() -> list[str]:
    """Projects of the store, the one with most decisions first."""
    return projects_of(runtime.current().store.reader())


@_cached
def available(project: str) -> Window | None:
    """Days that have figures; None until the first rollup."""
    return _queries(project).window_available()


def days_with_requests(project: str, window: Window) -> Window:
    """The part of the window that the project has figures of; a filter may ask for days before or after them."""
    days = available(project)
    if days is None or days.last < window.first or window.last < days.first:
        return window
    return Window(max(days.first, window.first), min(days.last, window.last))


@_cached
def shadows(project: str, window: Window) -> tuple[PolicyRef, ...]:
    """Shadow policies of the window, the largest first; those that were live, too, last: few ask for them."""
    rows = _queries(project).policies(window)
    live = {row.policy for row in rows if row.is_live}
    return tuple(sorted((row.policy for row in rows if not row.is_live), key=lambda policy: policy in live))


@_cached
def segments(project: str, window: Window, policy: PolicyRef) -> tuple[Segment, ...]:
    """Segments that the policy's decisions have, by key, the largest value first; unnamed values are left out."""
    rows = _queries(project).segments(window, policy)
    return tuple(Segment(row.key, row.value) for row in rows if row.value)


@_cached
def signals(project: str, window: Window) -> tuple[SignalRow, ...]:
    """Signals of the window, the most frequent first."""
    return tuple(_queries(project).signals_seen(window))


@_cached
def books() -> list[str]:
    """Price books of the store, by name."""
    return book_names(runtime.current().store.reader())


@_cached
def book(project: str) -> str:
    """The price book that the project uses; empty if none is pinned."""
    return _book(project)


@_cached
def plans(project: str) -> dict[str, RegisteredPlan]:
    """The plan that judges each shadow, by its name: the one recorded last."""
    newest: dict[str, RegisteredPlan] = {}
    for plan in recorded_plans(runtime.current().store.reader(), project):
        newest.setdefault(plan.plan.document.policy, plan)
    return newest


def plan_of(project: str, policy: PolicyRef) -> RegisteredPlan | None:
    """The plan that judges a shadow; None if none was recorded."""
    return plans(project).get(policy.name)


@_judged
def judgement(project: str, policy: str, plan_hash: str) -> Judgement:
    """The judgement of a shadow by its recorded plan, on the days of that plan.

    Args:
        project: of the plan.
        policy: name of the shadow; it has a plan.
        plan_hash: of that plan, so that a new plan is never answered with the judgement by the one before.
    """
    plan = plans(project)[policy]
    if plan.status.hash != plan_hash:
        raise ValueError(f"plan {plan.status.name} must be {plan_hash}, got {plan.status.hash}; load the page again")
    return judge(_queries(project), plan)


def packet_zip(project: str, policy: PolicyRef, window: Window) -> bytes:
    """The evidence packet of a shadow as one zip file, made afresh: by its plan where it has one."""
    plan = plan_of(project, policy)
    made = packet(_queries(project), policy, window, book=_book(project), now=datetime.now(UTC), plan=plan)
    return zipped(made, key=key_from_environment())


@_computed
def overview(project: str, window: Window, where: Slice) -> ProjectReport:
    """Every shadow policy on one slice."""
    return project_report(_study(project, window, where=where))


@_computed
def policy(
    project: str, window: Window, policy: PolicyRef, where: Slice, *, signal: SignalRow | None = None, book: str = ""
) -> PolicyReport:
    """One shadow policy on one slice; an empty book is the project's."""
    return policy_report(_study(project, window, policy, where, book=book, signal=signal), policy)


@_computed
def by_segment(
    project: str, window: Window, policy: PolicyRef, key: str, *, signal: SignalRow | None = None, book: str = ""
) -> PolicyReport:
    """One shadow policy on every value of a segment key, the largest first; an empty book is the project's."""
    return policy_report(_study(project, window, policy, book=book, signal=signal), policy, by=(key,))


@_computed
def by_day(
    project: str, window: Window, policy: PolicyRef, where: Slice, book: str = ""
) -> dict[str, tuple[Measured, Measured]]:
    """Divergence by model and relative cost of one shadow policy per UTC day, at most the last 60."""
    days = [Window(day, day) for day in days_with_requests(project, window)][-LAST_DAYS:]

    def measured(day: Window) -> tuple[Measured, Measured]:
        one = _study(project, day, policy, where, book=book).of(policy)
        # A day has too few executed answers to fit lengths on: same tokens are assumed for each alike.
        return one.divergence.model, cost_of(one.cube, one.pairs, clusters=one.clusters).relative

    return {str(day.first): measured(day) for day in days}


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """The effect of a policy on the bill; the attributes are those of `PolicyEvidence`."""

    ledger: Ledger
    escalation: EscalationBreakEven
    stress: tuple[StressPoint, ...]
    gone_at: tuple[BreakEvenFactor, ...]
    concentration: Concentration
    executed: Executed


@_computed
def dollars(project: str, window: Window, policy: PolicyRef, where: Slice, book: str) -> Money:
    """The bill of one shadow policy on one slice, with the costs and the signal that its plan names."""
    one = _study(project, window, policy, where, book=book).of(policy)
    return Money(
        ledger=one.ledger,
        escalation=one.break_even,
        stress=stress_points(one),
        gone_at=one.gone_at,
        concentration=one.concentration,
        executed=one.executed,
    )


@_computed
def what_if(project: str, window: Window, policy: PolicyRef, where: Slice, *, book: str, stress: Stress) -> Measured:
    """The change of cost at other prices and answer lengths."""
    return _study(project, window, policy, where, book=book).of(policy).stressed(stress)


@_computed
def executed(
    project: str, window: Window, policy: PolicyRef, where: Slice
) -> tuple[Executed, tuple[SegmentExecuted, ...]]:
    """Answers of the shadow that were run: on the slice, and by the segments of the plan (without one: by task)."""
    one, plan = _study(project, window, policy, where).of(policy), plan_of(project, policy)
    by = ("task",) if plan is None else plan.plan.segment_keys
    return one.executed, executed_by_segment(one, by) if where == ALL and one.executed.n else ()


@_computed
def latency(project: str, window: Window, policy: PolicyRef, where: Slice) -> Latency:
    """Waiting times, live and predicted for the shadow."""
    return _study(project, window, policy, where).of(policy).latency


@_computed
def off_policy(project: str, window: Window, policy: PolicyRef) -> tuple[SignalOffPolicy, ...]:
    """Evidence about the shadow from live's exploration, per signal; all traffic."""
    return off_policy_by_signal(_study(project, window, policy), policy)


@_computed
def between_models(project: str, window: Window, policy: PolicyRef) -> tuple[Frontier, RandomControl, Savings]:
    """The shadow between single models, against a coin flip of the same spend and the largest possible saving."""
    one = _study(project, window, policy).of(policy)
    return one.frontier, one.random_control, one.savings


@_cached
def requests(project: str, wanted: RequestFilter, after: PageKey | None, limit: int) -> RequestPage:
    """One page of requests, newest first."""
    return single.request_page(_queries(project), wanted, after=after, limit=limit)


@_cached
def request_count(project: str, wanted: RequestFilter) -> int:
    """Number of requests that the filter keeps."""
    return single.request_count(_queries(project), wanted)


def all_requests(project: str, wanted: RequestFilter) -> Iterator[RequestRow]:
    """Every request that the filter keeps, for a download; read page by page and never kept."""
    return single.all_requests(_queries(project), wanted)


@_cached
def trace(project: str, request_id: str) -> RequestTrace | None:
    """Everything about one request; None if the project does not hold it."""
    return single.request_trace(_queries(project), request_id)
