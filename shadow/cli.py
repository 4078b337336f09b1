"""The script `shadowroute`. It belongs to the SDK and starts the platform's command line, if that is installed."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points, version

PLATFORM_GROUP = "shadowroute.platform"
NOT_INSTALLED = 69
MISSING = (
    'shadowroute: this command is in shadowroute-platform. pip install "shadowroute[platform]". '
    "(The SDK alone offers: python -m shadow check routing/shadow.yaml, and shadowroute gateway)"
)


def main() -> None:
    """Run the platform's command line, or print how to install it.

    Raises:
        SystemExit: with the command's exit code; 69 without the platform.
    """
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"shadowroute {version('shadowroute')}")  # noqa: T201 - this is the command line
        raise SystemExit(0)
    platform = _platform()
    if platform is None and sys.argv[1:2] == ["gateway"]:
        from shadow.gateway.command import main as gateway  # noqa: PLC0415 - only this command needs it

        raise SystemExit(gateway(sys.argv[2:]))
    if platform is None:
        print(MISSING, file=sys.stderr)  # noqa: T201 - as above
        raise SystemExit(NOT_INSTALLED)
    raise SystemExit(platform.load()())


def _platform() -> EntryPoint | None:
    return next(iter(entry_points(group=PLATFORM_GROUP, name="cli")), None)
