"""Background threads yield the interpreter lock, so that requests do not wait for it.

A computing thread keeps the lock until another one has waited for `sys.getswitchinterval()`, 5 ms. A live
call that returns from the network would wait that long. So every background loop calls `pause` once per
item, and sleeps after a slice of work: with `sleep(0)` the same thread nearly always gets the lock again.
"""

from __future__ import annotations

import threading
import time

SLICE_S = 0.0003
REST_S = 0.00005


_is_exiting = threading.Event()


def stop_yielding() -> None:
    """Stop at the exit of the process: no request waits, and the queues must be sent in time."""
    _is_exiting.set()


class LockYielder:
    """The slice of work of one background thread. Not shared between threads."""

    __slots__ = ("_slice_ends",)

    def __init__(self) -> None:
        self._slice_ends = 0.0

    def pause(self) -> None:
        """Sleep if this slice is used up; otherwise cost about 0.1 µs."""
        if time.perf_counter() >= self._slice_ends and not _is_exiting.is_set():
            time.sleep(REST_S)
            self._slice_ends = time.perf_counter() + SLICE_S
