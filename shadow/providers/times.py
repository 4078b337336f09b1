"""The time limits of one dispatch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

from shadow.providers.protocol import Call
from shadow.runtime.frozen import quickly_made


@quickly_made
@dataclass(frozen=True, slots=True)
class Times:
    """The limits of one dispatch, in seconds.

    Attributes:
        silence_s: longest time without an event of a stream; for a whole answer, its total time.
        first_chunk_s: time until the first event of a stream.
        ends: end of the dispatch on the monotonic clock.
    """

    silence_s: float
    first_chunk_s: float
    ends: float

    @classmethod
    def of(cls, call: Call, default_s: float) -> Self:
        """The limits of a call that starts now."""
        left_s = float("inf") if call.deadline_s is None else call.deadline_s
        silence_s = min(default_s if call.timeout_s is None else call.timeout_s, left_s)
        first_s = silence_s if call.first_chunk_s is None else min(call.first_chunk_s, left_s)
        return cls(silence_s, first_s, time.monotonic() + left_s)


class BodyTimer:
    """Checks the limits while a body arrives. A client only limits the silence between two pieces of any size.

    Args:
        times: the limits.
        first_s: seconds until the first `event`.
    """

    def __init__(self, times: Times, first_s: float) -> None:
        self._times = times
        self._until = min(time.monotonic() + first_s, times.ends)

    def event(self) -> None:
        """An event arrived; the next silence begins."""
        self._until = min(time.monotonic() + self._times.silence_s, self._times.ends)

    @property
    def is_over(self) -> bool:
        """Whether a limit is exceeded."""
        return time.monotonic() > self._until
