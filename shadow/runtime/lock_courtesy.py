"""Keeps background threads polite: they give the interpreter lock back before a request notices.

A thread that computes keeps the lock until another one has asked for it for `sys.getswitchinterval()`, 5 ms. A live
call that comes back from the network would wait that long. So every background loop of ours calls `pause` once per
item, and really sleeps after a slice of work: with `sleep(0)` the same thread nearly always wins the lock again.
"""

from __future__ import annotations

import threading
import time

SLICE_S = 0.0003
REST_S = 0.00005


_nobody_waits = threading.Event()


def end_courtesy() -> None:
    """The process is ending: no request is left that could wait, and what is queued must be sent in time."""
    _nobody_waits.set()


class Courtesy:
    """One background thread's slice of work. Not shared between threads."""

    __slots__ = ("_slice_ends",)

    def __init__(self) -> None:
        self._slice_ends = 0.0

    def pause(self) -> None:
        """Sleep if this slice is used up; otherwise cost about 0.1 µs."""
        if time.perf_counter() >= self._slice_ends and not _nobody_waits.is_set():
            time.sleep(REST_S)
            self._slice_ends = time.perf_counter() + SLICE_S
