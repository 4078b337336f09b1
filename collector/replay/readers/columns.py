"""Columns of a Parquet, CSV or JSON-lines file, checked whole: one pass over a column finds the first wrong row."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.json as pajson
import pyarrow.parquet as pq

from shadow.errors import ConfigError
from shadowroute.collector.replay.readers import files
from shadowroute.collector.replay.readers.text_rows import separator_of

MOST_TOKENS = 100_000_000
TEXT_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_null)
NUMBER_TYPES = (pa.types.is_integer, pa.types.is_floating, pa.types.is_null)

_CSV: Final = frozenset({".csv"})
_COMMA: Final = re.compile(rb";-?[0-9]+,[0-9]+")
"""A decimal point where a semicolon separates."""
_PACKED: Final = frozenset({".gz", ".bz2", ".xz"})
_JSON_LINES: Final = frozenset({".jsonl", ".ndjson", ".json"})


def schema(file: Path) -> pa.Schema:
    """The columns of a file; one that ends in neither `.csv` nor `.jsonl` is Parquet.

    Raises:
        ConfigError: the file is absent or of another format.
    """
    if _is_text(file):
        return _whole(file, ()).schema
    try:
        return pq.read_schema(file)
    except FileNotFoundError:
        raise ConfigError("no such file", file=file) from None
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(
            f"must be a Parquet file ({error}); pandas writes one with DataFrame.to_parquet", file=file
        ) from error


class Columns:
    """The needed columns of a file and the extras that it has, under our names.

    Args:
        file: ends in `.csv`, `.jsonl` or, for Parquet, anything else.
        needed: required columns.
        extras: optional columns.
        rename: the file's column name -> ours.
        kept_text: our names of columns that are text even if a CSV file has only digits.

    Raises:
        ConfigError: a needed column is missing; the text names the nearest column and the renaming to use.
    """

    def __init__(
        self,
        file: Path,
        needed: Sequence[str],
        extras: Sequence[str],
        rename: Mapping[str, str] | None = None,
        *,
        kept_text: Sequence[str] = (),
    ) -> None:
        rename = rename or {}
        theirs = {ours: name for name, ours in rename.items()}
        whole = _whole(file, [theirs.get(name, name) for name in kept_text]) if _is_text(file) else None
        found = list((schema(file) if whole is None else whole.schema).names)
        names = [rename.get(name, name) for name in found]
        missing = next((name for name in needed if name not in names), None)
        if missing is not None:
            unused = [name for name in names if name not in {*needed, *extras}]
            raise ConfigError(missing_column(missing, needed, unused), file=file)
        wanted = [name for name in (*needed, *extras) if name in names]
        twice = [name for name in wanted if names.count(name) > 1]
        if twice:
            raise ConfigError(f"column {twice[0]!r} must occur once, got it twice after --rename", file=file)
        columns = [name if name in found else theirs[name] for name in wanted]
        table = pq.read_table(file, columns=columns) if whole is None else whole.select(columns)
        self.file = file
        self.table = table.rename_columns(wanted)
        self.rows = int(table.num_rows)

    def __contains__(self, name: str) -> bool:
        return name in self.table.column_names

    def texts(self, name: str, default: str | None = None) -> list[str]:
        """A column as text, integer ids too. An absent column is the default; a missing value is empty.

        Raises:
            ConfigError: the column is not text, or, without a default, a value is missing.
        """
        if default is not None and name not in self:
            return [default] * self.rows
        column = self.table[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if not any(is_text(column.type) for is_text in TEXT_TYPES):
            raise ConfigError(f"{name} must be text, got {column.type}", file=self.file)
        values = pc.cast(column, pa.string())
        if default is None:
            absent = pc.fill_null(pc.equal(pc.utf8_length(values), 0), fill_value=True)
            self.refuse(column, absent, name, "a non-empty text")
        return list(pc.fill_null(values, "").to_pylist())

    def numbers(self, name: str, *, high: float = math.inf) -> pa.Array:
        """A column as doubles in [0, high], nulls where it is absent; NaN counts as null, as many writers mean it.

        Raises:
            ConfigError: a value is not such a number.
        """
        if name not in self:
            return pa.nulls(self.rows, pa.float64())
        column = self.table[name].combine_chunks()
        if pa.types.is_boolean(column.type):
            column = pc.cast(column, pa.int8())
        if not any(is_number(column.type) for is_number in NUMBER_TYPES):
            raise ConfigError(f"{name} must be a number, got {column.type}", file=self.file)
        values = pc.cast(column, pa.float64())
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
        self.refuse(values, pc.invert(pc.is_finite(values)), name, "a finite number")
        rule = ">= 0" if high == math.inf else f"in [0, {high:,.0f}]"
        self.refuse(values, pc.or_(pc.less(values, 0.0), pc.greater(values, high)), name, rule)
        return values

    def counts(self, name: str, *, high: int = MOST_TOKENS, rule: str = "a whole number") -> pa.Array:
        """A column as whole numbers; doubles are accepted where they are whole, as nullable columns of pandas are.

        Raises:
            ConfigError: a value is not a whole number, or above the highest.
        """
        values = self.numbers(name, high=high)
        self.refuse(values, pc.not_equal(values, pc.floor(values)), name, rule)
        return pc.cast(values, pa.int64())

    def refuse(self, values: pa.Array, broken: pa.Array, name: str, rule: str) -> None:
        """Raises a `ConfigError` that quotes the first value whose `broken` is true; null counts as not broken."""
        row = pc.index(pc.fill_null(broken, fill_value=False), value=True).as_py()
        if row >= 0:
            raise ConfigError(f"{name} must be {rule}, got {values[row].as_py()!r} in row {row + 1}", file=self.file)


def check_rename(rename: Mapping[str, str], known: Collection[str], *files: Path) -> None:
    """Refuse a renaming of an absent column, or to an unused name.

    Raises:
        ConfigError: names the column and the columns of the files.
    """
    present = {name: None for file in files for name in schema(file).names} if rename else {}
    for theirs, ours in rename.items():
        if ours not in known:
            raise ConfigError(f"--rename {theirs}={ours}: {ours!r} must be one of {', '.join(sorted(known))}")
        if theirs not in present and len(files) == 1:
            has = f"the file has no column {theirs!r} (has: {', '.join(present)})"
            raise ConfigError(f"--rename {theirs}={ours}: {has}", file=files[0])
        if theirs not in present:
            have = f"no file has a column {theirs!r} (they have: {', '.join(sorted(present))})"
            raise ConfigError(f"--rename {theirs}={ours}: {have}")


def missing_column(missing: str, needed: Sequence[str], unused: Sequence[str]) -> str:
    """The message for a missing column: the nearest unused column, and the renaming."""
    near = difflib.get_close_matches(missing, unused, n=1, cutoff=0.4)
    has = f" (has: {', '.join([*near, *(name for name in unused if name not in near)])})" if unused else ""
    return f'needs {", ".join(needed)}; "{missing}" is missing{has}. --rename {near[0] if near else "YOURS"}={missing}'


def _kind(file: Path) -> str:
    """The ending of a file that tells what it holds; that of a compressed one stands before the last."""
    endings = [ending.lower() for ending in file.suffixes]
    return next((ending for ending in reversed(endings) if ending not in _PACKED), "")


def _is_text(file: Path) -> bool:
    return _kind(file) in _CSV | _JSON_LINES


def _whole(file: Path, texts: Sequence[str]) -> pa.Table:
    body, cut_off = files.whole(file)
    if cut_off:
        raise ConfigError(f"must be whole, but {cut_off}", file=file)
    try:
        if _kind(file) in _CSV:
            kinds: dict[str, Any] = dict.fromkeys(texts, pa.string())
            separator = separator_of(body.partition(b"\n")[0].decode("utf-8", "replace"))
            return pacsv.read_csv(
                pa.BufferReader(body),
                parse_options=pacsv.ParseOptions(delimiter=separator),
                convert_options=pacsv.ConvertOptions(
                    column_types=kinds, decimal_point="," if separator == ";" and _COMMA.search(body) else "."
                ),
            )
        return pajson.read_json(pa.BufferReader(body))
    except (pa.ArrowException, OSError) as error:
        kind = "CSV with a header line" if _kind(file) in _CSV else "JSON lines: one object per line"
        raise ConfigError(f"must be {kind} ({str(error).splitlines()[0]})", file=file) from error
