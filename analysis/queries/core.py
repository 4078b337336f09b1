"""What the four measures read: one method per question, typed rows out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from shadowroute.analysis import assemble
from shadowroute.analysis.cost_cube import UNNAMED
from shadowroute.analysis.queries import overall
from shadowroute.analysis.queries.reader import LIVE, Reader, conditions, days, of_policy
from shadowroute.analysis.rows import (
    ClusterKindRow,
    CompletenessRow,
    FailureRow,
    Freshness,
    Gaps,
    MatrixRow,
    PageKey,
    PairSums,
    PolicyRow,
    RequestFilter,
    RequestPage,
    RequestRow,
    RequestTrace,
    SegmentRow,
    SignalRow,
)
from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window
from shadowroute.analysis.sql_files import statement

NEWEST: Final = PageKey(datetime(2299, 1, 1), "")  # noqa: DTZ001  # bound as UTC text; DateTime64(6) ends in 2299
EXPORT_PAGE: Final = 10_000
"""Rows per page when all rows of a filter are read."""


def projects(client: Client) -> list[str]:
    """Projects that the store holds decisions of, the one with most of them first."""
    records = client.query(statement("projects").text).named_results()
    return [str(record["project"]) for record in records]


class Queries(Reader):
    """Everything that reports and pages ask the store of one project."""

    # What there is

    def policies(self, window: Window) -> list[PolicyRow]:
        """Policies that decided in the window, live ones first, then by number of decisions."""
        return [assemble.policy_row(record) for record in self.select("policies", **days(window))]

    def live(self, window: Window) -> list[PolicyRow]:
        """Live policies of the window; more than one means that the live policy changed."""
        return [row for row in self.policies(window) if row.is_live]

    def segments(self, window: Window, policy: PolicyRef) -> list[SegmentRow]:
        """Segments of a shadow policy's decisions, by key, the largest value first."""
        records = self.select("segments", **of_policy(policy), **days(window))
        return [assemble.segment_row(record) for record in records]

    def window_available(self) -> Window | None:
        """The days that rollups hold; None if nothing is rolled up yet."""
        record = self.one("days")
        return Window(record["first_day"], record["last_day"]) if record["days"] else None

    def freshness(self) -> Freshness:
        """How current the stored data are."""
        return assemble.freshness(self.one("freshness"))

    def rolled_up_to(self) -> datetime | None:
        """Everything that arrived before this is in the rollups; None if the worker never ran."""
        return assemble.rolled_up_to(self.one("rolled_up_to"))

    def signals_seen(self, window: Window) -> list[SignalRow]:
        """Signals on decisions of the window, the most frequent first."""
        return [assemble.signal_row(record) for record in self.select("signals_seen", **days(window))]

    def cluster_kinds(self, window: Window) -> list[ClusterKindRow]:
        """Live requests by the unit they are clustered by, the most frequent first."""
        return [assemble.cluster_kind_row(record) for record in self.select("cluster_kinds", **days(window))]

    def completeness(self, window: Window) -> list[CompletenessRow]:
        """Shadow decisions against live requests, hour by hour."""
        return [assemble.completeness_row(record) for record in self.select("completeness", **days(window))]

    def models_unpriced(self, window: Window, book: str) -> dict[str, int]:
        """Models that cost something and have no price in the book, with their requests, the most frequent first."""
        records = self.select("unpriced", book=book, **days(window))
        return {record["model"] or UNNAMED: record["n"] for record in records}

    def blended_prices(self, book: str, on: date) -> dict[str, float]:
        """Per model: 0.75 x input + 0.25 x output price of band 0 on a day, USD per million tokens."""
        records = self.select("prices", book=book, on=on)
        return {record["model"]: record["blended_usd_per_mtok"] for record in records}

    def gaps(self, window: Window, policy: PolicyRef) -> Gaps:
        """What keeps the policy's decisions from being compared by tier or by steps."""
        records = self.select("levels", **days(window))
        return assemble.gaps(record for record in records if assemble.policy_of(record) == policy)

    def outcomes(self, window: Window) -> dict[str, int]:
        """Live requests by how they ended: complete, partial, error or unreported."""
        return {record["outcome_status"]: record["n"] for record in self.select("outcomes", **days(window))}

    def failures(self, window: Window) -> list[FailureRow]:
        """Shadow decisions without a plan, by policy and reason, the most frequent first."""
        return [assemble.failure_row(record) for record in self.select("failures", **days(window))]

    def unusable_spans(self) -> tuple[int, str]:
        """How many stored spans lack an attribute that a decision must have, and the name of one of them."""
        record = self.one("unusable_spans")
        return record["n"], record["name"]

    def id_keys(self, window: Window) -> dict[str, str]:
        """Per service whose traffic names users or sessions: what keys the hashes now, `secret`, `public` or ``."""
        return {record["service"]: record["id_key"] for record in self.select("id_keys", **days(window))}

    def reload_errors(self) -> dict[str, str]:
        """Why services go on with an old configuration, by service; of their newest request of the last day."""
        return {record["service"]: record["error"] for record in self.select("reload_errors")}

    def review_flags(self, window: Window) -> dict[str, int]:
        """How many requests were flagged for a person, by reason."""
        return {record["reason"]: record["n"] for record in self.select("review_flags", **days(window))}

    # Sums by bucket

    def pairs(self, window: Window, policy: PolicyRef | None, where: Slice = ALL) -> PairSums:
        """Decisions of a shadow policy (None: of live) in a slice."""
        if where == ALL:
            return assemble.pair_sums_of(*overall.pair_columns(overall.pair_cells(self, window, policy)))
        role = LIVE if policy is None else {"role": "shadow", **of_policy(policy)}
        records = self.in_slice("pair_sums", "pair_sums_rows", where, **role, **days(window))
        return assemble.pair_sums(records)

    def pairs_by_value(self, window: Window, policy: PolicyRef | None, key: str) -> dict[str, PairSums]:
        """The same for every value of a segment key."""
        role = LIVE if policy is None else {"role": "shadow", **of_policy(policy)}
        return assemble.by_value(self.per_value("pair_sums", key, **role, **days(window)), assemble.pair_sums)

    def matrix(self, window: Window, policy: PolicyRef, where: Slice = ALL) -> list[MatrixRow]:
        """Pairs of planned models in a slice, the heaviest first."""
        if where == ALL:
            return overall.matrix(overall.pair_cells(self, window, policy))
        records = self.in_slice("matrix", "matrix_rows", where, **of_policy(policy), **days(window))
        return assemble.matrix(records)

    def matrix_by_value(self, window: Window, policy: PolicyRef, key: str) -> dict[str, list[MatrixRow]]:
        """The same for every value of a segment key."""
        records = self.per_value("matrix", key, **of_policy(policy), **days(window))
        return assemble.by_value(records, assemble.matrix)

    def effective_clusters(self, window: Window, policy: PolicyRef | None, where: Slice = ALL) -> float:
        """(sum of cluster sizes)^2 / sum of squared sizes, by cluster key; 0 without decisions.

        Of one segment it is estimated from the rollups, to 5 %; of several it is counted in one pass over the rows.
        """
        if where == ALL:
            return overall.effective_clusters(overall.pair_cells(self, window, policy))
        role = LIVE if policy is None else {"role": "shadow", **of_policy(policy)}
        records = self.in_slice("clusters", "cluster_sizes", where, **role, **days(window))
        return float(next((record["effective_clusters"] for record in records), 0.0))

    def effective_clusters_by_value(self, window: Window, policy: PolicyRef | None, key: str) -> dict[str, float]:
        """The same for every value of a segment key."""
        role = LIVE if policy is None else {"role": "shadow", **of_policy(policy)}
        records = self.per_value("clusters", key, **role, **days(window))
        return {record["segment_value"]: record["effective_clusters"] for record in records}

    # Single requests

    def requests(self, where: RequestFilter, *, after: PageKey | None = None, limit: int = 50) -> RequestPage:
        """One page of requests, newest first; `after` is the last row of the page before."""
        key = after or NEWEST
        records = self.select(
            "requests", **_request_filter(where), before_ts=_text(key.ts), before_id=key.request_id, page=limit + 1
        )
        rows = tuple(assemble.request_row(record) for record in records)
        return RequestPage(rows=rows[:limit], next=rows[limit - 1].key if len(rows) > limit else None)

    def request_count(self, where: RequestFilter) -> int:
        """How many requests the filter keeps."""
        return int(self.one("request_count", **_request_filter(where))["n"])

    def all_requests(self, where: RequestFilter) -> Iterator[RequestRow]:
        """Every request that the filter keeps, newest first, read page by page."""
        page = self.requests(where, limit=EXPORT_PAGE)
        yield from page.rows
        while page.next:
            page = self.requests(where, after=page.next, limit=EXPORT_PAGE)
            yield from page.rows

    def trace(self, request_id: str) -> RequestTrace | None:
        """Everything stored about one request; None if the project does not know it."""
        records = list(self.select("request_decisions", request_id=request_id))
        if not records:
            return None
        targets = assemble.targets(request_id, records)
        trace = assemble.request_trace(request_id, records, list(self.select("request_signals", targets=targets)))
        if trace.live is None:
            return trace
        content = self.select("request_content", request_id=request_id, trace_id=trace.live.trace_id)
        return next((replace(trace, **each) for each in content), trace)


def _request_filter(where: RequestFilter) -> dict[str, Any]:
    role = LIVE if where.policy is None else {"role": "shadow", **of_policy(where.policy)}
    return {
        **days(where.window),
        **role,
        **conditions(where.slice),
        "differs": _yes_no(where.differs),
        "contaminated": _yes_no(where.contaminated),
        "flagged": "yes" if where.flagged else "",
        "served_model": where.served_model,
        "status": where.status,
    }


def _yes_no(wanted: bool | None) -> str:  # noqa: FBT001  # three states, one argument
    return "" if wanted is None else "yes" if wanted else "no"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
