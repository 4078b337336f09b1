"""Executes the steps of the live decision."""

from shadow.execution.course import Dispatch, Execution
from shadow.execution.received import Received, Tick
from shadow.execution.shells import arun, astream, run, stream

__all__ = ["Dispatch", "Execution", "Received", "Tick", "arun", "astream", "run", "stream"]
