"""The one guard between our failures and the host: count, log now and then, go on.

`KeyboardInterrupt` and `SystemExit` of the host pass. A shadow policy's own are caught where the policy is called
(`policies/guarded.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Literal

from shadow.errors import ShadowError

OnError = Literal["count", "raise"]
LOG_EVERY_S = 20.0

logger = logging.getLogger("shadowroute")


class Containment:
    """Counts what it swallows by place, and logs the first failure of a place every 20 s.

    `on_error="raise"` lets failures through; tests pass it, so that a bug of ours cannot hide.
    """

    def __init__(self, on_error: OnError = "count") -> None:
        self._on_error = on_error
        self._guards: dict[str, Guard] = {}
        self.after_fork()

    @property
    def counts(self) -> dict[str, int]:
        """Swallowed failures by place."""
        with self._lock:
            return dict(self._counts)

    def guard(self, where: str) -> Guard:
        """A context manager that swallows an `Exception` of its block."""
        guard = self._guards.get(where)
        if guard is None:
            guard = self._guards[where] = Guard(self, where)
        return guard

    def swallows(self, where: str, error: BaseException) -> bool:
        """Count and log an error; whether it must not go further."""
        if not isinstance(error, Exception) or self._on_error == "raise":
            return False
        self.note(where, error)
        return True

    def note(self, where: str, error: BaseException) -> None:
        """Count and log an error that was dealt with already."""
        now = time.monotonic()
        with self._lock:
            self._counts[where] += 1
            quiet = now - self._logged_at.get(where, -LOG_EVERY_S) < LOG_EVERY_S
            if not quiet:
                self._logged_at[where] = now
        if not quiet:
            told = isinstance(error, ShadowError)
            text = str(error) if told else f"{describe(error)}; its record may be incomplete; please report it"
            logger.warning("shadowroute: internal error contained, your request is unaffected (%s): %s", where, text)

    def after_fork(self) -> None:
        """Count from zero, with a new lock: one that a thread of the parent held would stay locked for ever."""
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}


class Guard:
    """The guarded blocks of one place. It remembers nothing, so that all of them share it."""

    __slots__ = ("_containment", "_where")

    def __init__(self, containment: Containment, where: str) -> None:
        self._containment = containment
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return error is not None and self._containment.swallows(self._where, error)


def describe(error: BaseException) -> str:
    """Class of an error and the line that raised it, without its text: a message may quote a prompt."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    file = place.tb_frame.f_code.co_filename.rpartition("/")[2]
    return f"{type(error).__name__} raised at {file}:{place.tb_lineno}"
