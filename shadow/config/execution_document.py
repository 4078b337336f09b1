"""`execution:` of a shadow.yaml."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from shadow.config.fields import Document, Positive, PositiveCount, Text
from shadow.execution.settings import ExecutionSettings, OverCost, RetrySettings, TierBudget

DEFAULTS = ExecutionSettings()


class RetryDocument(Document):
    """Retries of the same model."""

    times: Annotated[int, Field(ge=0, le=10)] = DEFAULTS.retry.times
    budget: Annotated[float, Field(ge=0, le=0.2)] = DEFAULTS.retry.budget
    backoff_s: Annotated[float, Field(ge=0, le=60)] = DEFAULTS.retry.backoff_s
    patience_s: Annotated[float, Field(ge=0, le=60)] = DEFAULTS.retry.patience_s


class TierDocument(Document):
    """Limits of one request of a user tier."""

    latency_s: Positive | None = None
    cost_usd: Positive | None = None
    over_cost: OverCost = "reject"


class ExecutionDocument(Document):
    """Settings of executions."""

    deadline_s: Positive | None = None
    timeout_s: Positive | None = None
    first_chunk_s: Positive | None = None
    max_attempts: PositiveCount = DEFAULTS.max_attempts
    retry: RetryDocument = RetryDocument()
    long_context: Text | None = None
    content_policy: Text | None = None
    tiers: dict[Text, TierDocument] = Field(default_factory=dict)

    def settings(self) -> ExecutionSettings:
        """The document as plain values."""
        return ExecutionSettings(
            deadline_s=self.deadline_s,
            timeout_s=self.timeout_s,
            first_chunk_s=self.first_chunk_s,
            max_attempts=self.max_attempts,
            retry=RetrySettings(**self.retry.model_dump()),
            long_context=self.long_context or "",
            content_policy=self.content_policy or "",
            tiers=MappingProxyType({name: TierBudget(**tier.model_dump()) for name, tier in self.tiers.items()}),
        )
