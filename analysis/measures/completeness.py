"""Whether decisions of a shadow policy are missing: they may be missing for the very requests that matter.

A live request states which shadows were meant to decide on it. So a decision that is named and not there is a loss, and
one that is not named is absent by design: another service, a sample, a shadow that was added later, an older version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Final

from shadowroute.analysis.format import count, hours, percent
from shadowroute.analysis.queries.rows import CompletenessRow
from shadowroute.analysis.selection import PolicyRef

COMPLETE: Final = 0.999
"""Decisions per decision that was meant; fewer mean that some were lost, and perhaps not at random."""
BY_DESIGN: Final = 0.01
"""Share of live requests that a shadow was not meant for, up to which nothing is said of it."""


@dataclass(frozen=True, slots=True)
class MissingHour:
    """An hour that lacks decisions.

    Attributes:
        hour: start, UTC.
        meant: decisions that were meant.
        missing: of these, those that are not there.
    """

    hour: datetime
    meant: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """Decisions of a shadow policy against those that were meant.

    Attributes:
        meant: decisions that live requests name; a decision that none names counts as meant.
        missing_hours: hours in which some of these are not there, in order.
        unstated: live requests, from its first hour to its last, that do not state which shadows were meant.
        unstated_weight: its decisions on these, each counted 1/sample_rate times.
        sampling_error: standard error of the ratio of the two where the policy sees only a sample; 0 where it sees all.
        absent_by_design: share of the window's live requests, among those that state it, that it was not meant for.
    """

    meant: int
    missing_hours: tuple[MissingHour, ...] = ()
    unstated: int = 0
    unstated_weight: float = 0.0
    sampling_error: float = 0.0
    absent_by_design: float = 0.0

    @property
    def missing(self) -> int:
        """Decisions that were meant and are not there."""
        return sum(hour.missing for hour in self.missing_hours)

    @property
    def missing_share(self) -> float:
        """Of the decisions that were meant."""
        return self.missing / self.meant if self.meant else 0.0

    @property
    def unknown_share(self) -> float:
        """Of requests that do not state which shadows were meant, those without a decision: lost, or by design.

        0 where nearly all have one: then none is missing, whatever was meant. A sample of one in ten holds a little
        more or less than a tenth.
        """
        if not self.unstated or self.unstated_weight >= (COMPLETE - 3 * self.sampling_error) * self.unstated:
            return 0.0
        return 1 - self.unstated_weight / self.unstated

    @property
    def is_complete(self) -> bool:
        """Whether no loss shows among the decisions that were meant."""
        return self.missing_share <= 1 - COMPLETE

    @property
    def share(self) -> float | None:
        """Decisions per decision that was meant; None where that is not known of all."""
        if self.unknown_share or not self.meant + self.unstated:
            return None
        return (self.meant - self.missing + min(self.unstated_weight, self.unstated)) / (self.meant + self.unstated)


def losses(found: Completeness, *, most: int = 3) -> str:
    """`34 of 12,000, 16 Nov 10:00 to 12:00 UTC`: missing of meant decisions, with at most so many spans of hours."""
    when = hours([hour.hour for hour in found.missing_hours], most=most)
    return f"{count(found.missing)} of {count(found.meant)}, {when}"


def unknowns(found: Completeness) -> str:
    """What cannot be told of requests that do not state which shadows were meant."""
    return (
        f"{count(found.unstated)} requests do not state which shadows were meant, and {percent(found.unknown_share)} of"
        " them have no decision of this one: lost, or absent by design"
    )


def completeness_of(rows: Iterable[CompletenessRow]) -> dict[PolicyRef, Completeness]:
    """The completeness of every policy that decided, or was meant to."""
    live: list[CompletenessRow] = []
    by_policy: dict[PolicyRef, list[CompletenessRow]] = {}
    for row in rows:
        if row.is_live:
            live.append(row)
        else:
            by_policy.setdefault(row.policy, []).append(row)
    return {policy: _of(hours, live) for policy, hours in by_policy.items()} if live else {}


def _of(hours: Sequence[CompletenessRow], live: Sequence[CompletenessRow]) -> Completeness:
    first, last = min(row.hour for row in hours), max(row.hour for row in hours)
    unstated = sum(row.unstated_n for row in live if first <= row.hour <= last)
    weight = sum(row.unstated_weight for row in hours)
    rate = min(sum(row.unstated_n for row in hours) / weight, 1.0) if weight else 1.0
    return Completeness(
        meant=sum(max(row.meant_n, row.stated_n) for row in hours),
        missing_hours=tuple(
            MissingHour(row.hour, row.meant_n, row.meant_n - row.stated_n)
            for row in sorted(hours, key=lambda row: row.hour)
            if row.meant_n > row.stated_n
        ),
        unstated=unstated,
        unstated_weight=weight,
        sampling_error=_sampling_error(rate, unstated),
        absent_by_design=_absent(hours, sum(row.stated_n for row in live)),
    )


def _absent(hours: Sequence[CompletenessRow], stated: int) -> float:
    """Of the requests that state which shadows were meant; a sample stands for all that it was drawn from.

    0 where the chance of the sample explains it.
    """
    decided, weight = sum(row.stated_n for row in hours), sum(row.stated_weight for row in hours)
    rate = min(decided / weight, 1.0) if weight else 1.0
    if not stated:
        return 0.0
    share = 1 - sum(max(row.meant_n, row.stated_n) for row in hours) / rate / stated
    return share if share > 3 * _sampling_error(rate, stated) else 0.0


def _sampling_error(rate: float, n: int) -> float:
    """Standard error of rows over n requests, each row counted 1/rate times."""
    return sqrt((1 - rate) / (rate * n)) if n else 0.0
