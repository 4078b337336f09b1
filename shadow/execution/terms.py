"""What every execution of a router shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from shadow.execution.provider_state import NO_STATE, ModelStates
from shadow.execution.retries import Jitter, RetryBudgets, system_jitter
from shadow.execution.settings import ExecutionSettings, RetrySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms that executions run under.

    Attributes:
        settings: limits, and models for special cases.
        retries: what may be retried, by provider.
        state: which models may be asked at all, and who is told what came of it.
        jitter: spreads waits out.
    """

    settings: ExecutionSettings
    retries: RetryBudgets
    state: ModelStates = NO_STATE
    jitter: Jitter = system_jitter

    @classmethod
    def of(cls, settings: ExecutionSettings, state: ModelStates = NO_STATE, jitter: Jitter = system_jitter) -> Self:
        """The terms of one router, with retry budgets of its own."""
        return cls(settings=settings, retries=RetryBudgets(), state=state, jitter=jitter)


UNTRIED: Final = Terms.of(ExecutionSettings(retry=RetrySettings(times=0)))
"""For answers that are known beforehand: nobody is asked twice."""
