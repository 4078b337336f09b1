"""Small work beside the records, on whichever thread of the recorder is there: never on the caller's path for long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from shadow.runtime.containment import Containment


class Chores:
    """Work that comes back about once a second, and work to be done once, soon."""

    def __init__(self, containment: Containment) -> None:
        self._containment = containment
        self._regular: list[Callable[[], None]] = []
        self._soon: deque[Callable[[], None]] = deque()

    def now_and_then(self, chore: Callable[[], None]) -> None:
        """Call `chore` at each `do_regular`."""
        self._regular.append(chore)

    def soon(self, task: Callable[[], None]) -> None:
        """Call `task` at the next `do_soon`. Takes no lock: finalizers may call it."""
        self._soon.append(task)

    def do_regular(self) -> None:
        """Call every chore once."""
        for chore in self._regular:
            with self._containment.guard("reload"):
                chore()

    def do_soon(self) -> None:
        """Call the tasks that came since the last time."""
        while self._soon:
            try:
                task = self._soon.popleft()
            except IndexError:  # another thread has taken the last one
                return
            with self._containment.guard("soon"):
                task()

    def after_fork(self) -> None:
        """The parent does its own tasks; the chores go on in the child."""
        self._soon.clear()
