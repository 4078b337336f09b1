"""Hooks for forked children, where the parent's threads do not exist and its locks may be locked."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def on_fork_in_child(method: Callable[[], None]) -> None:
    """Call a bound method in every forked child for as long as its object lives. Does nothing without `os.fork`."""
    if not hasattr(os, "register_at_fork"):
        return
    reference = weakref.WeakMethod(method)

    def call() -> None:
        restored = reference()
        if restored is not None:
            restored()

    os.register_at_fork(after_in_child=call)
