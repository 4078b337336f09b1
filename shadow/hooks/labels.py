"""Labels of a call in a context variable, so that the host's request stays unchanged."""

from __future__ import annotations

from collections.abc import Container, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from shadow.domain.from_request import FIELDS
from shadow.domain.request import NOTHING

_current: ContextVar[Mapping[str, Any]] = ContextVar("shadowroute_labels", default=NOTHING)


@contextmanager
def labelled(values: Mapping[str, Any]) -> Generator[None, None, None]:
    """Add values to those of the surrounding blocks."""
    token = _current.set({**_current.get(), **values})
    try:
        yield
    finally:
        _current.reset(token)


def merged(own: Mapping[str, Any], besides: Container[str] = ()) -> dict[str, Any]:
    """Arguments of `features.extract`: the call's own values over those of the surrounding blocks.

    Names that are not fields of a request are labels. Values of None count as absent. `labels` may have more labels.

    Args:
        own: values of the call.
        besides: names in it that are neither fields nor labels.
    """
    given = dict(_current.get())
    given |= {name: value for name, value in own.items() if value is not None and name not in besides}
    fields: dict[str, Any] = {name: given.pop(name) for name in FIELDS if name in given}
    more = given.pop("labels", None)
    if isinstance(more, Mapping):
        given.update(more)
    fields["labels"] = given
    return fields
