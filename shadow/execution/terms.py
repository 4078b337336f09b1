"""Shared by all executions of a router."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from shadow.execution.provider_state import NO_STATE, ModelStates
from shadow.execution.retries import Jitter, RetryBudgets, system_jitter
from shadow.execution.settings import ExecutionSettings, RetrySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Settings and shared state of executions.

    Attributes:
        settings: limits, and models for special cases.
        retries: retry budgets by provider.
        state: admits models, and takes the results of dispatches.
        jitter: randomizes waits.
    """

    settings: ExecutionSettings
    retries: RetryBudgets
    state: ModelStates = NO_STATE
    jitter: Jitter = system_jitter

    @classmethod
    def of(cls, settings: ExecutionSettings, state: ModelStates = NO_STATE, jitter: Jitter = system_jitter) -> Self:
        """The terms of one router, with retry budgets of its own."""
        return cls(settings=settings, retries=RetryBudgets(), state=state, jitter=jitter)


WITHOUT_RETRIES: Final = Terms.of(ExecutionSettings(retry=RetrySettings(times=0)))
"""For recorded answers: no retries."""
