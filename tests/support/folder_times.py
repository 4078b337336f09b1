"""Where the time of a test run goes: a line for each folder at the end, also where xdist spreads the tests.

Wall time is the sum over the tests, so with several test processes it is more than the run took. CPU time counts the
test process and the children that it waited for; what is wall but not CPU was spent waiting.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest

CPU = "cpu_s"
"""Attribute of a report; what a report holds beyond pytest's own fields crosses from a test process as it is."""

_started = pytest.StashKey[float]()


@dataclass
class Spent:
    """Sums over the tests of one folder, in seconds."""

    tests: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def add(self, report: pytest.TestReport) -> None:
        """Count one phase of one test."""
        self.tests += report.when == "call"
        self.wall_s += report.duration
        self.cpu_s += getattr(report, CPU, 0.0)


_folders: defaultdict[str, Spent] = defaultdict(Spent)


def _cpu_s() -> float:
    return sum(os.times()[:4])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Remember where the first phase begins."""
    item.stash[_started] = _cpu_s()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the CPU time since the last phase on the report."""
    report = yield
    now = _cpu_s()
    setattr(report, CPU, now - item.stash[_started])
    item.stash[_started] = now
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up; the process that prints the summary sees every report."""
    _folders[str(PurePosixPath(report.nodeid.partition("::")[0]).parent)].add(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the folders, the slowest first."""
    rows = sorted(_folders.items(), key=lambda row: -row[1].wall_s)
    if len(rows) < 2:
        return
    total = Spent(
        sum(spent.tests for _, spent in rows),
        sum(spent.wall_s for _, spent in rows),
        sum(spent.cpu_s for _, spent in rows),
    )
    terminalreporter.section("time per folder")
    terminalreporter.line(f"{'tests':>6} {'wall s':>8} {'CPU s':>8}  folder")
    for folder, spent in [*rows, ("all", total)]:
        terminalreporter.line(f"{spent.tests:>6} {spent.wall_s:>8.1f} {spent.cpu_s:>8.1f}  {folder}")
