"""Puts an observing function in the place of an object's method. The host sees the same method as before.

It is bound to the same object, has the same signature, and is a coroutine function if the method was one. The method
itself is looked up at each call, so that tracers and mocks which replace it in the class later are called, too.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import MethodType
from typing import Any, Final, Protocol

MARK: Final = "__shadowroute_watch__"
"""Attribute of an observing function: everyone who observes through it."""


class Around(Protocol):
    """Calls a method and observes it. What the method returns or raises, the host gets.

    Attributes:
        functions: made for it, by the function under them and its name: hosts make a client for every
            request (`with_options`), and all clients of a class share them.
    """

    functions: dict[tuple[Callable[..., Any], str], Callable[..., Any]]

    def call(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function; its return value may be awaitable."""
        ...

    async def acall(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a coroutine function and await the result."""
        ...


def observe_method(owner: Any, name: str, around: Around, mark: object = None) -> None:
    """Observe a method of one object, if it has it. A second time with the same mark changes nothing."""
    found = getattr(owner, name, None)
    marks = getattr(found, MARK, ())
    if not callable(found) or (mark is not None and any(each is mark for each in marks)):
        return
    fixed = vars(owner).get(name)
    is_bound = isinstance(found, MethodType) and found.__self__ is owner
    if fixed is None and is_bound and mark is not None and not marks:
        setattr(owner, name, MethodType(_shared_function(found.__func__, name, around, mark), owner))
        return
    if fixed is None and not any(name in vars(base) for base in type(owner).__mro__):
        fixed = found

    def beneath(self: Any) -> Callable[..., Any]:
        return _of_class(self, name) if fixed is None else fixed

    function = _function(found.__func__, beneath, around) if is_bound else _unbound_function(found, found, around)
    setattr(function, MARK, (*marks, mark))
    setattr(owner, name, MethodType(function, owner) if is_bound else function)


def awaits(method: Callable[..., Any]) -> bool:
    """Whether a call gives a coroutine, also through a decorator that only checks arguments."""
    return inspect.iscoroutinefunction(inspect.unwrap(method))


def _shared_function(form: Callable[..., Any], name: str, around: Around, mark: object) -> Callable[..., Any]:
    function = around.functions.get((form, name))
    if function is None:
        function = _function(form, lambda owner: _of_class(owner, name), around)
        setattr(function, MARK, (mark,))
        around.functions[form, name] = function
    return function


def _function(form: Any, beneath: Callable[[Any], Callable[..., Any]], around: Around) -> Callable[..., Any]:
    function: Callable[..., Any]
    if inspect.iscoroutinefunction(form):

        async def acall(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            return await around.acall(beneath(self), args, kwargs)

        function = acall
    else:

        def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            return around.call(beneath(self), args, kwargs)

        function = call
    return functools.wraps(form)(function)


def _unbound_function(found: Any, beneath: Callable[..., Any], around: Around) -> Callable[..., Any]:
    """For a function that the owner keeps as an attribute."""
    function: Callable[..., Any]
    if inspect.iscoroutinefunction(found):

        async def acall(*args: Any, **kwargs: Any) -> Any:
            return await around.acall(beneath, args, kwargs)

        function = acall
    else:

        def call(*args: Any, **kwargs: Any) -> Any:
            return around.call(beneath, args, kwargs)

        function = call
    return functools.wraps(found)(function)


def _of_class(owner: Any, name: str) -> Callable[..., Any]:
    """The method that the class has now, bound to the owner: what the host would call without the hook."""
    kind = type(owner)
    found = next(vars(base)[name] for base in kind.__mro__ if name in vars(base))
    bind = getattr(type(found), "__get__", None)
    return found if bind is None else bind(found, owner, kind)  # type: ignore[no-any-return]
