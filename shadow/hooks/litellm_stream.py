"""Observes a stream of LiteLLM while its caller iterates over it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from shadow.hooks.litellm_call import LiteLLMCall
from shadow.hooks.litellm_calls import OpenCalls
from shadow.hooks.streams import ObservedStream


def is_stream(reply: Any) -> bool:
    """Whether the reply is an iterator."""
    return hasattr(type(reply), "__next__") or hasattr(type(reply), "__anext__")


def watch_stream(calls: OpenCalls, call: LiteLLMCall, stream: Any) -> None:
    """Observe the iteration of a stream, and its early end.

    Python looks up `__next__` in the class, so the stream gets a subclass of its class, which observes it.
    A proxy around it would have another identity and type, and hosts check both.
    """
    watcher = CallStream(calls, call)
    kind: Any = type(stream)
    watched, name = _watched(kind)
    setattr(stream, name, watcher)
    stream.__class__ = watched
    weakref.finalize(stream, watcher.gone).atexit = False


@lru_cache(maxsize=64)
def _watched(kind: Any) -> tuple[type, str]:
    """An observing subclass of a class of streams, made once; and the attribute of the stream with its observer.

    A second observer of a stream makes a subclass of the subclass, with its own attribute.
    """
    name = f"_shadowroute_watcher_{len(kind.__mro__)}"
    own: dict[str, Any] = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    if hasattr(kind, "__next__"):
        own["__next__"] = _step(kind, name)
    if hasattr(kind, "__anext__"):
        own["__anext__"] = _astep(kind, name)
    return type(kind.__name__, (kind,), own), name


class CallStream:
    """The stream of one call, and its end."""

    def __init__(self, calls: OpenCalls, call: LiteLLMCall) -> None:
        self.calls = calls
        self.call = call
        self._stream = ObservedStream(call)

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

    def gone(self) -> None:
        """The caller dropped the stream. The garbage collector may call this in any thread, so it only takes a note."""
        if not self.call.is_closed and not self.call.has_ended:
            self.call.is_abandoned = True
            self._stream.dropped()
            self.call.soon(self._forget)

    def _forget(self) -> None:
        if self.call.is_closed:
            self.calls.forget(self.call)


def _step(kind: Any, name: str) -> Callable[[Any], Any]:
    def step(self: Any) -> Any:
        watcher: CallStream = getattr(self, name)
        try:
            with watcher.calls.inside(watcher.call):
                item = kind.__next__(self)
        except StopIteration:
            watcher.ended()
            raise
        except BaseException as error:
            watcher.failed(error)
            raise
        watcher.see(item)
        return item

    return step


def _astep(kind: Any, name: str) -> Callable[[Any], Any]:
    async def step(self: Any) -> Any:
        watcher: CallStream = getattr(self, name)
        try:
            with watcher.calls.inside(watcher.call):
                item = await kind.__anext__(self)
        except StopAsyncIteration:
            watcher.ended()
            raise
        except BaseException as error:
            watcher.failed(error)
            raise
        watcher.see(item)
        return item

    return step
