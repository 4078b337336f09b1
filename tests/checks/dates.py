"""Tests marked `dates` under other clocks: in 40 days, in 500 days, and on a leap day; with `whole`, whole folders.

In 40 days a month has passed, in 500 every retention but none of the tests may notice either: what a test needs of the
calendar is relative to now, or the clock is handed in. The engine's clock is moved with Python's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.support.clocks import moved, until_leap_day, why_not_movable
from tests.support.groups import ROOT, required_groups

GROUP: Final = "faketime"
MARK: Final = "pytest.mark.dates"
WHOLE: Final = ("tests/collector", "tests/analysis", "tests/app")
"""What touches stores or schedules."""


def main() -> int:
    """Run them under each clock; 0 if all pass under all."""
    if why_not_movable():
        print(f"{GROUP}: left out, {why_not_movable()}")
        return int(GROUP in required_groups())
    now = datetime.now(UTC)
    chosen = WHOLE if "whole" in sys.argv[1:] else _marked()
    codes = [_run(now, by, chosen) for by in (timedelta(days=40), timedelta(days=500), until_leap_day(now))]
    return int(any(codes))


def _marked() -> Sequence[str]:
    files = sorted(str(path) for path in (ROOT / "tests").glob("*/test_*.py") if MARK in path.read_text())
    return ("-m", "dates", *files)


def _run(now: datetime, by: timedelta, chosen: Sequence[str]) -> int:
    print(f"\nclock: {now + by:%Y-%m-%d %H:%M} UTC, {by.days} days from now", flush=True)
    workers = str(min(4, os.cpu_count() or 1))  # these tests work more than they wait
    tests = [sys.executable, "-m", "pytest", "-q", "-n", workers, "--dist", "worksteal", *chosen]
    code = subprocess.run(tests, cwd=ROOT, env=moved(by), check=False).returncode
    if code < 0:
        print(f"pytest was ended by signal {-code}")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
