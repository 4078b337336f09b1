"""Other clocks for processes that tests start."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tests.support.groups import ROOT, skip_group

_FOLDER = ROOT / "tests" / "support" / "faked_clock"
_LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


def why_not_movable() -> str:
    """Why this machine cannot run a process under another clock; empty if it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "clocks are moved on Linux x86-64 only"
    if not _LIBRARY.exists():
        return "libfaketime is not installed (Debian: apt-get install libfaketime)"
    return ""


def need_moved_clock() -> None:
    """Skips the test where clocks cannot be moved."""
    if why_not_movable():
        skip_group("faketime", why_not_movable())


def moved(by: timedelta) -> dict[str, str]:
    """Environment of a process whose wall clock is moved, with those that it starts."""
    seconds = str(int(by.total_seconds()))
    return {
        **os.environ,
        "LD_PRELOAD": str(_LIBRARY),
        "FAKETIME": f"+{seconds}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_FOLDER), os.environ.get("PYTHONPATH", "")])),
        "SHADOWROUTE_CLOCK_MOVED_S": seconds,
    }


def until_leap_day(now: datetime) -> timedelta:
    """The time to noon of the next 29 February that is still to come."""
    year = now.year
    while True:
        if date(year, 12, 31).timetuple().tm_yday == 366:
            noon = datetime(year, 2, 29, 12, tzinfo=UTC)
            if noon > now:
                return noon - now
        year += 1
