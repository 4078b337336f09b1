"""What must happen in a forked child: threads and locks of the parent do not exist there.

The interpreter keeps a fork hook for ever. So it gets one, which goes through the objects that are alive: a service
that reloads its policies every minute must not gather hooks, or fork more slowly from day to day.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any, cast

from shadow.runtime.containment import describe, logger

_hooks: dict[tuple[int, int], tuple[weakref.ref[Any], Callable[[Any], None]]] = {}
"""Objects and functions by their ids, in the order of addition. An object that dies takes its functions out."""


def on_fork_in_child(method: Callable[[], None]) -> None:
    """Call a bound method in every forked child for as long as its object lives. Does nothing without `os.fork`."""
    bound = cast("MethodType", method)
    key = id(bound.__self__), id(bound.__func__)
    # The dead reference is what `pop` would give if the hook were gone already.
    _hooks[key] = weakref.ref(bound.__self__, partial(_hooks.pop, key)), bound.__func__


def _call_in_child() -> None:
    """Call what is alive, the oldest first. No lock is needed: one step of the interpreter adds or removes a hook."""
    for reference, function in list(_hooks.values()):
        alive = reference()
        if alive is None:
            continue
        try:
            function(alive)
        except BaseException as error:  # noqa: BLE001 - the interpreter would swallow it, and with it the hooks behind
            logger.error(
                "shadowroute could not prepare %s for this forked process (%s); it may not record its requests: restart"
                " it",
                type(alive).__qualname__,
                describe(error),
            )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_call_in_child)
