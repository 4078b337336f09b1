"""Typed rows of the queries: what a SELECT returns, one class per grain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window
from shadowroute.analysis.summaries import RatioSums


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """A policy that decided in the window.

    Attributes:
        is_live: whether its decisions were executed.
        weight: decisions, each counted 1/sample_rate times.
        failed_weight: those that ended without a plan.
    """

    policy: PolicyRef
    is_live: bool
    n: int
    weight: float
    failed_weight: float
    first: date
    last: date


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
class SignalRow:
    """A signal that reached decisions of the window; `n` requests have it."""

    name: str
    source: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterKindRow:
    """Live requests by the unit that they are clustered by: `user`, `session` or `request`."""

    kind: str
    n: int


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairSums:
    """Decisions of one role in one slice, summed by bucket.

    Attributes:
        model: diverging by model over compared decisions. Compared means: with a plan, and with the live plan known.
        tier: the same by tier.
        steps: the same by the whole plan.
        escalated: escalations seen over cascade requests.
        escalated_known: escalations seen over cascade requests whose outcome was seen.
        escalated_overall: escalations seen over all requests with a plan.
        possible: escalations seen, and those that nobody could see, over cascade requests.
        possible_overall: the same over all requests with a plan.
        failed_weight: decisions without a plan.
        clean_weight: decisions with a plan on requests that were served as live chose.
        weight: all decisions.
        n: rows with a plan.
    """

    model: RatioSums
    tier: RatioSums
    steps: RatioSums
    escalated: RatioSums
    escalated_known: RatioSums
    escalated_overall: RatioSums
    possible: RatioSums
    possible_overall: RatioSums
    failed_weight: float
    clean_weight: float
    weight: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """Shadow decisions by pair of planned models; both are known.

    Attributes:
        clean_weight: those of them that are not contaminated.
    """

    live_model: str
    shadow_model: str
    n: int
    weight: float
    clean_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """What keeps a policy's decisions from being compared by tier or by steps.

    Attributes:
        models_without_tier: planned models, live or shadow, that some row names without a tier; sorted.
        has_plans_without_id: whether some row lacks the id of a plan.
    """

    models_without_tier: tuple[str, ...]
    has_plans_without_id: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How current the stored data are; None where nothing has arrived, or the worker never ran. UTC."""

    newest_decision: datetime | None
    newest_arrival: datetime | None
    rolled_up_to: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter:
    """Which requests the Requests page lists.

    Attributes:
        policy: a shadow policy to put beside the live decision; None shows live decisions only.
        differs: with a policy: only requests where it names another model (True) or the same one (False).
        served_model: the model that answered; empty for any.
        status: of the policy's decision, or of the live one without a policy: ok, error, timeout or invalid; empty for
            any.
        contaminated: only requests whose served model is not simply the policy's choice (True), or only others (False).
        flagged: only requests that their router flagged for a person.
    """

    window: Window
    slice: Slice = ALL
    policy: PolicyRef | None = None
    differs: bool | None = None
    served_model: str = ""
    status: str = ""
    contaminated: bool | None = None
    flagged: bool = False


@dataclass(frozen=True, slots=True, order=True)
class PageKey:
    """The last row of a page: newer requests come first, and ties are broken by id."""

    ts: datetime
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """One live request and, if a policy is chosen, that shadow's decision. None is unknown, empty is not given."""

    ts: datetime
    request_id: str
    policy: str
    status: str
    model: str
    served_model: str
    outcome_status: str
    contamination: tuple[str, ...]
    task: str
    user_tier: str
    complexity_band: str
    input_tokens: int | None
    output_tokens: int | None
    latency_s: float | None
    reason: str
    shadow_status: str
    shadow_model: str
    shadow_reason: str

    @property
    def key(self) -> PageKey:
        """Where the next page starts."""
        return PageKey(self.ts, self.request_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPage:
    """Some rows, and where to go on; None at the end."""

    rows: tuple[RequestRow, ...]
    next: PageKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One dispatch of the live plan, in order."""

    kind: str
    provider: str
    model: str
    error_type: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    latency_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One decision on one request, live or shadow, with the outcome that was served."""

    role: str
    policy: PolicyRef
    ts: datetime
    status: str
    error_type: str
    model: str
    tier: str
    escalation_model: str
    steps: str
    candidates: str
    reason: str
    confidence: float | None
    propensity: float | None
    eval_s: float | None
    state_mode: str
    escalated: bool | None
    outcome_status: str
    served_model: str
    served_provider: str
    response_id: str
    trace_id: str
    contamination: tuple[str, ...]
    input_tokens: int | None
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int | None
    latency_s: float | None
    ttft_s: float | None
    reported_cost_usd: float | None
    cluster_kind: str
    task: str
    user_tier: str
    complexity_band: str
    input_band: str
    labels: Mapping[str, str]
    prompt_version: str
    sample_rate: float
    origin: str
    sdk_version: str
    attempts: tuple[AttemptRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalEvent:
    """A signal on one request, the newest of its name, source and scorer."""

    ts: datetime
    name: str
    source: str
    scorer: str
    value: float | None
    label: str
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTrace:
    """Everything stored about one request.

    Attributes:
        live: the executed decision; None if only shadow rows arrived.
        prompt: JSON of the messages, where the service sends them; else empty. `answer` likewise.
    """

    request_id: str
    live: DecisionRow | None
    shadows: tuple[DecisionRow, ...]
    signals: tuple[SignalEvent, ...]
    prompt: str = ""
    answer: str = ""
