"""Executes the steps of the live decision."""

from shadow.execution.dispatch import Dispatch
from shadow.execution.settings import ExecutionSettings, RetrySettings, TierBudget
from shadow.execution.shells import arun, astream, run, stream
from shadow.execution.state_machine import Execution
from shadow.execution.stream_buffer import StreamBuffer, Tick
from shadow.execution.terms import Terms

__all__ = [
    "Dispatch",
    "Execution",
    "ExecutionSettings",
    "RetrySettings",
    "StreamBuffer",
    "Terms",
    "Tick",
    "TierBudget",
    "arun",
    "astream",
    "run",
    "stream",
]
