"""Observes a client of the `openai` package, without importing it: the object is recognized by its interface.

The client stays the same object, its calls get the same arguments, and a stream stays the client's own object;
only the iterator inside is observed. Methods that call the observed ones (`chat.completions.stream`) are observed, too,
and so are the clients that `copy` and `with_options` make.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from shadow.domain.from_request import at_path
from shadow.domain.outcome import UNREPORTED
from shadow.domain.usage import is_answer, is_pending
from shadow.errors import ShadowError
from shadow.hooks.arguments import facts_of_call
from shadow.hooks.background import background_of
from shadow.hooks.client_streams import Hook, is_client_stream, watch_client_stream
from shadow.hooks.methods import awaits, observe_method
from shadow.hooks.observed import ObservedRequest
from shadow.hooks.observer_context import ObserverContext

RESOURCES: Final = ("chat.completions", "responses", "beta.chat.completions", "beta.responses")
METHODS: Final = ("create", "parse")
COPIES: Final = ("copy", "with_options")
RAW: Final = ("with_raw_response", "with_streaming_response")
"""Views of a resource that keep its methods as they were when the view was made."""


def is_openai_client(candidate: Any) -> bool:
    """Whether an object has `chat.completions.create`, as OpenAI and AsyncOpenAI do. It stays as it is."""
    attributes = getattr(candidate, "__dict__", {})
    before = frozenset(attributes)
    is_client = callable(at_path(candidate, "chat.completions.create"))
    for name in frozenset(attributes) - before:  # resources are made when they are asked for
        attributes.pop(name, None)
    return is_client


def observe_client(context: ObserverContext, client: Any, hooks: _Hooks | None = None) -> None:
    """Observe the methods that answer, and those that copy the client. A second time changes nothing."""
    before = frozenset(vars(client))
    hooks = _Hooks(context) if hooks is None else hooks
    for path in RESOURCES:
        resource = at_path(client, path)
        for name in METHODS if resource is not None else ():
            observe_method(resource, name, hooks.calls, context)
        if path.endswith("responses"):
            observe_method(resource, "retrieve", hooks.retrieving, context)
        for name in RAW if resource is not None else ():
            vars(resource).pop(name, None)
    for name in COPIES:
        observe_method(client, name, hooks.copies, context)
    if "__getstate__" not in before:
        vars(client)["__getstate__"] = _Unobserved(client, before)


class _Hooks:
    """What observes the methods of a client and of its copies."""

    def __init__(self, context: ObserverContext) -> None:
        self.calls = _Calls(context)
        self.retrieving = _Retrieving(context)
        self.copies = _Copies(context, self)


class _Unobserved:
    """The state of a client for `copy.copy`, without what the observation added: the copy is a client of its own.

    The resources of a client call that client: a copy with another key must not get those of the original.
    """

    def __init__(self, client: Any, own: frozenset[str]) -> None:
        self._state = vars(client)
        self._added = frozenset(self._state) - own | {"__getstate__"}

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in self._state.items() if name not in self._added}


class _Copies:
    """The calls that make another client of a client."""

    def __init__(self, context: ObserverContext, hooks: _Hooks) -> None:
        self.functions: dict[Any, Callable[..., Any]] = {}
        self._context = context
        self._hooks = hooks

    def call(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call, and observe the new client."""
        return self._observed(method(*args, **kwargs))

    async def acall(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """As `call`."""
        return self._observed(await method(*args, **kwargs))

    def _observed(self, client: Any) -> Any:
        with self._context.recorder.containment.guard("wrap"):
            observe_client(self._context, client, self._hooks)
        return client


class _Retrieving:
    """The call that asks for a response again, which may be one of the background."""

    def __init__(self, context: ObserverContext) -> None:
        self.functions: dict[Any, Callable[..., Any]] = {}
        self._background = background_of(context.recorder)
        self._guard = context.recorder.containment.guard

    def call(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call, and look at the reply."""
        return self._seen(method(*args, **kwargs))

    async def acall(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """As `call`."""
        return self._seen(await method(*args, **kwargs))

    def _seen(self, reply: Any) -> Any:
        with self._guard("wrap"):
            self._background.seen(reply)
        return reply


class _Calls:
    """The calls that ask a model. A request begins with the call, or with the await of one that is awaited."""

    def __init__(self, context: ObserverContext) -> None:
        self.functions: dict[Any, Callable[..., Any]] = {}
        self._context = context

    def call(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call; an asynchronous client's method may be a plain function that makes a coroutine."""
        if awaits(method):
            made = method(*args, **kwargs)
            if inspect.iscoroutine(made):
                coroutine = self._awaited(lambda: made, kwargs)
                for name in ("__name__", "__qualname__"):  # typing.Coroutine has neither
                    setattr(coroutine, name, getattr(made, name))
                return coroutine
            return _returned(self._begin(kwargs), made)
        observed = self._begin(kwargs)
        try:
            reply = method(*args, **kwargs)
        except BaseException as error:
            observed.failed(error)
            raise
        return _returned(observed, reply)

    async def acall(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Await a coroutine function."""
        return await self._awaited(lambda: method(*args, **kwargs), kwargs)

    async def _awaited(self, make: Callable[[], Awaitable[Any]], kwargs: Mapping[str, Any]) -> Any:
        observed = self._begin(kwargs)
        try:
            reply = await make()
        except BaseException as error:
            observed.failed(error)
            raise
        _finish(observed, reply)
        return reply

    def _begin(self, kwargs: Mapping[str, Any]) -> ObservedRequest:
        """Begin the request. The model argument is the live decision, made before the call in unknown time."""
        with self._context.recorder.containment.guard("wrap"):
            now = self._context.now()
            observed = ObservedRequest(now, facts_of_call(kwargs, now.routing.from_request)).begin()
            observed.chose(kwargs.get("model", ""))
            return observed
        return ObservedRequest(self._context, {})


def _returned(observed: ObservedRequest, reply: Any) -> Any:
    if inspect.iscoroutine(reply):
        return _finished_later(observed, reply)
    _finish(observed, reply)
    return reply


async def _finished_later(observed: ObservedRequest, reply: Awaitable[Any]) -> Any:
    try:
        answer = await reply
    except BaseException as error:
        observed.failed(error)
        raise
    _finish(observed, answer)
    return answer


def _finish(observed: ObservedRequest, reply: Any) -> None:
    """A whole reply closes the record; a stream closes it when it ends, a raw response when the caller parses it."""
    with observed.guard("wrap"):
        if is_answer(reply):
            observed.answered(reply)
            if is_pending(reply):
                background_of(observed.recorder).wait(observed, reply)
        elif is_client_stream(reply):
            watch_client_stream(observed, reply)
        elif callable(getattr(reply, "parse", None)):
            _Parsing(observed, reply)
        else:
            observed.close(UNREPORTED)
            raise ShadowError(f"a wrapped client must give replies or streams, got {type(reply).__name__}")


class _Parsing:
    """`parse` of a raw response (`with_raw_response`, `with_streaming_response`), which the caller may call.

    The client parses a response once and then returns the same object; so only the first call is observed.
    Without a call, the outcome comes from `observer.outcome(...)` or the time-out.
    """

    def __init__(self, observed: ObservedRequest, response: Any) -> None:
        self.functions: dict[Any, Callable[..., Any]] = {}
        self._observed = observed
        self._is_seen = False
        self._hook = Hook(response, "parse", self)

    def call(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Parse, and look at the reply."""
        return self._look(method(*args, **kwargs))

    async def acall(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """As `call`."""
        return self._look(await method(*args, **kwargs))

    def _look(self, parsed: Any) -> Any:
        if not self._is_seen:
            self._is_seen = True
            self._hook.remove()
            _finish(self._observed, parsed)
        return parsed
