"""What pages show, read from the store and kept for some seconds, so that a click does not read it again.

Results are frozen and shared between sessions (`cache_resource` hands out the object itself); every entry is small:
sums, or one page of requests, never a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import streamlit as st

from analysis.measures.cost import cost_of
from analysis.measures.rates import share_of
from analysis.queries import Queries
from analysis.queries import projects as projects_of
from analysis.queries.money import cost_cube
from analysis.report import PolicyReport, ProjectReport, SliceReport, policy_report, project_report
from analysis.results import Measured
from analysis.rows import PageKey, RequestFilter, RequestPage, RequestRow, RequestTrace, SignalRow
from analysis.selection import PolicyRef, Segment, Slice, Window
from app import runtime
from collector.price_books import current_book

FRESH_S: Final = 15
"""Seconds that a result is kept; the rollup worker runs at most every five."""

LAST_DAYS: Final = 60
"""Days in a chart by day: more do not fit next to each other."""

_cached = st.cache_resource(ttl=FRESH_S, max_entries=200, show_spinner=False)
_computed = st.cache_resource(ttl=FRESH_S, max_entries=100, show_spinner="Computing ...")


def _queries(project: str) -> Queries:
    return Queries(runtime.current().store.reader(), project)


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


@_computed
def overview(project: str, window: Window, where: Slice) -> ProjectReport:
    """Every shadow policy on one slice."""
    return project_report(_queries(project), window, book=_book(project), segment=where)


@_computed
def policy(project: str, window: Window, policy: PolicyRef, where: Slice, signal: SignalRow | None) -> PolicyReport:
    """One shadow policy on one slice."""
    return policy_report(_queries(project), policy, window, book=_book(project), segment=where, signal=signal)


@_computed
def by_segment(
    project: str, window: Window, policy: PolicyRef, key: str, signal: SignalRow | None
) -> tuple[SliceReport, ...]:
    """One shadow policy on every value of a segment key, the largest first."""
    report = policy_report(_queries(project), policy, window, book=_book(project), by=(key,), signal=signal)
    return report.segments


@_computed
def by_day(project: str, window: Window, policy: PolicyRef, where: Slice) -> dict[str, tuple[Measured, Measured]]:
    """Divergence by model and relative cost of one shadow policy per UTC day, at most the last 60."""
    queries, book = _queries(project), _book(project)
    days = [Window(day, day) for day in days_with_requests(project, window)][-LAST_DAYS:]

    def measured(day: Window) -> tuple[Measured, Measured]:
        pairs = queries.pairs(day, policy, where)
        clusters = partial(queries.effective_clusters, day, policy, where)
        differs = share_of(pairs.model, subject="shadow decision", clusters=clusters)
        return differs, cost_of(cost_cube(queries, day, policy, book, where), pairs, clusters=clusters).relative

    return {str(day.first): measured(day) for day in days}


@_cached
def requests(project: str, wanted: RequestFilter, after: PageKey | None, limit: int) -> RequestPage:
    """One page of requests, newest first."""
    return _queries(project).requests(wanted, after=after, limit=limit)


@_cached
def request_count(project: str, wanted: RequestFilter) -> int:
    """How many requests the filter keeps."""
    return _queries(project).request_count(wanted)


def all_requests(project: str, wanted: RequestFilter) -> Iterator[RequestRow]:
    """Every request that the filter keeps, for a download; read page by page and never kept."""
    return _queries(project).all_requests(wanted)


@_cached
def trace(project: str, request_id: str) -> RequestTrace | None:
    """Everything about one request; None if the project does not hold it."""
    return _queries(project).trace(request_id)
