"""The decorator: observes one function of the host, without changes to its arguments or results."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any

from shadow.domain.from_request import at_path
from shadow.domain.outcome import Answer, Usage
from shadow.domain.usage import usage_of
from shadow.errors import ShadowError
from shadow.hooks.observed import ObservedRequest
from shadow.hooks.observer_context import ObserverContext
from shadow.hooks.streams import ObservedStream
from shadow.hooks.watched_generators import watched_async_generator, watched_generator
from shadow.hooks.watched_iterators import watched_stream

Served = Callable[[Any], Any]
"""From a reply to an `Answer`, an OpenAI-shaped reply, or a pair of model and usage."""


class FunctionHook:
    """Wraps functions for one observer.

    Args:
        context: of the observer.
        paths: request field to its argument, with a dotted path into it if needed.
        label_paths: label to its argument, likewise.
        served: reads replies that are not OpenAI-shaped.
    """

    def __init__(
        self, context: ObserverContext, paths: Mapping[str, str], label_paths: Mapping[str, str], served: Served | None
    ) -> None:
        self._context = context
        self._paths = paths
        self._label_paths = label_paths
        self._served = served

    def wrap(self, function: Any) -> Any:
        """The function, observed; of a static or class method again one."""
        if isinstance(function, (staticmethod, classmethod)):
            return type(function)(self.wrap(function.__func__))
        reader = ArgumentReader(function, (*self._paths.values(), *self._label_paths.values()))
        if reader.missing:
            with self._context.recorder.containment.guard("route"):
                name = getattr(function, "__qualname__", repr(function))
                raise ShadowError(f"route() must name arguments of {name}, got {', '.join(reader.missing)}")
        wrapper: Callable[..., Any]
        if inspect.isasyncgenfunction(function):
            wrapper = watched_async_generator(self._started(function, reader))
        elif inspect.isgeneratorfunction(function):
            wrapper = watched_generator(self._started(function, reader))
        elif inspect.iscoroutinefunction(function):
            wrapper = self._coroutine(function, reader)
        else:
            wrapper = self._plain(function, reader)
        return functools.wraps(function)(wrapper)

    def _plain(self, function: Callable[..., Any], reader: ArgumentReader) -> Callable[..., Any]:
        def observed_function(*args: Any, **kwargs: Any) -> Any:
            observed = self._begin(reader, args, kwargs)
            try:
                reply = function(*args, **kwargs)
            except BaseException as error:
                observed.failed(error)
                raise
            if inspect.iscoroutine(reply):  # nothing has happened yet
                observed.withdraw()
                return self._awaited(reply, lambda: self._begin(reader, args, kwargs))
            return self._finished(observed, reply)

        return observed_function

    def _coroutine(self, function: Callable[..., Any], reader: ArgumentReader) -> Callable[..., Any]:
        async def observed_function(*args: Any, **kwargs: Any) -> Any:
            return await self._awaited(function(*args, **kwargs), lambda: self._begin(reader, args, kwargs))

        return observed_function

    async def _awaited(self, coroutine: Coroutine[Any, Any, Any], begin: Callable[[], ObservedRequest]) -> Any:
        observed = begin()
        try:
            reply = await coroutine
        except BaseException as error:
            observed.failed(error)
            raise
        return self._finished(observed, reply)

    def _started(
        self, function: Callable[..., Any], reader: ArgumentReader
    ) -> Callable[..., tuple[Any, ObservedStream]]:
        def start(*args: Any, **kwargs: Any) -> tuple[Any, ObservedStream]:
            return function(*args, **kwargs), ObservedStream(self._begin(reader, args, kwargs))

        return start

    def _begin(self, reader: ArgumentReader, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ObservedRequest:
        """Begin the request with the call; its model is chosen inside, unless an argument names it."""
        with self._context.recorder.containment.guard("route"):
            facts = {field: reader.read(path, args, kwargs) for field, path in self._paths.items()}
            if self._label_paths:
                facts["labels"] = {label: reader.read(path, args, kwargs) for label, path in self._label_paths.items()}
            model = facts.pop("model", None)
            observed = ObservedRequest(self._context.now(), facts).begin()
            if isinstance(model, str):
                observed.chose(model)
            return observed
        return ObservedRequest(self._context, {})

    def _finished(self, observed: ObservedRequest, reply: Any) -> Any:
        """What the function returns; of a generator, one that passes its items on."""
        if inspect.isgenerator(reply):
            return watched_generator(lambda: (reply, ObservedStream(observed)))()
        if inspect.isasyncgen(reply):
            return watched_async_generator(lambda: (reply, ObservedStream(observed)))()
        with observed.guard("route"):
            if hasattr(reply, "add_done_callback"):
                reply.add_done_callback(lambda future: self._done(observed, future))
            elif self._served is None and not watched_stream(observed, reply):
                observed.answered(reply)
            elif self._served is not None:
                self._understood(observed, reply)
        return reply

    def _done(self, observed: ObservedRequest, future: Any) -> None:
        """A task or future of the function has ended."""
        with observed.guard("route"):
            if future.cancelled():
                try:
                    future.exception()
                except BaseException as cancelled:  # noqa: BLE001 - the cancellation, which its waiters get
                    observed.failed(cancelled)
                return
            error = getattr(future, "_exception", None)  # `exception()` would count as the host having seen it
            if error is not None:
                observed.failed(error)
            else:
                self._finished(observed, future.result())

    def _understood(self, observed: ObservedRequest, reply: Any) -> None:
        understood: Any = None
        with self._context.recorder.containment.guard("served="):
            understood = self._served(reply) if self._served else None
            if isinstance(understood, tuple):
                understood = _answer_of_pair(*understood)
        observed.answered(understood)


class ArgumentReader:
    """Finds arguments of one function by name, positional or not.

    Attributes:
        missing: names that are not arguments of the function.
    """

    def __init__(self, function: Callable[..., Any], paths: tuple[str, ...]) -> None:
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):  # a function in C may have none
            parameters = MappingProxyType({})
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self._positions = {
            name: place for place, (name, parameter) in enumerate(parameters.items()) if parameter.kind in positional
        }
        self._defaults = {
            name: parameter.default
            for name, parameter in parameters.items()
            if parameter.default is not inspect.Parameter.empty
        }
        takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
        roots = dict.fromkeys(path.partition(".")[0] for path in paths)
        self.missing = [] if takes_any else [root for root in roots if root not in parameters]

    def read(self, path: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """The value at a path of this call; None if it has none."""
        root, _, rest = path.partition(".")
        place = self._positions.get(root, len(args))
        value = kwargs.get(root, args[place] if place < len(args) else self._defaults.get(root))
        return at_path(value, rest) if rest and value is not None else value


def _answer_of_pair(model: Any, usage: Any) -> Answer:
    tokens = usage if isinstance(usage, Usage) else usage_of(usage)
    return Answer(model=model if isinstance(model, str) else "", usage=tokens)
