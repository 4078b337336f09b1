"""Watches a stream of LiteLLM while its caller iterates over it."""

from __future__ import annotations

import weakref
from typing import Any

from shadow.hooks.litellm_call import LiteLLMCall
from shadow.hooks.litellm_calls import OpenCalls
from shadow.hooks.streams import ObservedStream


def is_stream(reply: Any) -> bool:
    """Whether the caller is going to iterate over it."""
    return hasattr(type(reply), "__next__") or hasattr(type(reply), "__anext__")


def watch_stream(calls: OpenCalls, call: LiteLLMCall, stream: Any) -> None:
    """Watch the iteration of a stream, and whether it is left early.

    Python looks for `__next__` at the class, so the stream gets a class of its own, which is the old one and looks on.
    A proxy around it would be another object of another type, and hosts ask for both.
    """
    watcher = ObservedStream(call)
    kind = type(stream)

    def see(item: Any) -> None:
        watcher.see(item)
        call.streams()

    def step(self: Any) -> Any:
        try:
            with calls.inside(call):
                item = kind.__next__(self)
        except StopIteration:
            watcher.ended()
            raise
        except BaseException as error:
            watcher.failed(error)
            raise
        see(item)
        return item

    async def astep(self: Any) -> Any:
        try:
            with calls.inside(call):
                item = await kind.__anext__(self)
        except StopAsyncIteration:
            watcher.ended()
            raise
        except BaseException as error:
            watcher.failed(error)
            raise
        see(item)
        return item

    own: dict[str, Any] = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    if hasattr(kind, "__next__"):
        own["__next__"] = step
    if hasattr(kind, "__anext__"):
        own["__anext__"] = astep
    stream.__class__ = type(kind.__name__, (kind,), own)
    weakref.finalize(stream, _gone, calls, call, watcher).atexit = False


def _gone(calls: OpenCalls, call: LiteLLMCall, watcher: ObservedStream) -> None:
    """The caller lost interest. The collector may run this anywhere, so it only notes; the next call closes it."""
    if not call.is_closed:
        call.is_abandoned = True
        watcher.left()
        calls.abandoned.append(call)
