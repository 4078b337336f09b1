"""Frozen dataclasses with slots that are made and copied several times faster than `dataclasses` does it.

A frozen dataclass writes each field with `object.__setattr__`, which looks up the slot every time. Writing to the slot
directly is faster. For classes with instances per request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any, Final, TypeVar

Instance = TypeVar("Instance")
Class = TypeVar("Class", bound=type[Any])

_ABSENT: Final = object()
_COPIERS: Final[dict[type[Any], Callable[[Any], Any]]] = {}


def quickly_made(kind: Class) -> Class:
    """Give a dataclass with slots an equivalent `__init__` that takes a third of the time.

    Raises:
        TypeError: the class has a `__post_init__`, which would not be run.
    """
    if hasattr(kind, "__post_init__"):
        raise TypeError(f"{kind.__name__} must not have a __post_init__: quickly_made would not run it")
    said = fields(kind)
    names = {field.name: getattr(kind, field.name).__set__ for field in said}
    by_place = [_parameter(field) for field in said if not field.kw_only]
    by_name = [_parameter(field) for field in said if field.kw_only]
    parameters = ", ".join(["self", *by_place, *(["*", *by_name] if by_name else [])])
    lines = [f"put_{field.name}(self, {_value(field)})" for field in said]
    scope: dict[str, Any] = {f"put_{name}": put for name, put in names.items()}
    scope |= {f"default_{field.name}": field.default for field in said}
    scope |= {f"make_{field.name}": field.default_factory for field in said}
    kind.__init__ = _function("__init__", parameters, lines, scope | {"ABSENT": _ABSENT})
    kind.__init__.__annotations__ = {field.name: field.type for field in said} | {"return": None}
    kind.__init__.__qualname__ = f"{kind.__qualname__}.__init__"
    return kind


def copied(instance: Instance, **changes: Any) -> Instance:
    """A shallow copy with some fields changed. `__post_init__` is not run.

    Args:
        instance: of a dataclass with slots.
        changes: new values by field.
    """
    kind = type(instance)
    made: Instance = (_COPIERS.get(kind) or _copier(kind))(instance)
    for name, value in changes.items():
        object.__setattr__(made, name, value)
    return made


def _copier(kind: type[Any]) -> Callable[[Any], Any]:
    names = [field.name for field in fields(kind)]
    scope: dict[str, Any] = {f"put_{name}": getattr(kind, name).__set__ for name in names}
    lines = ["made = new(kind)", *(f"put_{name}(made, instance.{name})" for name in names), "return made"]
    copier = _function("copy", "instance", lines, scope | {"new": object.__new__, "kind": kind})
    _COPIERS[kind] = copier
    return copier


def _parameter(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"{field.name}=default_{field.name}"
    return field.name if field.default_factory is MISSING else f"{field.name}=ABSENT"


def _value(field: Field[Any]) -> str:
    if field.default_factory is MISSING:
        return field.name
    return f"make_{field.name}() if {field.name} is ABSENT else {field.name}"


def _function(name: str, parameters: str, lines: list[str], scope: dict[str, Any]) -> Callable[..., Any]:
    """A function from generated source, as `dataclasses` makes its own."""
    exec(f"def {name}({parameters}):\n" + "".join(f"  {line}\n" for line in lines), scope)  # noqa: S102 - our own names
    made: Callable[..., Any] = scope[name]
    return made
