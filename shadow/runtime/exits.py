"""How our commands end: exit codes that cannot be mistaken, and the last words of one that failed unforeseen.

`gate` answers with 0 to 3. Python ends with 1 for a crash and with 2 for a typo, and a script that calls `sys.exit`
with whatever it likes: none of that may be read as an answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NoReturn

from shadow.runtime.import_order import installed_first

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 64
BAD_FILE: Final = 65
UNAVAILABLE: Final = 69
BUG: Final = 70
INTERRUPTED: Final = 130
UNREAD: Final = 141
"""The reader of stdout went away; what a shell reports for a program that SIGPIPE ended."""


def run_process(command: Callable[[Sequence[str]], int]) -> NoReturn:
    """Run a command of ours as this process, on its arguments.

    Raises:
        SystemExit: with the exit code.
    """

    def run() -> int:
        installed_first()
        return command(sys.argv[1:])

    leave_with(run)


def leave_with(command: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with the code that it returns; what it raises never becomes an answer.

    Raises:
        SystemExit: always.
    """
    try:
        code = command()
        _flush()
    except BrokenPipeError:
        code = UNREAD
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - the last place where anything can be caught
        code = BUG
        with suppress(Exception):  # without memory or stderr the code alone must do
            print(last_words(error), file=sys.stderr)  # noqa: T201 - this is the command line
    try:
        _flush()
    except (OSError, ValueError):
        # What cannot be written would be tried once more when the interpreter closes, which then ends with 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    raise SystemExit(code)


def last_words(error: BaseException) -> str:
    """The message for an unexpected error: the broken package, or our bug and its place."""
    from shadow.runtime.broken_package import broken_package  # noqa: PLC0415 - only who fails needs it

    broken = broken_package(error)
    if broken is not None:
        return f"shadowroute: {broken}"
    import traceback  # noqa: PLC0415 - as above

    trace = "".join(traceback.format_exception(error))
    return f"{trace}shadowroute: this is a bug of ours ({type(error).__name__}). Please report the lines above."


def _flush() -> None:
    if sys.stdout is not None:  # there is none under `>&-`
        sys.stdout.flush()
