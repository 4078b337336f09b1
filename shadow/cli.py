"""The script `shadowroute`. It belongs to the SDK and starts the platform's command line, if that is installed.

Everything but the order of imports and the exit codes is imported late: a broken package must end with a sentence.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

from shadow.runtime.exits import OK, UNAVAILABLE, run_process

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PLATFORM_GROUP: Final = "shadowroute.platform"
MISSING: Final = (
    'shadowroute: this command is in shadowroute-platform. pip install "shadowroute[platform]". '
    "(The SDK alone offers: python -m shadow check routing/shadow.yaml, and shadowroute gateway)"
)


def main() -> NoReturn:
    """Run the platform's command line, or print how to install it.

    Raises:
        SystemExit: with the command's exit code; 69 without the platform.
    """
    run_process(_command)


def _command(arguments: Sequence[str]) -> int:
    if list(arguments) in (["--version"], ["-V"]):
        from importlib.metadata import version  # noqa: PLC0415 - imports are in order only now

        print(f"shadowroute {version('shadowroute')}")  # noqa: T201 - this is the command line
        return OK
    platform = _platform()
    if platform is not None:
        run: Callable[[], int] = platform.load()
        return run()
    if arguments[:1] == ["gateway"]:
        from shadow.gateway.command import main as gateway  # noqa: PLC0415 - only this command needs it

        return gateway(arguments[1:])
    print(MISSING, file=sys.stderr)  # noqa: T201 - as above
    return UNAVAILABLE


def _platform() -> EntryPoint | None:
    from importlib.metadata import entry_points  # noqa: PLC0415 - imports are in order only now

    return next(iter(entry_points(group=PLATFORM_GROUP, name="cli")), None)
