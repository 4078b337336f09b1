"""The end of the process: every recorder that is still alive delivers its records first."""

from __future__ import annotations

import atexit
import weakref
from typing import Final, Protocol

from shadow.runtime.lock_yielding import stop_yielding

EXIT_FLUSH_S: Final = 10.0


class Ending(Protocol):
    """Something with records to deliver."""

    def shutdown(self, timeout_s: float) -> object:
        """Deliver, for that long at most."""
        ...


_alive: weakref.WeakSet[Ending] = weakref.WeakSet()


def shut_down(ending: Ending) -> None:
    """Shut it down at the exit of the process, if it is alive then."""
    _alive.add(ending)


@atexit.register
def _shut_down_all() -> None:
    stop_yielding()
    for each in list(_alive):
        each.shutdown(EXIT_FLUSH_S)
