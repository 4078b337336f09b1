"""Who and what a call is for, in a context variable: it never becomes part of the host's request."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from shadow.request import NOTHING

FIELDS: Final = ("user", "session", "task", "user_tier", "prompt_version", "request_id")
"""What has a place of its own in a request; every other name is a label."""

_current: ContextVar[Mapping[str, Any]] = ContextVar("shadowroute_labels", default=NOTHING)


@contextmanager
def labelled(values: Mapping[str, Any]) -> Generator[None, None, None]:
    """Add values to those of the surrounding blocks."""
    token = _current.set({**_current.get(), **values})
    try:
        yield
    finally:
        _current.reset(token)


def merged(own: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `features.extract`: the call's own values over those of the surrounding blocks.

    Values of None count as not given. `labels` may hold more labels.
    """
    given = {**_current.get(), **{name: value for name, value in own.items() if value is not None}}
    fields: dict[str, Any] = {name: given.pop(name) for name in FIELDS if name in given}
    more = given.pop("labels", None)
    if isinstance(more, Mapping):
        given.update(more)
    return {**fields, "labels": given}


def at_path(root: Any, path: str) -> Any:
    """What a dotted path such as `metadata.session_id` leads to, through mappings and attributes; None if nowhere."""
    for name in path.split("."):
        root = root.get(name) if isinstance(root, Mapping) else getattr(root, name, None)
        if root is None:
            return None
    return root
