"""Copies of frozen dataclasses with slots, several times faster than `dataclasses.replace`.

Every shadow gets its own copy of the request, so these are among the most frequent operations of the recorder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, TypeVar

Instance = TypeVar("Instance")
Parts = tuple[Callable[[Any], Sequence[Any]], tuple[Callable[[Any, Any], None], ...]]
"""What reads all fields at once, and what writes each: the slots themselves, which know nothing of frozen."""

_PARTS: Final[dict[type[Any], Parts]] = {}


def copied(instance: Instance, **changes: Any) -> Instance:
    """A shallow copy with some fields changed. It makes no new checks: `__post_init__` is not run.

    Args:
        instance: of a dataclass with slots and at least two fields.
        changes: new values by field.
    """
    kind = type(instance)
    values_of, setters = _PARTS.get(kind) or _parts(kind)
    made = object.__new__(kind)
    for put, value in zip(setters, values_of(instance), strict=True):
        put(made, value)
    for name, value in changes.items():
        object.__setattr__(made, name, value)
    return made


def _parts(kind: type[Any]) -> Parts:
    names = [field.name for field in fields(kind)]
    made = attrgetter(*names), tuple(getattr(kind, name).__set__ for name in names)
    _PARTS[kind] = made
    return made
