"""Responses that OpenAI answers in the background, until the caller asks for them again."""

from __future__ import annotations

import weakref
from typing import Any, Final

from shadow.domain.usage import is_pending, read
from shadow.hooks.observed import ObservedRequest
from shadow.recording.recorder import Recorder

WAITING_AT_MOST: Final = 10_000


class Background:
    """Requests whose answer is still to come, by the id of their response. Shared by the clients of an observer."""

    def __init__(self) -> None:
        self._waiting: dict[str, ObservedRequest] = {}

    def wait(self, observed: ObservedRequest, reply: Any) -> None:
        """Remember a request; its record stays open, until the time-out closes it as unreported."""
        response_id = read(reply, "id")
        if isinstance(response_id, str):
            while len(self._waiting) >= WAITING_AT_MOST:
                self._waiting.pop(next(iter(self._waiting)), None)
            self._waiting[response_id] = observed

    def seen(self, reply: Any) -> None:
        """The caller asked for a response again. One that is over is the outcome, also after the time-out."""
        if not is_pending(reply) and isinstance(response_id := read(reply, "id"), str):
            observed = self._waiting.pop(response_id, None)
            if observed is not None:
                observed.answered(reply)


def background_of(recorder: Recorder) -> Background:
    """The one of an observer."""
    return _of_recorders.setdefault(recorder, Background())


_of_recorders: weakref.WeakKeyDictionary[Recorder, Background] = weakref.WeakKeyDictionary()
