"""What an execution asks and tells about models: health, rate limits and money. `shadow.state` is the real one."""

from __future__ import annotations

from typing import Final, Protocol

from shadow.domain.request import Request
from shadow.state.rate_limits import RateLimits


class ModelStates(Protocol):
    """Never raises; knows models by their names in the catalogue and by their aliases."""

    def admits(self, model: str, request: Request) -> bool:
        """Whether this model may be dispatched to now. After True an `attempt` follows."""
        ...

    def returns(self, model: str) -> bool:
        """Whether it answers again after an outage, but gets only a share of its requests for now."""
        ...

    def attempt(
        self,
        model: str,
        *,
        error_type: str,
        latency_s: float,
        ttft_s: float | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """What came of one dispatch; `error_type` is empty if it answered."""
        ...

    def limits(self, model: str, limits: RateLimits) -> None:
        """What the headers of an answer said of the provider's rate limits."""
        ...


class _NoState:
    """Everything is admitted, nothing is kept."""

    def admits(self, model: str, request: Request) -> bool:  # noqa: ARG002 - ModelStates
        return True

    def returns(self, model: str) -> bool:  # noqa: ARG002 - ModelStates
        return False

    def attempt(
        self,
        model: str,
        *,
        error_type: str,
        latency_s: float,
        ttft_s: float | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        pass

    def limits(self, model: str, limits: RateLimits) -> None:
        pass


NO_STATE: Final[ModelStates] = _NoState()
