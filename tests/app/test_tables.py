"""Tables as text and as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from shadowroute.app.tables import csv_text, text_table


def test_no_column_is_cut() -> None:
    """Columns are as wide as their longest cell."""
    text = text_table(("policy", "n"), [("a-very-long-policy-name", "1"), ("b", "22")])
    assert text.splitlines() == [
        "  policy                   n",
        "  a-very-long-policy-name  1",
        "  b                        22",
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")'])
def test_text_that_starts_a_formula_is_defused(cell: str) -> None:
    """A spreadsheet must not run what a prompt label or a model name says."""
    (_, row) = csv.reader(io.StringIO(csv_text(("x",), [(cell,)]), newline=""))
    assert row == ["'" + cell]
    (header,) = csv.reader(io.StringIO(csv_text((cell,), []), newline=""))
    assert header == ["'" + cell]  # the name of a signal or a label stands in headers


def test_numbers_stay_numbers() -> None:
    """A negative number is no formula, and unknown is empty, never 0."""
    assert csv_text(("x", "y", "z"), [(-0.271, None, 0)]) == "x,y,z\r\n-0.271,,0\r\n"


def test_quotes_commas_and_line_breaks_survive() -> None:
    """What a reader parses is what was written."""
    cells = ('a "quoted", cell', "two\nlines")
    (_, row) = csv.reader(io.StringIO(csv_text(("x", "y"), [cells]), newline=""))
    assert tuple(row) == cells
