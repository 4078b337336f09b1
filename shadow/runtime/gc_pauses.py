"""A clock that stops during full garbage collections, for the time budgets of policies.

A full collection visits every object of the host, which takes a tenth of a second in a large service, in any thread
that makes the next object.
"""

from __future__ import annotations

import gc
import time
from typing import Any, Final

FULL: Final = 2
"""Generation of full collections; the others take microseconds."""


class Pauses:
    """Adds up full collections of this process.

    Attributes:
        total_s: seconds so far, without the current one.
    """

    def __init__(self) -> None:
        self.total_s = 0.0
        self._began_s: float | None = None

    def now(self) -> float:
        """Seconds of a clock that stands still during full collections."""
        began_s = self._began_s  # another thread may run before the collecting one has called `_note`
        return (time.perf_counter() if began_s is None else began_s) - self.total_s

    def watch(self) -> None:
        """Begin; a second call changes nothing."""
        if self._note not in gc.callbacks:
            gc.callbacks.append(self._note)

    def _note(self, phase: str, info: dict[str, Any]) -> None:
        if info["generation"] != FULL:
            return
        if phase == "start":
            self._began_s = time.perf_counter()
        elif self._began_s is not None:
            self.total_s += time.perf_counter() - self._began_s
            self._began_s = None


PAUSES: Final = Pauses()
