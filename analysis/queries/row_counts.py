"""How many decisions of a shadow policy stand beside the live requests, day by day and segment by segment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shadowroute.analysis.queries.reader import Reader, days, of_policy
from shadowroute.analysis.selection import PolicyRef, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """One day of one segment value.

    Attributes:
        live_n: live requests.
        shadow_n: the shadow's decisions.
        shadow_weight: the same, each counted 1/sample_rate times; about `live_n` if none is missing.
    """

    day: date
    segment_value: str
    live_n: int
    shadow_n: int
    shadow_weight: float


def row_counts(reader: Reader, window: Window, policy: PolicyRef, key: str = "all") -> list[RowCount]:
    """Live requests and shadow decisions of every day of the window and every value of a segment key."""
    records = reader.select("row_counts", **of_policy(policy), **days(window), segment_key=key)
    return [
        RowCount(
            day=record["day"],
            segment_value=record["segment_value"],
            live_n=record["live_n"],
            shadow_n=record["shadow_n"],
            shadow_weight=record["shadow_weight"],
        )
        for record in records
    ]
