"""Observes an iterator of any class while its caller iterates over it.

Python looks up `__next__` in the class, so the iterator gets a subclass of its class, which observes it.
A proxy around it would have another identity and type, and hosts check both.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any, Protocol

from shadow.hooks.client_streams import is_client_stream, watch_client_stream
from shadow.hooks.observed import ObservedRequest
from shadow.hooks.streams import ObservedStream
from shadow.hooks.watched_generators import Watcher


class IteratorWatcher(Watcher, Protocol):
    """The observer of an iterator."""

    def inside(self) -> AbstractContextManager[Any]:
        """The context of one step."""
        ...


def is_iterator(reply: Any) -> bool:
    """Whether the class of an object is one of iterators."""
    return hasattr(type(reply), "__next__") or hasattr(type(reply), "__anext__")


def watch_iterator(stream: Any, watcher: IteratorWatcher) -> None:
    """Observe the iteration, and its early end.

    Raises:
        TypeError: the class of the iterator has no subclasses, or its objects no attributes.
    """
    kind: Any = type(stream)
    watched, name = _watched(kind)
    setattr(stream, name, watcher)
    stream.__class__ = watched
    weakref.finalize(stream, watcher.dropped).atexit = False


def watched_stream(observed: ObservedRequest, reply: Any) -> bool:
    """Observe what a function returns, if it is a stream that can be observed without changing its type."""
    if is_client_stream(reply):
        watch_client_stream(observed, reply)
        return True
    if not is_iterator(reply):
        return False
    try:
        watch_iterator(reply, _Iteration(observed))
    except (AttributeError, TypeError):  # a class in C, or with slots
        return False
    return True


class _Iteration(ObservedStream):
    def inside(self) -> AbstractContextManager[Any]:
        return nullcontext()


@lru_cache(maxsize=64)
def _watched(kind: Any) -> tuple[type, str]:
    """An observing subclass of a class of iterators, made once; and the attribute of the iterator with its observer.

    A second observer of an iterator makes a subclass of the subclass, with its own attribute.
    """
    name = f"_shadowroute_watcher_{len(kind.__mro__)}"
    own: dict[str, Any] = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    if hasattr(kind, "__next__"):
        own["__next__"] = _step(kind, name)
    if hasattr(kind, "__anext__"):
        own["__anext__"] = _astep(kind, name)
    return type(kind.__name__, (kind,), own), name


def _step(kind: Any, name: str) -> Callable[[Any], Any]:
    def step(self: Any) -> Any:
        watcher: IteratorWatcher = getattr(self, name)
        try:
            with watcher.inside():
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
        watcher: IteratorWatcher = getattr(self, name)
        try:
            with watcher.inside():
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
