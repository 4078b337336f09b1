"""The content of a window: policies, segments, gaps, and the age of the data. One class per grain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from shadowroute.analysis.selection import PolicyRef


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """A policy that decided in the window.

    Attributes:
        is_live: whether its decisions were executed.
        weight: decisions, each counted 1/sample_rate times.
        failed_weight: those that ended without a plan.
        days: UTC days on which it decided, in order; at least one.
    """

    policy: PolicyRef
    is_live: bool
    n: int
    weight: float
    failed_weight: float
    days: tuple[date, ...]

    @property
    def first(self) -> date:
        """First day on which it decided."""
        return self.days[0]

    @property
    def last(self) -> date:
        """Last day on which it decided."""
        return self.days[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanSignals:
    """Signals of a project whose target has not arrived.

    Attributes:
        n: how many.
        example: one that they name: a request id, `response:ID` or `span:TRACE+SPAN`.
    """

    project: str
    n: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """Decisions of a shadow policy that ended without a plan, for one reason.

    Attributes:
        status: error, timeout or invalid.
        error_type: low-cardinality class, for example the name of the exception.
    """

    policy: PolicyRef
    status: str
    error_type: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """A segment of a policy's decisions, with its size."""

    key: str
    value: str
    n: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessRow:
    """Decisions of one hour: of live, all policies together and without a name, or of one shadow policy.

    Attributes:
        hour: start, UTC.
        meant_n: live requests that name this shadow as meant; 0 for live.
        stated_n: decisions on requests that state which shadows were meant; equal to `meant_n` if none is missing.
        stated_weight: the same, each counted 1/sample_rate times.
        unstated_n: decisions on requests that do not state it.
        unstated_weight: the same, weighted.
    """

    policy: PolicyRef
    is_live: bool
    hour: datetime
    meant_n: int
    stated_n: int
    stated_weight: float
    unstated_n: int
    unstated_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """One day of one segment value.

    Attributes:
        live_n: live requests.
        live_unstated_n: of these, those that do not state which shadows were meant.
        meant_n: of the others, those that name this shadow.
        stated_n: the shadow's decisions on the others; equal to `meant_n` if none is missing.
        unstated_n: its decisions on requests that do not state which shadows were meant.
        unstated_weight: the same, each counted 1/sample_rate times; about `live_unstated_n` if all were meant.
    """

    day: date
    segment_value: str
    live_n: int
    live_unstated_n: int
    meant_n: int
    stated_n: int
    unstated_n: int
    unstated_weight: float

    @property
    def shadow_n(self) -> int:
        """The shadow's decisions."""
        return self.stated_n + self.unstated_n

    @property
    def is_due(self) -> bool:
        """Whether decisions are there, or may have been meant."""
        return bool(self.meant_n or self.live_unstated_n or self.shadow_n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Gaps that prevent a comparison of a policy's decisions by tier or by steps.

    Attributes:
        models_without_tier: planned models, live or shadow, that some row names without a tier; sorted.
        has_plans_without_id: whether some row lacks the id of a plan.
    """

    models_without_tier: tuple[str, ...]
    has_plans_without_id: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The age of the stored data; None if nothing has arrived, or the worker never ran. UTC."""

    newest_decision: datetime | None
    newest_arrival: datetime | None
    rolled_up_to: datetime | None
