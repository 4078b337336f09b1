"""The two clocks of a record: event time, and durations. Demo and backtest put their own event time here."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Event time and durations of the live call. Budgets and time-outs always use real time."""

    def time_ns(self) -> int:
        """Event time, epoch nanoseconds."""
        ...

    def perf_counter(self) -> float:
        """Monotonic seconds, for durations."""
        ...


class SystemClock:
    """The machine's own clocks."""

    time_ns = staticmethod(time.time_ns)
    perf_counter = staticmethod(time.perf_counter)


SYSTEM_CLOCK: Clock = SystemClock()
