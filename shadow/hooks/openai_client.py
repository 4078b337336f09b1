"""Observes a client of the `openai` package, without importing it: the object is recognized by its interface.

The client stays the same object, its calls get the same arguments, and a stream stays the client's own object;
only the iterator inside is observed. Methods that call the wrapped ones (`chat.completions.stream`) are observed, too.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from shadow.domain.from_request import at_path
from shadow.domain.outcome import UNREPORTED
from shadow.domain.usage import is_answer
from shadow.errors import ShadowError
from shadow.hooks.arguments import facts_of_call
from shadow.hooks.observed import ObservedRequest
from shadow.hooks.observer_context import ObserverContext
from shadow.hooks.streams import ObservedStream
from shadow.hooks.watched_generators import watched_async_generator, watched_generator

METHODS: Final = (
    ("chat.completions", "create"),
    ("chat.completions", "parse"),
    ("responses", "create"),
    ("responses", "parse"),
)
MARK: Final = "__shadowroute_watch__"


def is_openai_client(candidate: Any) -> bool:
    """Whether an object has `chat.completions.create`, as OpenAI and AsyncOpenAI do."""
    return callable(at_path(candidate, "chat.completions.create"))


def observe_client(context: ObserverContext, client: Any) -> None:
    """Wrap the methods that answer. Wrapping twice changes nothing."""
    for path, name in METHODS:
        resource = at_path(client, path)
        method = getattr(resource, name, None)
        if callable(method) and getattr(method, MARK, None) is not context:
            setattr(resource, name, _observed(context, method))


def _observed(context: ObserverContext, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        observed = _begin(context, kwargs)
        try:
            result = method(*args, **kwargs)
        except BaseException as error:
            observed.failed(error)
            raise
        if inspect.isawaitable(result):
            return _awaited(observed, result)
        _finish(observed, result)
        return result

    setattr(call, MARK, context)
    return call


async def _awaited(observed: ObservedRequest, result: Awaitable[Any]) -> Any:
    try:
        reply = await result
    except BaseException as error:
        observed.failed(error)
        raise
    _finish(observed, reply)
    return reply


def _begin(context: ObserverContext, kwargs: Mapping[str, Any]) -> ObservedRequest:
    """Begin the request. The model argument is the live decision, made before the call in unknown time."""
    with context.recorder.containment.guard("wrap"):
        now = context.now()
        observed = ObservedRequest(now, facts_of_call(kwargs, now.routing.from_request)).begin()
        observed.chose(kwargs.get("model", ""))
        return observed
    return ObservedRequest(context, {})


def _finish(observed: ObservedRequest, reply: Any) -> None:
    """A whole reply closes the record; a stream closes it when it ends, a raw response when the caller parses it."""
    with observed.guard("wrap"):
        if is_answer(reply):
            observed.answered(reply)
        elif _is_stream(reply):
            _watch_stream(observed, reply)
        elif callable(getattr(reply, "parse", None)):
            _watch_parse(observed, reply)
        else:
            observed.close(UNREPORTED)
            raise ShadowError(f"a wrapped client must give replies or streams, got {type(reply).__name__}")


def _watch_parse(observed: ObservedRequest, response: Any) -> None:
    """Observe `parse` of a raw response (`with_raw_response`, `with_streaming_response`), which the caller may call.

    The client parses a response once and then returns the same object; so only the first call is observed.
    Without a call, the outcome comes from `observer.outcome(...)` or the time-out.
    """
    parse = response.parse
    seen = False

    def look(parsed: Any) -> Any:
        nonlocal seen
        if not seen:
            seen = True
            hook.remove()
            _finish(observed, parsed)
        return parsed

    async def awaited(parsing: Awaitable[Any]) -> Any:
        return look(await parsing)

    @functools.wraps(parse)
    def parse_and_look(*args: Any, **kwargs: Any) -> Any:
        parsed = parse(*args, **kwargs)
        return awaited(parsed) if inspect.isawaitable(parsed) else look(parsed)

    hook = _Hook(response, "parse", parse_and_look)


def _watch_stream(observed: ObservedRequest, reply: Any) -> None:
    """Observe the iterator inside, and `close`, with which callers and `with` blocks leave a stream early."""
    stream, source = _ClientStream(observed, reply), reply._iterator  # noqa: SLF001 - see `_is_stream`
    watched = watched_generator if inspect.isgenerator(source) else watched_async_generator
    reply._iterator = watched(lambda: (source, stream))()  # noqa: SLF001


class _ClientStream(ObservedStream):
    """Observes `close`, too, until the stream ends."""

    def __init__(self, observed: ObservedRequest, reply: Any) -> None:
        super().__init__(observed)
        close = reply.close

        @functools.wraps(close)
        def close_and_note() -> Any:
            self.left()
            return close()

        self._hook = _Hook(reply, "close", close_and_note)

    def ended(self) -> None:
        """The stream is exhausted."""
        super().ended()
        self._hook.remove()

    def left(self) -> None:
        """The caller closed the stream."""
        super().left()
        self._hook.remove()

    def failed(self, error: BaseException) -> None:
        """The stream broke."""
        super().failed(error)
        self._hook.remove()


class _Hook:
    """A function in the place of an object's own method, until `remove`.

    The object and the hook refer to each other: without `remove`, only the garbage collector would free them.
    """

    def __init__(self, owner: Any, name: str, function: Callable[..., Any]) -> None:
        self._place: tuple[Any, str, Any, Any] | None = owner, name, vars(owner).get(name), function
        setattr(owner, name, function)

    def remove(self) -> None:
        """Restore the object's method, unless another hook was put over this one."""
        place, self._place = self._place, None
        if place is None:
            return
        owner, name, before, function = place
        if vars(owner).get(name) is not function:
            return
        if before is None:
            vars(owner).pop(name, None)  # another thread may have removed it
        else:
            setattr(owner, name, before)


def _is_stream(reply: Any) -> bool:
    """Whether `for` and `next` on this object use a generator in `_iterator`.

    The attribute is private, but a proxy around the stream would have another type, and hosts check the type.
    """
    source = getattr(reply, "_iterator", None)
    return (inspect.isgenerator(source) or inspect.isasyncgen(source)) and callable(getattr(reply, "close", None))
