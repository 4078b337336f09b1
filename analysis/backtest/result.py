"""The result of a backtest as documents, printed by `--json`. Its schema is published in docs/reference.

A measure is one of three: an estimate with its interval, a range between two bounds, or undefined with a reason. An
unknown truth or miss is null, never 0.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shadowroute.analysis.results import Estimate, Measured, Range, Undefined

SCHEMA: Final = "shadowroute/backtest/1"


class _Document(BaseModel):
    # Values of the measures become documents by their attributes.
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class EstimateDocument(_Document):
    """A number with its interval."""

    kind: Literal["estimate"] = "estimate"
    value: float
    low: float
    high: float
    level: float = Field(description="nominal coverage of low..high, for example 0.95")
    n: int = Field(description="requests that the number rests on")
    clusters: int = Field(description="non-empty hash buckets, the unit of analysis")
    effective_clusters: float
    unit: str = Field(description="share, usd, score or ratio")
    method: str


class RangeDocument(_Document):
    """A quantity known only between two bounds, because some outcomes are unseen."""

    kind: Literal["range"] = "range"
    low: float
    high: float
    n: int
    unit: str
    why: str


class UndefinedDocument(_Document):
    """No number, with the reason."""

    kind: Literal["undefined"] = "undefined"
    reason: str
    next_step: str
    n: int


def measured(value: object) -> object:
    """A measure as a document; anything else is left to the document's own rules."""
    if isinstance(value, Estimate):
        return EstimateDocument(
            value=value.value,
            low=value.interval.low,
            high=value.interval.high,
            level=value.interval.level,
            n=value.n,
            clusters=value.clusters,
            effective_clusters=value.effective_clusters,
            unit=value.unit,
            method=value.method,
        )
    if isinstance(value, Range):
        return RangeDocument.model_validate(value)
    return UndefinedDocument.model_validate(value) if isinstance(value, Undefined) else value


MeasuredDocument = Annotated[
    EstimateDocument | RangeDocument | UndefinedDocument, Field(discriminator="kind"), BeforeValidator(measured)
]


class PolicyDocument(_Document):
    """A policy as it stands on every row."""

    name: str
    version: str


class LeftOutDocument(_Document):
    """Queries that are not used."""

    policy: str
    role: Literal["live", "shadow"]
    reason: str
    n: int


class QueriesDocument(_Document):
    """The input and the used part of it."""

    queries_file: str
    outcomes_file: str
    total: int
    used: int
    left_out: list[LeftOutDocument]
    repeated_outcomes: int = Field(description="rows that repeat a (query, model); the first row is used")
    sessions: Literal["column", "each query"] = Field(description="meaning of a session, the unit of analysis")


class DiffersDocument(_Document):
    """Share of requests on which the shadow would have chosen differently."""

    model: MeasuredDocument
    tier: MeasuredDocument
    steps: MeasuredDocument
    n: int = Field(description="requests whose planned primary model differs")
    failed_share: float | None = Field(description="of all shadow decisions; they are in no share")
    downgrade_share: float | None = Field(description="share of requests sent to a cheaper primary model")


class CostDocument(_Document):
    """Predicted cost at the tokens of the live answers, as a share of live; negative is cheaper."""

    relative: MeasuredDocument
    warm_relative: MeasuredDocument
    per_request_usd: MeasuredDocument
    live_usd: float | None
    shadow_usd: float | None
    shadow_high_usd: float | None = Field(description="if every unseen escalation happens")
    unpriced: list[str]


class EscalationDocument(_Document):
    """Share of requests on which a cheap-first policy pays twice."""

    shadow: MeasuredDocument = Field(description="of its cascade requests")
    live: MeasuredDocument
    known_share: float | None


class QualityDocument(_Document):
    """The recorded score of the live answers. It says nothing about the shadow's model."""

    signal: str
    downgraded: MeasuredDocument
    same: MeasuredDocument
    rest: MeasuredDocument
    all: MeasuredDocument
    note: str


class TruthDocument(_Document):
    """The truth according to the table of outcomes. Null where the table lacks it."""

    n: int
    cost_change: float | None = Field(description="with the tokens of the models that would have answered")
    live_usd: float | None
    shadow_usd: float | None
    output_ratio: float | None = Field(description="tokens written by the other models over the live ones'")
    quality_change: float | None = Field(description="mean score difference over all queries")
    downgraded_n: int
    downgraded_quality_change: float | None
    shadow_quality_downgraded: float | None
    escalation: float | None = Field(description="of the cascade queries")


class MissDocument(_Document):
    """Estimate minus truth, as shares. For a range: the distance to its nearer end, 0 if the truth lies inside."""

    cost: float | None
    cost_inside: bool | None = Field(description="the truth lies in the interval or range")
    escalation: float | None
    escalation_inside: bool | None


class RandomControlDocument(_Document):
    """The shadow against a coin that moves requests to one model and spends as much."""

    model: str = Field(description="that requests are moved to; empty where the control is refused")
    advantage: MeasuredDocument = Field(description="the shadow's change of score minus the coin's")
    shadow_change: float | None
    control_change: float | None
    moved_share: float | None = Field(description="chance at which the coin moves a request")


class SavingsDocument(_Document):
    """The shadow's saving as a share of the largest that a choice between these models could make."""

    share: MeasuredDocument
    band: Literal["below", "inside", "above"] | None = Field(description="of the 70 to 80 % that good routers reach")
    warning: str
    bar: float = Field(description="score from which an answer is good enough")
    dearest: str = Field(description="the model of every request without a router")


class PointDocument(_Document):
    """Position of live, the shadow or a model alone."""

    name: str
    cost_usd: MeasuredDocument = Field(description="mean per request")
    quality: MeasuredDocument = Field(description="mean score")


class FrontierDocument(_Document):
    """Between the cheapest model alone and the best one."""

    weak: str = Field(description="the cheapest model; empty where the cheapest is the best")
    strong: str = Field(description="the best model")
    gap_recovered: MeasuredDocument = Field(description="PGR: 0 is the weak model alone, 1 the strong one")
    aiq: MeasuredDocument = Field(description="mean score over the range of costs that mixing single models reaches")
    points: list[PointDocument]


class SpecialistsDocument(_Document):
    """Whether the shadow chooses well or only spends less. From the table of outcomes, with sampling intervals."""

    n: int = Field(description="queries to which every model that live or the shadow names has an answer")
    random_control: RandomControlDocument
    savings: SavingsDocument
    frontier: FrontierDocument


class CaveatDocument(_Document):
    """A limit of a figure that its reader must know."""

    code: str
    text: str
    next_step: str


class ShadowDocument(_Document):
    """One shadow policy: the four measures, the truth beside them, the miss, and the figures for specialists."""

    policy: PolicyDocument
    differs: DiffersDocument
    cost: CostDocument
    escalation: EscalationDocument
    live_quality: QualityDocument
    truth: TruthDocument
    miss: MissDocument
    specialists: SpecialistsDocument
    caveats: list[CaveatDocument]


class BacktestDocument(_Document):
    """One run."""

    document: Literal["shadowroute/backtest/1"] = Field(default=SCHEMA, alias="schema")
    project: str
    store: str
    price_book: str
    price_source: str
    queries: QueriesDocument
    live: PolicyDocument
    shadows: list[ShadowDocument]
    seconds: float = Field(description="wall time of the whole run")

    def to_json(self) -> str:
        """The document as indented JSON."""
        return self.model_dump_json(by_alias=True, indent=2)


def json_schema() -> dict[str, Any]:
    """The published schema of the document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **BacktestDocument.model_json_schema(by_alias=True),
    }


def miss(value: Measured, truth: float | None) -> tuple[float | None, bool | None]:
    """Estimate minus truth, and whether the truth lies inside its interval or range; nulls where one is unknown."""
    if truth is None:
        return None, None
    if isinstance(value, Estimate):
        return value.value - truth, value.interval.low <= truth <= value.interval.high
    if isinstance(value, Range):
        nearest = min(max(truth, value.low), value.high)
        return nearest - truth, nearest == truth
    return None, None
