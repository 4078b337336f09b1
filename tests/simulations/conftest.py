"""The table of figures: each simulation names what it found, also where it passes."""

from __future__ import annotations

import os

import pytest

from tests.support.draws import DRAWS, Figure


@pytest.fixture
def figure(record_property: object) -> Figure:
    """Notes a figure; `record_property` carries it to the terminal, from other processes too."""
    return lambda line: record_property("figure", line)  # type: ignore[operator]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures where somebody asked for a number of draws."""
    if "SHADOWROUTE_DRAWS" not in os.environ:
        return
    terminalreporter.section(f"simulations, {DRAWS} draws")
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.stats.get(outcome, [])]
    for report in sorted((r for r in reports if getattr(r, "when", "") == "call"), key=lambda r: r.nodeid):
        for name, line in report.user_properties:
            if name == "figure":
                terminalreporter.write_line(f"{report.nodeid.split('::')[-1]} | {line}")
