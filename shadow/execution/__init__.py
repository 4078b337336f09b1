"""Executes the steps of the live decision."""

from shadow.execution.dispatch import Dispatch
from shadow.execution.received import Received, Tick
from shadow.execution.settings import ExecutionSettings, RetrySettings, TierBudget
from shadow.execution.shells import arun, astream, run, stream
from shadow.execution.state_machine import Execution
from shadow.execution.terms import Terms

__all__ = [
    "Dispatch",
    "Execution",
    "ExecutionSettings",
    "Received",
    "RetrySettings",
    "Terms",
    "Tick",
    "TierBudget",
    "arun",
    "astream",
    "run",
    "stream",
]
