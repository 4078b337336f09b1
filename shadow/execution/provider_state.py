"""The interface between an execution and the state of models, which `shadow.state` implements."""

from __future__ import annotations

from typing import Final, Protocol

from shadow.domain.request import Request
from shadow.state.rate_limits import RateLimits


class ModelStates(Protocol):
    """Never raises; takes names and aliases of models."""

    def admits(self, model: str, request: Request) -> bool:
        """Whether this model may be dispatched to now. After True an `attempt` follows."""
        ...

    def returns(self, model: str) -> bool:
        """Whether it is recovering from an outage and gets only a share of its requests."""
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
        """Report the result of one dispatch; `error_type` is empty if it answered."""
        ...

    def limits(self, model: str, limits: RateLimits) -> None:
        """Report the provider's rate limits from the headers of an answer."""
        ...


class _NoState:
    """Admits every model and keeps no state."""

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
