"""The content of a project, one method per question; figures are read by the functions beside this module."""

from __future__ import annotations

from datetime import UTC, date, datetime

from clickhouse_connect.driver.client import Client

from shadowroute.analysis.cost_cube import UNNAMED
from shadowroute.analysis.prices import PriceTable, blend
from shadowroute.analysis.queries.reader import Reader, days, of_policy
from shadowroute.analysis.queries.records import policy_of, row_of, utc
from shadowroute.analysis.queries.rows import (
    CompletenessRow,
    FailureRow,
    Freshness,
    Gaps,
    OrphanSignals,
    PolicyRow,
    RowCount,
    SegmentRow,
)
from shadowroute.analysis.selection import PolicyRef, Window, key_of, stored_key
from shadowroute.analysis.signals import SignalRow
from shadowroute.analysis.sql_files import statement
from shadowroute.collector.price_books import book_prices


def projects(client: Client) -> list[str]:
    """Projects that the store holds decisions of, the one with most of them first."""
    records = client.query(statement("projects").text).named_results()
    return [str(record["project"]) for record in records]


class Queries(Reader):
    """All queries of reports and pages about a project as a whole."""

    def policies(self, window: Window) -> list[PolicyRow]:
        """Policies that decided in the window, live ones first, then by number of decisions."""
        return [row_of(PolicyRow, record) for record in self.select("policies", **days(window))]

    def segments(self, window: Window, policy: PolicyRef) -> list[SegmentRow]:
        """Segments of a shadow policy's decisions, by key, the largest value first."""
        return [
            row_of(SegmentRow, record, key=key_of(record["segment_key"]), value=record["segment_value"])
            for record in self.select("segments", **of_policy(policy), **days(window))
        ]

    def window_available(self) -> Window | None:
        """The days that rollups hold; None if nothing is rolled up yet."""
        record = self.one("days")
        return Window(record["first_day"], record["last_day"]) if record["days"] else None

    def freshness(self) -> Freshness:
        """The age of the stored data."""
        record = self.one("freshness")
        return Freshness(
            newest_decision=utc(record["newest_decision"]) if record["n"] else None,
            newest_arrival=utc(record["newest_arrival"]) if record["n"] else None,
            rolled_up_to=_since_ever(record["rolled_up_to"]),
        )

    def rolled_up_to(self) -> datetime | None:
        """Everything that arrived before this is in the rollups; None if the worker never ran."""
        return _since_ever(self.one("rolled_up_to")["rolled_up_to"])

    def waiting(self) -> int:
        """Live requests that arrived after that, and so are in no figure yet."""
        return int(self.one("waiting")["n"])

    def signals_seen(self, window: Window) -> list[SignalRow]:
        """Signals on decisions of the window, the most frequent first."""
        return [row_of(SignalRow, record) for record in self.select("signals_seen", **days(window))]

    def cluster_kinds(self, window: Window) -> dict[str, int]:
        """Live requests by the unit they are clustered by (`user`, `session`, `request`), the most frequent first."""
        return {record["cluster_kind"]: record["n"] for record in self.select("cluster_kinds", **days(window))}

    def known_clusters_share(self, window: Window) -> float | None:
        """Of live requests, those with a user or session id; None without requests."""
        kinds = self.cluster_kinds(window)
        total = sum(kinds.values())
        return (total - kinds.get("request", 0)) / total if total else None

    def completeness(self, window: Window) -> list[CompletenessRow]:
        """Decisions hour by hour, of live and of every shadow, and those that were meant."""
        return [row_of(CompletenessRow, record) for record in self.select("completeness", **days(window))]

    def row_counts(self, window: Window, policy: PolicyRef, key: str = "all") -> list[RowCount]:
        """Live requests and decisions of a shadow, meant and there, by day of the window and value of a segment key."""
        records = self.select("row_counts", **of_policy(policy), **days(window), segment_key=stored_key(key))
        return [row_of(RowCount, record) for record in records]

    def planned_models(self, window: Window, policy: PolicyRef) -> tuple[str, ...]:
        """Every model that a plan of the shadow names, fallbacks and escalations included; sorted."""
        records = self.select("planned_models", **of_policy(policy), **days(window))
        return tuple(str(record["named"]) for record in records)

    def models_unpriced(self, window: Window, book: str) -> dict[str, int]:
        """Models that cost something and have no price in the book, with their requests, the most frequent first."""
        records = self.select("unpriced", book=book, **days(window))
        return {record["model"] or UNNAMED: record["n"] for record in records}

    def first_prices(self, book: str, on: date) -> dict[str, tuple[float, float]]:
        """Per model: input and output price of context band 0 on a day, USD per million tokens."""
        records = self.select("prices", book=book, on=on)
        return {row["model"]: (row["input_usd_per_mtok"], row["output_usd_per_mtok"]) for row in records}

    def blended_prices(self, book: str, on: date) -> dict[str, float]:
        """Per model: the one price that ranks it on a day, USD per million tokens."""
        return {model: blend(*prices) for model, prices in self.first_prices(book, on).items()}

    def price_table(self, book: str) -> PriceTable:
        """The prices of a book, for single calls."""
        return PriceTable(book_prices(self.client, book))

    def gaps(self, window: Window, policy: PolicyRef) -> Gaps:
        """Gaps that prevent a comparison of the policy's decisions by tier or by steps."""
        rows = [record for record in self.select("levels", **days(window)) if policy_of(record) == policy]
        models = {row["shadow_model"] for row in rows if row["shadow_no_tier_n"]}
        models |= {row["live_model"] for row in rows if row["live_no_tier_n"]}
        return Gaps(
            models_without_tier=tuple(sorted(models)), has_plans_without_id=any(row["no_steps_n"] for row in rows)
        )

    def outcomes(self, window: Window) -> dict[str, int]:
        """Live requests by how they ended: complete, partial, error or unreported."""
        return {record["outcome_status"]: record["n"] for record in self.select("outcomes", **days(window))}

    def failures(self, window: Window) -> list[FailureRow]:
        """Shadow decisions without a plan, by policy and reason, the most frequent first."""
        return [row_of(FailureRow, record) for record in self.select("failures", **days(window))]

    def unusable_spans(self) -> tuple[int, str]:
        """Number of stored spans without a required decision attribute, and the name of one of these attributes."""
        record = self.one("unusable_spans")
        return record["n"], record["name"]

    def id_keys(self, window: Window) -> dict[str, str]:
        """By service with user or session ids: the present key of the hashes, `secret`, `public` or ``."""
        return {record["service"]: record["id_key"] for record in self.select("id_keys", **days(window))}

    def reload_errors(self) -> dict[str, str]:
        """Reasons for the use of an old configuration, by service; of their newest request of the last day."""
        return {record["service"]: record["error"] for record in self.select("reload_errors")}

    def review_flags(self, window: Window) -> dict[str, int]:
        """Number of requests flagged for a person, by reason."""
        return {record["reason"]: record["n"] for record in self.select("review_flags", **days(window))}

    def orphan_signals(self, since: datetime) -> list[OrphanSignals]:
        """Signals that arrived since then and name what has not, by the project that they were sent for.

        Of every project: a signal that was sent without its project is no signal of it.
        """
        asked = f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        return [row_of(OrphanSignals, record) for record in self.select("orphan_signals", since=asked)]


def _since_ever(moment: datetime | None) -> datetime | None:
    """The epoch stands for "never" in SQL."""
    return utc(moment) if moment is not None and utc(moment).timestamp() > 0 else None
