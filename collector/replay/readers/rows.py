"""Rows of a table file, one after another: Parquet by batches, CSV and JSON lines by lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from shadow.errors import ConfigError
from shadowroute.collector.replay.readers import files
from shadowroute.collector.replay.readers.cache_side import CacheSide
from shadowroute.collector.replay.readers.columns import missing_column
from shadowroute.collector.replay.readers.parquet_rows import plain_rows
from shadowroute.collector.replay.readers.reading import Reading
from shadowroute.collector.replay.readers.row_ids import RowIds
from shadowroute.collector.replay.readers.text_rows import CsvRows, Placed, Row, json_rows
from shadowroute.collector.replay.record import Read, Skipped

Format = Literal["parquet", "csv", "json"]
BATCH_ROWS: Final = 2_048
FIRST_LINES: Final = 100
"""Lines of a JSON file that are looked at for its columns: a line may leave out what is empty."""


class TableFile:
    """A file of rows. Every pass over it begins anew; memory holds one batch, a JSON array apart.

    Args:
        file: Parquet, CSV with a header, JSON lines, or one JSON array (also under `data`); text may be compressed.

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
            return CsvRows(self.file).columns
        names: dict[str, None] = {}
        for number, (_, row) in enumerate(self):
            if isinstance(row, Mapping):
                names |= dict.fromkeys(row)
            if number >= FIRST_LINES:
                break
        return tuple(names)

    def __iter__(self) -> Iterator[Placed]:
        """Where each row stands, and the row."""
        if self.format == "parquet":
            return self._parquet_rows()
        return iter(CsvRows(self.file)) if self.format == "csv" else json_rows(self.file)

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

    def _parquet_rows(self) -> Iterator[Placed]:
        number = 0
        with self._parquet() as opened:
            for batch in opened.iter_batches(batch_size=BATCH_ROWS):
                for row in plain_rows(batch):
                    number += 1
                    yield f"row {number}", row


class RowLog(ABC):
    """A log whose records are rows of a table.

    Raises:
        ConfigError: the file cannot be read, or lacks a needed column.
    """

    needed: ClassVar[Sequence[Sequence[str]]]
    """Groups of names; one of each group must be a column."""

    def __init__(self, file: Path, reading: Reading | None = None) -> None:
        self._table = TableFile(file)
        self._reading = self._meant(reading or Reading(), self._table.columns)
        self._table.require(self.needed, self._reading.rename)
        self._ids = RowIds()
        self._cache = CacheSide(self._reading.cache_tokens)
        self.name = file.name

    @property
    def notes(self) -> list[str]:
        """What was concluded from all rows together. Known after the first pass."""
        return self._cache.notes

    def calls(self) -> Iterator[Read]:
        """Every row, as a call or as skipped; what is wrong with a signal alone costs only the signal."""
        _ = self._noticed
        self._ids.begin()
        for place, row in self._table:
            if isinstance(row, Skipped):
                yield row
            else:
                yield from self._read(place, row)

    @cached_property
    def _noticed(self) -> bool:
        """One pass before the first: which ids repeat, and on which side of the input cached tokens stand."""
        for place, row in self._table:
            if not isinstance(row, Skipped):
                self._notice(place, row)
        return True

    def _meant(self, reading: Reading, columns: Sequence[str]) -> Reading:  # noqa: ARG002 - for tables of any names
        return reading

    @abstractmethod
    def _notice(self, place: str, row: Row) -> None: ...

    @abstractmethod
    def _read(self, place: str, row: Row) -> Iterator[Read]: ...


def _format(file: Path) -> Format:
    start = files.head(file)
    if start.startswith(files.PARQUET):
        return "parquet"
    encoding = files.encoding_of(start)
    if encoding is None:
        raise ConfigError("must be Parquet, CSV with a header or JSON lines, got a binary file", file=file)
    first = start.decode(encoding, "replace").lstrip("\ufeff\0 \t\r\n")[:1]
    return "json" if first in ("{", "[") else "csv"
