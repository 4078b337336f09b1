"""The documents of shadow.yaml and models.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from shadow.config.execution_document import ExecutionDocument
from shadow.config.fields import (
    Address,
    Document,
    Isolation,
    LabelSegment,
    Name,
    NotNegative,
    Positive,
    PositiveCount,
    Segment,
    Text,
    Texts,
)
from shadow.config.gateway_document import GatewayDocument
from shadow.config.routing import (
    DEFAULT_EXPORT_URL,
    DEFAULT_PROJECT,
    DEFAULT_SEGMENTS,
    DEFAULT_SERVICE,
    Content,
    Limits,
    Origin,
    Reload,
)
from shadow.config.state_document import ModelLimitsDocument, SpendingDocument, StateDocument
from shadow.domain.from_request import RequestField
from shadow.domain.policy import Decides

DEFAULT_LIMITS = Limits()
DEFAULT_RELOAD = Reload()


def _as_file(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


def _as_empty(value: Any) -> Any:
    return {} if value is None else value


class PriceDocument(Document):
    """USD per million tokens. Cache prices that are absent equal the input price."""

    input: NotNegative
    cached_input: NotNegative | None = None
    cache_write: NotNegative | None = None
    output: NotNegative


class ModelDocument(Document):
    """One model of models.yaml."""

    provider: str = ""
    tier: Literal["small", "medium", "large"] | None = None
    aliases: list[Text] = Field(default_factory=list)
    base_url: Address | None = None
    api_key_env: str = ""
    latency_s: Positive | None = None
    output_tokens: PositiveCount | None = None
    quality: Annotated[float, Field(ge=0, le=1)] | None = None
    context_tokens: PositiveCount | None = None
    supports: list[Literal["tools", "vision", "json"]] | None = None
    languages: Texts | None = None
    regions: Texts | None = None
    price_usd_per_million: PriceDocument | None = None
    limits: ModelLimitsDocument = ModelLimitsDocument()


class ModelsDocument(Document):
    """models.yaml."""

    prices: Literal["genai-prices"] = "genai-prices"
    models: Annotated[dict[Text, Annotated[ModelDocument, BeforeValidator(_as_empty)]], Field(min_length=1)]


class LiveDocument(Document):
    """A live router of the host."""

    name: Name
    version: str = ""
    decides: Decides = "unknown"


class ExportDocument(Document):
    """Export of spans."""

    to: Address = DEFAULT_EXPORT_URL
    token_env: str = ""
    content: Content = "none"
    redact: Text | None = None

    @model_validator(mode="after")
    def _redact_with_redacted(self) -> Self:
        if self.redact is not None and self.content != "redacted":
            raise ValueError(f"redact must stand beside content: redacted, got content: {self.content}")
        return self


class LimitsDocument(Document):
    """Limits of shadow work."""

    budget_s: Positive = DEFAULT_LIMITS.budget_s
    strikes: PositiveCount = DEFAULT_LIMITS.strikes
    max_pending: PositiveCount = DEFAULT_LIMITS.max_pending
    outcome_timeout_s: Positive = DEFAULT_LIMITS.outcome_timeout_s
    queue_spans: PositiveCount = DEFAULT_LIMITS.queue_spans
    sample_rate: Annotated[float, Field(gt=0, le=1)] = DEFAULT_LIMITS.sample_rate
    review_after_refusals: PositiveCount = DEFAULT_LIMITS.review_after_refusals


class ReloadDocument(Document):
    """Whether changed files are loaded while the process runs."""

    watch: bool = DEFAULT_RELOAD.watch
    every_s: Positive = DEFAULT_RELOAD.every_s


Live = Annotated[
    Annotated[Text, Tag("file")] | Annotated[LiveDocument, Tag("host")],
    Discriminator(lambda value: "file" if isinstance(value, str) else "host"),
]
"""A policy file, or the name of the host's router."""


class ShadowDocument(Document):
    """A shadow policy of the service."""

    file: Text
    isolation: Isolation | None = None


class RoutingDocument(Document):
    """shadow.yaml."""

    service: Text = DEFAULT_SERVICE
    project: Text = DEFAULT_PROJECT
    origin: Origin = "production"
    live: Live
    shadows: list[Annotated[ShadowDocument, BeforeValidator(_as_file)]]
    from_request: dict[RequestField | LabelSegment, Text] = Field(default_factory=dict)
    labels: list[Text] = Field(default_factory=list)
    segments: Annotated[list[Segment], Field(max_length=8, default_factory=lambda: list(DEFAULT_SEGMENTS))]
    export: ExportDocument = ExportDocument()
    limits: LimitsDocument = LimitsDocument()
    reload: ReloadDocument = ReloadDocument()
    state: StateDocument = StateDocument()
    spending: dict[Text, SpendingDocument] = Field(default_factory=dict, max_length=50)
    execution: ExecutionDocument = ExecutionDocument()
    gateway: GatewayDocument = GatewayDocument()
