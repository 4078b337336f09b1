"""A thread that works through batches under a time budget, and that can be abandoned.

Python cannot stop a thread. A worker that overruns gets an asynchronous exception, which ends Python code at its next
instruction and blocking C code when it returns. Then it is abandoned: it takes no more work, and its later results are
ignored. Its owner starts another one.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from shadow.runtime.gc_pauses import PAUSES
from shadow.runtime.lock_yielding import LockYielder

Item = TypeVar("Item")
Result = TypeVar("Result")

IMPORT_S: Final = 0.5
"""Seconds until a worker that was importing is looked at again."""


class OverrunError(BaseException):
    """Raised in a worker that took too long. Not an `Exception`, so that ordinary handlers do not catch it."""


class Task(Generic[Item, Result]):
    """One batch of a worker.

    Attributes:
        results: one per finished item, in order.
        current: number of the item in work, and its start; None between items.
        done: set when every item is finished, or the task was given up.
        gave_up: why the worker ended before the last item; empty if it did not.
    """

    __slots__ = ("current", "done", "gave_up", "items", "results")

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.results: list[Result] = []
        self.current: tuple[int, float] | None = None
        self.done = threading.Event()
        self.gave_up = ""

    def give_up(self, reason: str) -> None:
        """The worker ended by itself before the task was done."""
        self.gave_up = reason
        self.done.set()


class Worker(Generic[Item, Result]):
    """One daemon thread that applies `work` to every item of the tasks it is given."""

    def __init__(self, name: str, work: Callable[[Item], Result]) -> None:
        self._work = work
        self._inbox: queue.SimpleQueue[Task[Item, Result] | None] = queue.SimpleQueue()
        self._abandoned = False
        PAUSES.watch()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def is_ready(self) -> bool:
        """True: a thread takes items at once."""
        return True

    def is_alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def forget(self) -> None:
        """In a forked child: nothing to do for a thread."""

    def start(self, items: Sequence[Item]) -> Task[Item, Result]:
        """Begin a batch; returns at once."""
        task: Task[Item, Result] = Task(items)
        self._inbox.put(task)
        return task

    def stop(self) -> None:
        """End the thread after its current batch."""
        self._inbox.put(None)

    def abandon(self) -> None:
        """Abandon the thread and try to end its current item."""
        self._abandoned = True
        self._throw()
        self._inbox.put(None)

    def _throw(self) -> None:
        """Throw into the thread, but not while it imports.

        The interpreter's import lock could stay locked for ever, and every import of the host would wait for it.
        """
        import ctypes  # noqa: PLC0415 - only after an overrun

        ident = self._thread.ident
        if ident is None or not self._thread.is_alive():
            return
        if _is_importing(ident):
            later = threading.Timer(IMPORT_S, self._throw)
            later.daemon = True
            later.start()
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(OverrunError))

    def _run(self) -> None:
        try:
            while (task := self._inbox.get()) is not None:
                self._apply(task)
        except OverrunError:  # it may arrive late, between two items
            return

    def _apply(self, task: Task[Item, Result]) -> None:
        yielder = LockYielder()
        for number, item in enumerate(task.items):
            if self._abandoned:
                return
            task.current = (number, PAUSES.now())
            result = self._work(item)
            task.current = None
            task.results.append(result)
            yielder.pause()
        task.done.set()


def wait_for(task: Task[Item, Result], budget_s: float) -> int | None:
    """Wait until a task is done, as long as no item takes longer than its budget.

    If this thread wakes up late, other threads hold the interpreter lock or the machine is busy, and the item gets
    that time, too. Full garbage collections are not counted.

    Returns:
        None if the task is done, else the number of the item that overran.
    """
    late_s = 0.0
    while True:
        current, now = task.current, PAUSES.now()
        if current is not None and now - current[1] > budget_s + late_s:
            return current[0]
        left_s = budget_s if current is None else current[1] + budget_s + late_s - now
        expected = now + left_s
        if task.done.wait(left_s):
            return None
        late_s = max(0.0, PAUSES.now() - expected)


def _is_importing(ident: int) -> bool:
    """Whether a thread runs the interpreter's import code, or what that calls."""
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - documented, and there is no other way
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
