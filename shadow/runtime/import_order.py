"""Which modules an import finds in our own commands: installed ones first, but the user's where user code is loaded.

A command starts in the user's folder, often with PYTHONPATH=. in front of everything that is installed. A folder
`typer/` there, whole or broken, is not the package that the platform needs; and `call: app.deciders:decide` means the
user's `app`, whatever is installed under that name. Only commands call `installed_first`: a service that embeds the SDK
keeps the order of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Final

WORKING_DIRECTORY: Final = ""
"""How `sys.path` spells it."""

_is_user_code: ContextVar[bool] = ContextVar("shadowroute_user_code", default=False)


class UserCodeFinder:
    """An entry of `sys.meta_path`: inside `user_code_first`, the user's modules are found before installed ones.

    The order of `sys.path` itself stays: other threads import at the same time, and user code may change it.

    Args:
        entries: folders as in `sys.path`.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        self.entries = tuple(entries)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The user's module of that name; None leaves the search to the finders behind."""
        if path is not None or not _is_user_code.get() or name in sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(name, self.entries, target)
        # As everywhere in Python, a folder without __init__.py gives way to a package: it may hold anything.
        return None if spec is None or spec.loader is None else spec


def installed_first() -> None:
    """Move the working directory and PYTHONPATH behind what is installed; once per process.

    The entry that this package itself comes from stays: with `pip install --target` it holds what is installed.
    """
    if user_entries():
        return
    home = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120 - pathlib would be one more import
    front = sys.path[: _first_of_python()]
    moved = [entry for entry in front if entry != home]
    sys.path[:] = [entry for entry in front if entry == home] + sys.path[len(front) :] + moved + [WORKING_DIRECTORY]
    named = front if sys.flags.safe_path else front[1:]  # the first is the script's folder, or the working directory
    prefer([WORKING_DIRECTORY, *named])


def prefer(entries: Sequence[str]) -> None:
    """Let `user_code_first` look into these folders first."""
    if entries:
        sys.meta_path.insert(0, UserCodeFinder(entries))


def user_entries() -> tuple[str, ...]:
    """The folders of the user's code; empty if installed packages do not come first."""
    found = (finder.entries for finder in sys.meta_path if isinstance(finder, UserCodeFinder))
    return next(found, ())


@contextmanager
def user_code_first() -> Iterator[None]:
    """Inside of it this thread's imports find the user's modules first, unless a module of that name is loaded."""
    token = _is_user_code.set(True)
    try:
        yield
    finally:
        _is_user_code.reset(token)


def _first_of_python() -> int:
    """Index of the first entry that the interpreter brings itself; 0 where there is none."""
    library = os.path.dirname(os.__file__)  # noqa: PTH120 - as above
    archive = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    own = (index for index, entry in enumerate(sys.path) if entry == library or entry.endswith(archive))
    return next(own, 0)
