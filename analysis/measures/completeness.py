"""Completeness of a shadow policy's decisions: the missing ones may be the requests that matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Final

from shadowroute.analysis.queries.rows import CompletenessRow
from shadowroute.analysis.selection import PolicyRef

COMPLETE: Final = 0.999
"""Shadow decisions per live request; fewer mean that some were lost, and perhaps not at random."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """Decisions of a shadow policy over live requests of the same hours.

    Attributes:
        share: weighted decisions per live request.
        sampling_error: standard error of the share where the policy sees only a sample; 0 where it sees all.
    """

    share: float
    sampling_error: float

    @property
    def is_complete(self) -> bool:
        """Whether no loss shows: a sample of one in ten holds a little more or less than a tenth."""
        return self.share >= COMPLETE - 3 * self.sampling_error


def completeness_of(rows: Iterable[CompletenessRow]) -> dict[PolicyRef, Completeness]:
    """The completeness of every policy that has hours with live requests."""
    by_policy: dict[PolicyRef, list[CompletenessRow]] = {}
    for row in rows:
        by_policy.setdefault(row.policy, []).append(row)
    return {policy: _of(hours) for policy, hours in by_policy.items() if any(row.live_n for row in hours)}


def _of(hours: list[CompletenessRow]) -> Completeness:
    live, weight = sum(row.live_n for row in hours), sum(row.shadow_weight for row in hours)
    if not weight:
        return Completeness(0.0, 0.0)
    rate = min(sum(row.shadow_n for row in hours) / weight, 1.0)
    return Completeness(weight / live, sqrt((1 - rate) / (rate * live)))
