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
    """Decisions of one shadow policy against the live requests of the same hours.

    Attributes:
        hour: start, UTC.
        live_n: live requests of the hour.
        shadow_weight: the shadow's decisions, each counted 1/sample_rate times; equal to `live_n` if none is missing.
    """

    policy: PolicyRef
    hour: datetime
    live_n: int
    shadow_n: int
    shadow_weight: float


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
