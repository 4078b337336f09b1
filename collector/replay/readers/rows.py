"""Rows of a table file, one after another: Parquet by batches, CSV and JSON lines by lines."""

from __future__ import annotations

import csv
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from shadow.errors import ConfigError
from shadowroute.collector.replay.readers.columns import missing_column
from shadowroute.collector.replay.readers.reading import Reading
from shadowroute.collector.replay.record import Read, Skipped

Row = Mapping[str, Any]
Format = Literal["parquet", "csv", "json"]
BATCH_ROWS: Final = 2_048
FIRST_LINES: Final = 100
"""Lines of a JSON file that are read for its columns: a line may leave out empty ones."""
PARQUET_MAGIC: Final = b"PAR1"


class TableFile:
    """A file of rows. Every pass over it begins anew; memory holds one batch, a JSON array apart.

    Args:
        file: Parquet, CSV with a header, JSON lines, or one JSON array (also under `data`).

    Raises:
        ConfigError: there is no such file, or it has another format.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.format: Format = _format(file)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns; of a JSON file those of its first lines."""
        if self.format == "parquet":
            return tuple(self._parquet().schema_arrow.names)
        if self.format == "csv":
            with self.file.open(encoding="utf-8-sig", newline="") as opened:
                return tuple(next(csv.reader(opened), ()))
        names: dict[str, None] = {}
        for number, (_, row) in enumerate(self):
            if isinstance(row, Mapping):
                names |= dict.fromkeys(row)
            if number >= FIRST_LINES:
                break
        return tuple(names)

    def __iter__(self) -> Iterator[tuple[str, Row | Skipped]]:
        """The place of each row, and the row."""
        if self.format == "parquet":
            return self._parquet_rows()
        return self._csv_rows() if self.format == "csv" else self._json_rows()

    def require(self, groups: Sequence[Sequence[str]], rename: Mapping[str, str]) -> None:
        """Check that of every group of names one is a column, after renaming.

        Raises:
            ConfigError: a group has no column; the text names the nearest column and the renaming to use.
        """
        columns = self.columns
        unknown = next((name for name in rename if name.partition(".")[0] not in columns and name not in columns), None)
        if unknown is not None:
            raise ConfigError(f"has no column {unknown!r} to rename (has: {', '.join(columns)})", file=self.file)
        names = {*columns, *rename.values()}
        for group in groups:
            if not names.intersection(group):
                used = {each for group in groups for each in group}
                unused = [column for column in columns if column not in used]
                raise ConfigError(missing_column(group[0], [group[0] for group in groups], unused), file=self.file)

    def _parquet(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.file)
        except (pa.ArrowException, OSError) as error:
            raise ConfigError(f"must be a Parquet file ({error})", file=self.file) from error

    def _parquet_rows(self) -> Iterator[tuple[str, Row | Skipped]]:
        number = 0
        with self._parquet() as opened:
            for batch in opened.iter_batches(batch_size=BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row

    def _csv_rows(self) -> Iterator[tuple[str, Row | Skipped]]:
        csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        with self.file.open(encoding="utf-8-sig", errors="replace", newline="") as opened:
            reader = csv.DictReader(opened)
            for row in reader:
                place = f"line {reader.line_num}"
                cells = None in row or None in row.values()
                yield place, (Skipped(place, "number of cells differs from the header") if cells else row)

    def _json_rows(self) -> Iterator[tuple[str, Row | Skipped]]:
        with self.file.open(encoding="utf-8-sig", errors="replace") as opened:
            if _starts_array(self.file):
                yield from _array_rows(opened.read(), self.file)
                return
            for number, line in enumerate(opened, 1):
                if line.strip():
                    yield f"line {number}", _json_row(line, f"line {number}")


class RowLog(ABC):
    """A log whose records are rows of a table.

    Raises:
        ConfigError: the file cannot be read, or lacks a needed column.
    """

    needed: ClassVar[Sequence[Sequence[str]]]
    """Groups of names; one of each group must be a column."""

    def __init__(self, file: Path, reading: Reading | None = None) -> None:
        self._table = TableFile(file)
        self._reading = reading or Reading()
        self._table.require(self.needed, self._reading.rename)
        self.name = file.name

    def calls(self) -> Iterator[Read]:
        """Every row, as a call or as skipped; an invalid signal is skipped alone."""
        for place, row in self._table:
            if isinstance(row, Skipped):
                yield row
            else:
                yield from self._read(place, row)

    @abstractmethod
    def _read(self, place: str, row: Row) -> Iterator[Read]: ...


def _json_row(line: str, place: str) -> Row | Skipped:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return Skipped(place, "not JSON")
    return row if isinstance(row, dict) else Skipped(place, "not a JSON object")


def _array_rows(body: str, file: Path) -> Iterator[tuple[str, Row | Skipped]]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"must be JSON lines or one JSON array ({error})", file=file) from error
    rows = document.get("data") if isinstance(document, dict) else document
    for number, row in enumerate(rows if isinstance(rows, list) else [document], 1):
        place = f"entry {number}"
        yield place, row if isinstance(row, dict) else Skipped(place, "not a JSON object")


def _starts_array(file: Path) -> bool:
    """Whether one JSON document fills the file: an array, or an object over several lines."""
    with file.open(encoding="utf-8-sig", errors="replace") as opened:
        first = next((line for line in opened if line.strip()), "")
    if first.lstrip().startswith("["):
        return True
    return isinstance(_json_row(first, ""), Skipped) or '"data"' in first[:200]


def _format(file: Path) -> Format:
    try:
        with file.open("rb") as opened:
            head = opened.read(4096)
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise ConfigError(reason, file=file) from None
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise ConfigError("must hold at least one row, got an empty file", file=file)
    if b"\0" in head:
        raise ConfigError("must be Parquet, CSV with a header or JSON lines, got a binary file", file=file)
    return "json" if start[:1] in (b"{", b"[") else "csv"
