"""The guard between the SDK's failures and the host: it counts and logs them.

`KeyboardInterrupt` and `SystemExit` of the host pass. Those of a shadow policy are caught in `policies/guarded.py`.
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
    """Counts contained errors by place, and logs one error per place every 20 s.

    `on_error="raise"` lets internal errors through; tests use it to find them.
    """

    def __init__(self, on_error: OnError = "count") -> None:
        self._on_error = on_error
        self._guards: dict[str, Guard] = {}
        self.after_fork()

    @property
    def counts(self) -> dict[str, int]:
        """Contained errors by place."""
        with self._lock:
            return dict(self._counts)

    def guard(self, where: str) -> Guard:
        """A context manager that contains an `Exception` of its block."""
        guard = self._guards.get(where)
        if guard is None:
            guard = self._guards[where] = Guard(self, where)
        return guard

    def swallows(self, where: str, error: BaseException) -> bool:
        """Count and log an internal error; False if it must be raised."""
        if not isinstance(error, Exception) or self._on_error == "raise":
            return False
        self._add("shadowroute: internal error contained, your request is unaffected (%s): %s", where, error)
        return True

    def note(self, where: str, error: BaseException) -> None:
        """Count and log an error of the service's own function, which the caller has handled."""
        self._add("shadowroute: %s failed, your request is unaffected; correct that function: %s", where, error)

    def _add(self, message: str, where: str, error: BaseException) -> None:
        now = time.monotonic()
        with self._lock:
            self._counts[where] += 1
            quiet = now - self._logged_at.get(where, -LOG_EVERY_S) < LOG_EVERY_S
            if not quiet:
                self._logged_at[where] = now
        if not quiet:
            logger.warning(message, where, str(error) if isinstance(error, ShadowError) else describe(error))

    def after_fork(self) -> None:
        """Count from zero, with a new lock: the parent's may be locked by a thread that does not exist here."""
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}


class Guard:
    """Guards all blocks of one place. It has no state, so that they share it."""

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
    """Class and line of an error, without its text, which may quote a prompt."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    file = place.tb_frame.f_code.co_filename.rpartition("/")[2]
    return f"{type(error).__name__} raised at {file}:{place.tb_lineno}"
