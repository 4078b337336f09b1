"""Observes a stream of LiteLLM while its caller iterates over it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from shadow.hooks.litellm_call import LiteLLMCall
from shadow.hooks.litellm_calls import OpenCalls
from shadow.hooks.streams import ObservedStream
from shadow.hooks.watched_iterators import watch_iterator


def watch_stream(calls: OpenCalls, call: LiteLLMCall, stream: Any) -> None:
    """Observe the iteration of a stream, and its early end."""
    watch_iterator(stream, CallStream(calls, call))


class CallStream:
    """The stream of one call, and its end."""

    def __init__(self, calls: OpenCalls, call: LiteLLMCall) -> None:
        self.calls = calls
        self.call = call
        self._stream = ObservedStream(call)

    def inside(self) -> AbstractContextManager[None]:
        """Events of one step belong to the call."""
        return self.calls.inside(self.call)

    def see(self, item: Any) -> None:
        """A chunk passes."""
        self._stream.see(item)

    def ended(self) -> None:
        """It is exhausted."""
        self._stream.ended()
        self._forget()

    def failed(self, error: BaseException) -> None:
        """It broke."""
        self._stream.failed(error)
        self._forget()

    def dropped(self) -> None:
        """The caller dropped the stream. The garbage collector may call this in any thread, so it only takes a note."""
        if not self.call.is_closed and not self.call.has_ended:
            self.call.is_abandoned = True
            self._stream.dropped()
            self.call.soon(self._forget)

    def _forget(self) -> None:
        if self.call.is_closed:
            self.calls.forget(self.call)
