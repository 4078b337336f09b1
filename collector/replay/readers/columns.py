"""Columns of a Parquet, CSV or JSON-lines file, checked whole: one pass over a column finds the first wrong row."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.json as pajson
import pyarrow.parquet as pq

from shadow.errors import ConfigError

MOST_TOKENS = 100_000_000
TEXT_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_null)
NUMBER_TYPES = (pa.types.is_integer, pa.types.is_floating, pa.types.is_null)

_CSV: Final = frozenset({".csv"})
_JSON_LINES: Final = frozenset({".jsonl", ".ndjson", ".json"})


def schema(file: Path) -> pa.Schema:
    """The columns of a file; one that ends in neither `.csv` nor `.jsonl` is Parquet.

    Raises:
        ConfigError: the file is absent or not of its kind.
    """
    if file.suffix.lower() in _CSV | _JSON_LINES:
        return _whole(file, ()).schema
    try:
        return pq.read_schema(file)
    except FileNotFoundError:
        raise ConfigError("no such file", file=file) from None
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(
            f"must be a Parquet file ({error}); pandas writes one with DataFrame.to_parquet", file=file
        ) from error


def read(
    file: Path, needed: Sequence[str], extras: Sequence[str], rename: Mapping[str, str], *, texts: Sequence[str] = ()
) -> pa.Table:
    """The needed columns and those of the extras that are there, under our names.

    Args:
        file: ends in `.csv`, `.jsonl` or, for Parquet, anything else.
        needed: columns that must be there.
        extras: columns that are read if they are there.
        rename: the file's column name -> ours.
        texts: our names of columns that are text even where a CSV file shows only digits.

    Raises:
        ConfigError: a needed column is missing; the text names the nearest column and the renaming that would do.
    """
    theirs = {ours: name for name, ours in rename.items()}
    whole = _whole(file, [theirs.get(name, name) for name in texts]) if _is_text(file) else None
    found = list((schema(file) if whole is None else whole.schema).names)
    names = [rename.get(name, name) for name in found]
    missing = [name for name in needed if name not in names]
    if missing:
        raise ConfigError(_missing_text(missing[0], needed, names, (*needed, *extras)), file=file)
    wanted = [name for name in (*needed, *extras) if name in names]
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        raise ConfigError(f"column {twice[0]!r} must be there once, got it twice after --rename", file=file)
    columns = [name if name in found else theirs[name] for name in wanted]
    table = pq.read_table(file, columns=columns) if whole is None else whole.select(columns)
    return table.rename_columns(wanted)


def _is_text(file: Path) -> bool:
    return file.suffix.lower() in _CSV | _JSON_LINES


def _whole(file: Path, texts: Sequence[str]) -> pa.Table:
    try:
        if file.suffix.lower() in _CSV:
            kinds: dict[str, Any] = dict.fromkeys(texts, pa.string())
            return pacsv.read_csv(file, convert_options=pacsv.ConvertOptions(column_types=kinds))
        return pajson.read_json(file)
    except FileNotFoundError:
        raise ConfigError("no such file", file=file) from None
    except (pa.ArrowException, OSError) as error:
        kind = "CSV with a header line" if file.suffix.lower() in _CSV else "JSON lines: one object per line"
        raise ConfigError(f"must be {kind} ({str(error).splitlines()[0]})", file=file) from error


def texts(table: pa.Table, name: str, file: Path, *, empty: str | None = None) -> list[str]:
    """A column as text. Integer ids become text; a missing value becomes `empty` or, without one, is refused."""
    column = table[name].combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not any(is_text(column.type) for is_text in TEXT_TYPES):
        raise ConfigError(f"{name} must be text, got {column.type}", file=file)
    values = pc.cast(column, pa.string())
    if empty is not None:
        return list(pc.fill_null(values, empty).to_pylist())
    refuse(column, pc.fill_null(pc.equal(pc.utf8_length(values), 0), fill_value=True), file, name, "a non-empty text")
    return list(values.to_pylist())


def numbers(table: pa.Table, name: str, file: Path, *, high: float = math.inf) -> pa.Array:
    """A column as doubles in [0, high]; NaN is how many writers say null, so it becomes null."""
    column = table[name].combine_chunks()
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    if not any(is_number(column.type) for is_number in NUMBER_TYPES):
        raise ConfigError(f"{name} must be a number, got {column.type}", file=file)
    values = pc.cast(column, pa.float64())
    values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    refuse(values, pc.invert(pc.is_finite(values)), file, name, "a finite number")
    rule = ">= 0" if high == math.inf else f"in [0, {high:,.0f}]"
    refuse(values, pc.or_(pc.less(values, 0.0), pc.greater(values, high)), file, name, rule)
    return values


def counts(table: pa.Table, name: str, file: Path) -> pa.Array:
    """A column as whole numbers; doubles are accepted where they are whole (a nullable column of pandas is double)."""
    values = numbers(table, name, file, high=MOST_TOKENS)
    refuse(values, pc.not_equal(values, pc.floor(values)), file, name, "a whole number")
    return pc.cast(values, pa.int64())


def refuse(values: pa.Array, broken: pa.Array, file: Path, name: str, rule: str) -> None:
    """Raises a `ConfigError` that quotes the first value whose `broken` is true; null counts as not broken."""
    row = pc.index(pc.fill_null(broken, fill_value=False), value=True).as_py()
    if row >= 0:
        raise ConfigError(f"{name} must be {rule}, got {values[row].as_py()!r} in row {row + 1}", file=file)


def _missing_text(missing: str, needed: Sequence[str], names: Sequence[str], known: Sequence[str]) -> str:
    unused = [name for name in names if name not in known]
    near = difflib.get_close_matches(missing, unused, n=1, cutoff=0.4)
    has = f" (has: {', '.join(near + [name for name in unused if name not in near])})" if unused else ""
    return f'needs {", ".join(needed)}; "{missing}" is missing{has}. --rename {near[0] if near else "YOURS"}={missing}'
