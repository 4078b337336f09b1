"""A number of a rule that SQL must repeat is the number that Python defines."""

from __future__ import annotations

import inspect
import re
from typing import Final

import pytest

from shadow.prices.registry import BAND_EDGES_TOKENS
from shadowroute.analysis.signals import GRID
from shadowroute.analysis.stats.concentration import BINS_PER_DOUBLING
from shadowroute.analysis.stats.log_bins import RATIO
from shadowroute.analysis.summaries import BUCKETS, ROUNDED
from shadowroute.analysis.training.train import DEFAULT_THRESHOLD
from shadowroute.app.cli.train import train
from tests.support.groups import ROOT

STATEMENTS: Final = {
    str(path.relative_to(ROOT)): "\n".join(line for line in path.read_text().splitlines() if not line.startswith("--"))
    for folder in ("analysis/sql", "collector/sql")
    for path in sorted((ROOT / folder).rglob("*.sql"))
}
DERIVED: Final = ("analysis/sql/derived_rows.sql", "collector/sql/signal_daily.sql")
"""Both say when a request was asked again and when its user left."""


def numbers(pattern: str, text: str) -> list[tuple[float, ...]]:
    """The groups of every place of a text where a pattern stands."""
    return [tuple(float(group) for group in match.groups()) for match in re.finditer(pattern, text)]


@pytest.mark.parametrize(
    ("pattern", "expected", "least"),
    [
        (r"> (\d+)\) \+ \([\w.]+ > (\d+)\) \+ \([\w.]+ > (\d+)\)\) AS context_band", BAND_EDGES_TOKENS, 3),
        (r"> (\d+)\) \+ \([\w.]+ > (\d+)\) \+ \([\w.]+ > (\d+)\)", BAND_EDGES_TOKENS, 4),
        (r"/ log\(([\d.]+)\)", (RATIO,), 5),
        (r"floor\((?:judged\.|mean_)value \* (\d+) \+ 1e-9\)", (GRID,), 3),
        (r"floor\((\d+) \* log2", (BINS_PER_DOUBLING,), 1),
        (r"<= (1e-\d+) \* \(", (ROUNDED,), 1),
        (r"range\((\d+)\)", (BUCKETS,), 1),
    ],
    ids=["price bands", "context bands", "time bins", "signal bins", "money bins", "rounding", "buckets"],
)
def test_sql_repeats_what_python_defines(pattern: str, expected: tuple[float, ...], least: int) -> None:
    """In every statement that has the rule."""
    found = [(name, values) for name, text in STATEMENTS.items() for values in numbers(pattern, text)]
    assert len(found) >= least
    assert [name for name, values in found if values != tuple(map(float, expected))] == []


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"answered_us \+ (\d+) \* 1000000", {60, 1800}),
        (r"<= ([\d.]+) \* answered\.tokens", {0.2}),
        (r"answered\.tokens\) < greatest\(answered\.written, (\d+)\)", {1}),
    ],
    ids=["seconds", "tokens", "answer"],
)
def test_both_readings_of_derived_signals_have_the_same_numbers(pattern: str, expected: set[float]) -> None:
    """The rollup's, and the one for requests in several segments."""
    for name in DERIVED:
        assert {value for (value,) in numbers(pattern, STATEMENTS[name])} == expected, name


def test_the_command_that_trains_shows_the_default_of_training() -> None:
    """The command names it without loading the analysis."""
    assert inspect.signature(train).parameters["threshold"].default == DEFAULT_THRESHOLD
