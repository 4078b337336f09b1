"""The router's state at one moment. Immutable, taken when live decides; the shadows that run later see the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from shadow.domain.request import nothing
from shadow.runtime.frozen import quickly_made

StateMode = Literal["shared", "own", "none"]
"""Whose state a policy sees: the router's, its private simulated one, or none."""
STATE_MODES: Final[tuple[StateMode, ...]] = get_args(StateMode)


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """What was observed of one model at its provider. None = nothing yet; a model nobody called is no fast one.

    Attributes:
        latency_s: moving average of seconds per answer.
        ttft_s: moving average of seconds to the first chunk of a stream.
        error_rate: moving average of failed dispatches, in [0, 1].
        quality: moving average of what validators and signals say of its answers, in [0, 1].
        admitted: share of requests that its circuit breaker lets through: 1 healthy, 0 open, between while it returns.
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
    """What a policy may know besides the request.

    Attributes:
        mode: whose state it is.
        models: by catalogue name; only models that something was observed of.
        warm_tokens: tokens of this session's prompt prefix that a model still holds in its cache, by catalogue name.
        remaining_usd: what is left of each spending limit that applies to this request, by the limit's name.
        killed: models and providers that a kill switch has turned off.
    """

    mode: StateMode = "none"
    models: Mapping[str, ModelState] = field(default_factory=nothing)
    warm_tokens: Mapping[str, int] = field(default_factory=nothing)
    remaining_usd: Mapping[str, float] = field(default_factory=nothing)
    killed: frozenset[str] = frozenset()

    def of(self, model: str) -> ModelState:
        """The state of a model; the unobserved one where nothing is known."""
        return self.models.get(model, UNOBSERVED)


STATELESS: Final = Snapshot()
"""What a policy sees that declares `state: none`, and every policy where nobody keeps state."""
