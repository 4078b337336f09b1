"""The router's state when live decides. Immutable: the shadows that run later see the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from shadow.domain.request import nothing
from shadow.runtime.frozen import quickly_made

StateMode = Literal["shared", "own", "none"]
"""The state that a policy sees: the router's, its private simulated one, or none."""
STATE_MODES: Final[tuple[StateMode, ...]] = get_args(StateMode)


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """Observations of one model at its provider. None = none yet.

    Attributes:
        latency_s: moving average of seconds per answer.
        ttft_s: moving average of seconds to the first chunk of a stream.
        error_rate: moving average of failed dispatches, in [0, 1].
        quality: moving average of validators and signals for its answers, in [0, 1].
        admitted: share of requests that its circuit breaker admits: 1 closed, 0 open, between while it recovers.
        headroom: share of its tightest rate limit that is left beyond the reserve, in [0, 1]; 0 = it must wait.
    """

    latency_s: float | None = None
    ttft_s: float | None = None
    error_rate: float | None = None
    quality: float | None = None
    admitted: float = 1.0
    headroom: float | None = None


UNOBSERVED: Final = ModelState()


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The second input of a policy, besides the request.

    Attributes:
        mode: the kind of state.
        models: observed models by catalogue name.
        warm_tokens: tokens of this session's prompt prefix in a model's cache, by catalogue name.
        remaining_usd: the rest of each spending limit that applies to this request, by the limit's name.
        killed: models and providers with a kill switch on.
    """

    mode: StateMode = "none"
    models: Mapping[str, ModelState] = field(default_factory=nothing)
    warm_tokens: Mapping[str, int] = field(default_factory=nothing)
    remaining_usd: Mapping[str, float] = field(default_factory=nothing)
    killed: frozenset[str] = frozenset()

    def of(self, model: str) -> ModelState:
        """The state of a model; `UNOBSERVED` without observations."""
        return self.models.get(model, UNOBSERVED)


STATELESS: Final = Snapshot()
"""The snapshot of policies with `state: none`, and wherever no state is kept."""
