"""Tables as text and as CSV. A cell that a spreadsheet would run as a formula is made text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

Cell = str | int | float | None

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, indent: str = "  ") -> str:
    """Left-aligned columns with two spaces between them; no column is cut.

    Args:
        header: column names.
        rows: cells, as many per row as the header has.
        indent: put before every line.
    """
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        indent + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """CSV lines, the header first, made as they are asked for. None becomes an empty cell, never 0."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([_safe(column) for column in header])
    yield _taken(buffer)
    for row in rows:
        writer.writerow([_safe(cell) for cell in row])
        yield _taken(buffer)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """The whole CSV as one text."""
    return "".join(csv_lines(header, rows))


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _safe(cell: Cell) -> Cell:
    """The cell; text that starts like a formula gets an apostrophe, as OWASP advises. Numbers stay numbers."""
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return "'" + cell
    return cell
