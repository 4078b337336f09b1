"""What an execution asks and tells about models: health, rate limits and money. `shadow.state` is the real one."""

from __future__ import annotations

from typing import Final, Protocol

from shadow.request import Request


class ModelStates(Protocol):
    """Never raises; knows models by their names in the catalogue and by their aliases."""

    def admits(self, model: str, request: Request) -> bool:
        """Whether this model may be dispatched to now. After True an `attempt` follows."""
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


class _NoState:
    """Everything is admitted, nothing is kept."""

    def admits(self, model: str, request: Request) -> bool:  # noqa: ARG002 - ModelStates
        return True

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


NO_STATE: Final[ModelStates] = _NoState()
