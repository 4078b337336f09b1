"""Exit codes of errors.

Typer's own 2 for a typo is mapped away: a CI job must never read one as an answer.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from typer import TyperException

from shadow.errors import ConfigError, ShadowError
from shadow.runtime.exits import BAD_FILE, BUG, UNAVAILABLE, USAGE, last_words

HELP: Final = (
    "Exit codes: 0 done, 1 a check failed (doctor), 64 usage, 65 a file is wrong, "
    "69 the store, its data or a port is not available, 70 our bug or a broken installation. "
    "Of gate: 0 SHIP, 1 REJECT, 2 NEED_MORE, 3 a person must decide."
)


class NothingStoredError(ShadowError):
    """The store exists, but the requested data are not in it yet."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a failed command: its exit code and its message on stderr."""

    code: int
    message: str


def ending(error: BaseException) -> Ending:
    """The exit code and the message of an error that left a command."""
    if isinstance(error, TyperException):
        return Ending(USAGE, _usage_text(error))
    if isinstance(error, ConfigError):
        return Ending(BAD_FILE, str(error))
    if _is_unavailable(error):
        return Ending(UNAVAILABLE, str(error))
    return Ending(BUG, last_words(error))


def _usage_text(error: TyperException) -> str:
    """Typer's sentence and the help command; every parsing error has a context."""
    if not error.format_message():
        return ""  # called without a command: typer has printed the help
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "shadowroute"
    return f"{command}: {error.format_message()}\nTry: {command} --help"


def _is_unavailable(error: BaseException) -> bool:
    """Whether a store, its data or a port is not available.

    The collector's error types are looked up only where the collector was imported: another command cannot raise them.
    """
    errors = sys.modules.get("shadowroute.collector.errors")
    known = () if errors is None else (errors.StoreError, errors.PortInUseError)
    return isinstance(error, (NothingStoredError, *known))
