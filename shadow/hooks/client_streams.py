"""Observes a stream object of a client library: it stays the same object of the same class.

Only the iterator inside is replaced, and `close` while the stream is open. The library's own generator is not wrapped
in another one: an event loop closes all open generators at its end, and would find one of two in use by the other.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Self

from shadow.hooks.methods import observe_method
from shadow.hooks.observed import ObservedRequest
from shadow.hooks.streams import ObservedStream
from shadow.hooks.watched_generators import Watcher


def is_client_stream(reply: Any) -> bool:
    """Whether `for` and `next` on this object use an iterator in `_iterator`.

    The attribute is private, but a proxy around the stream would have another type, and hosts check the type.
    """
    source = getattr(reply, "_iterator", None)
    is_iterator = inspect.isgenerator(source) or inspect.isasyncgen(source) or isinstance(source, (_Steps, _AsyncSteps))
    return is_iterator and callable(getattr(reply, "close", None))


def watch_client_stream(observed: ObservedRequest, reply: Any) -> None:
    """Observe the iterator inside, and `close`, with which callers and `with` blocks leave a stream early."""
    source = reply._iterator  # noqa: SLF001 - see `is_client_stream`
    watcher = _ClientStream(observed, reply)
    steps = _AsyncSteps if hasattr(source, "__anext__") else _Steps
    reply._iterator = steps(source, watcher)  # noqa: SLF001


class Hook:
    """A method in the place of an object's own one, until `remove`.

    The object and the hook refer to each other: without `remove`, only the garbage collector would free them.
    """

    def __init__(self, owner: Any, name: str, around: Any) -> None:
        before = vars(owner).get(name)
        observe_method(owner, name, around)
        self._place: tuple[Any, str, Any, Any] | None = owner, name, before, vars(owner).get(name)

    def remove(self) -> None:
        """Restore the object's method, unless another hook was put over this one."""
        place, self._place = self._place, None
        if place is None:
            return
        owner, name, before, hook = place
        if vars(owner).get(name) is not hook:
            return
        if before is None:
            vars(owner).pop(name, None)  # another thread may have removed it
        else:
            setattr(owner, name, before)


class _ClientStream(ObservedStream):
    """Observes `close`, too, until the stream ends."""

    def __init__(self, observed: ObservedRequest, reply: Any) -> None:
        super().__init__(observed)
        self._hook = Hook(reply, "close", _Closing(self))

    def over(self) -> None:
        """Nothing more is observed."""
        self._hook.remove()


class _Closing:
    """Notes that the caller closes the stream."""

    def __init__(self, stream: ObservedStream) -> None:
        self.functions: dict[Any, Callable[..., Any]] = {}
        self._stream = stream

    def call(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._stream.left()
        return method(*args, **kwargs)

    async def acall(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._stream.left()
        return await method(*args, **kwargs)


class _Steps:
    """The iterator of a stream, observed. Whatever else it has is the source's."""

    def __init__(self, source: Iterator[Any], watcher: Watcher) -> None:
        self._source = source
        self._watcher = watcher

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            item = self._source.__next__()
        except StopIteration:
            self._watcher.ended()
            raise
        except BaseException as error:
            self._watcher.failed(error)
            raise
        self._watcher.see(item)
        return item

    def __del__(self) -> None:
        self._watcher.dropped()


class _AsyncSteps:
    """As `_Steps`, for an asynchronous iterator."""

    def __init__(self, source: Any, watcher: Watcher) -> None:
        self._source = source
        self._watcher = watcher

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            item = await self._source.__anext__()
        except StopAsyncIteration:
            self._watcher.ended()
            raise
        except BaseException as error:
            self._watcher.failed(error)
            raise
        self._watcher.see(item)
        return item

    def __del__(self) -> None:
        self._watcher.dropped()
