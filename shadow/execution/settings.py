"""Settings of executions: `execution:` of a shadow.yaml, as plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from shadow.domain.request import nothing
from shadow.errors import ConfigError

OverCost = Literal["reject", "truncate"]
DEFAULT_TIER: Final = "default"
"""The entry of `tiers` for requests whose user tier has none of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """Retries of the same model after a failure of its provider.

    Attributes:
        times: retries of one step.
        budget: retries per request to a provider, in [0, 0.2].
        backoff_s: seconds before the first retry if the provider names no time; doubled for each further one.
        patience_s: longest wait for a provider that asked to wait, while another step is left.
    """

    times: int = 2
    budget: float = 0.1
    backoff_s: float = 0.5
    patience_s: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.times <= 10:
            raise ConfigError(f"execution.retry.times must be in [0, 10], got {self.times!r}")
        if not 0 <= self.budget <= 0.2:
            raise ConfigError(f"execution.retry.budget must be in [0, 0.2], got {self.budget!r}")
        for name in ("backoff_s", "patience_s"):
            value = getattr(self, name)
            if not 0 <= value <= 60:
                raise ConfigError(f"execution.retry.{name} must be in [0, 60], got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TierBudget:
    """Limits of one request of a user tier.

    Attributes:
        latency_s: seconds for a step while another one is left, which is asked next. None = no limit.
        cost_usd: USD for all attempts of a request together; None = no limit.
        over_cost: whether a step with a higher expected cost is refused, or its answer cut.
    """

    latency_s: float | None = None
    cost_usd: float | None = None
    over_cost: OverCost = "reject"


UNLIMITED: Final = TierBudget()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSettings:
    """How decisions are executed.

    Attributes:
        deadline_s: seconds for a whole request with all its attempts; None = no limit.
        timeout_s: seconds for one dispatch: the whole answer, or in a stream the longest silence; None = 600.
        first_chunk_s: seconds until the first chunk of a stream; None = `timeout_s`.
        max_attempts: dispatches of one request, after which a failure is final.
        retry: of the same model.
        long_context: model for requests that are too long for the chosen one; empty = none.
        content_policy: model for requests that a provider's content policy refuses; empty = none.
        tiers: budgets by user tier; `default` is for tiers without an entry.
    """

    deadline_s: float | None = None
    timeout_s: float | None = None
    first_chunk_s: float | None = None
    max_attempts: int = 6
    retry: RetrySettings = RetrySettings()
    long_context: str = ""
    content_policy: str = ""
    tiers: Mapping[str, TierBudget] = field(default_factory=nothing)

    def budget_of(self, user_tier: str) -> TierBudget:
        """The limits of this tier."""
        return self.tiers.get(user_tier) or self.tiers.get(DEFAULT_TIER) or UNLIMITED

    @property
    def limits_cost(self) -> bool:
        """Whether a tier has a cost budget, which needs prices."""
        return any(tier.cost_usd is not None for tier in self.tiers.values())
