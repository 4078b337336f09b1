"""A file of executed answers: its required and optional columns.

One row per answer. Everything is checked before anything is stored, and an error names the file, the column, the rule
and the value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc

from shadow.errors import ConfigError
from shadowroute.collector.executions import Execution
from shadowroute.collector.moments import EPOCH, read_us
from shadowroute.collector.replay.readers import columns
from shadowroute.collector.replay.readers.columns import Columns
from shadowroute.collector.replay.readers.parquet_rows import plain

NEEDED: Final = ("request_id", "model")
TEXTS: Final = ("policy", "version", "stratum", "sample", "status", "scorer", "signal")
NUMBERS: Final = {"score": 1.0, "live_score": 1.0, "cost_usd": float("inf"), "latency_s": float("inf")}
"""Columns of numbers from 0, with their highest value."""
COUNTS: Final = ("input_tokens", "output_tokens")
CHANCE: Final = "inclusion_probability"
EXTRAS: Final = (CHANCE, *TEXTS, *NUMBERS, *COUNTS, "escalated", "executed_at")
KNOWN: Final = (*NEEDED, *EXTRAS)
STATUSES: Final = ("ok", "error")
CAME_BACK: Final = ("status", "score", "cost_usd", "escalated", "output_tokens", "latency_s")
"""Columns with results of a run; the draw itself has none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Options that hold for every row; a column of the same name must be absent.

    Attributes:
        inclusion_probability: (0, 1].
        sample: name of the draw; by default the file's name without its ending.
        policy: the policy of the executed plan; empty = the model alone.
    """

    inclusion_probability: float | None = None
    sample: str = ""
    policy: str = ""
    version: str = ""
    signal: str = ""
    scorer: str = ""
    rename: Mapping[str, str] = field(default_factory=dict)


def read_executions(file: Path, given: Given) -> list[Execution]:
    """The checked rows of a file, without duplicates.

    Raises:
        ConfigError: the file lacks a column or breaks a rule.
    """
    columns.check_rename(given.rename, KNOWN, file)
    needed = NEEDED if given.inclusion_probability is not None else (*NEEDED, CHANCE)
    extras = [name for name in EXTRAS if name not in needed]
    try:
        table = columns.Columns(file, needed, extras, given.rename, kept_text=(*NEEDED, *TEXTS))
    except ConfigError as error:
        if f'"{CHANCE}" is missing' not in error.message:
            raise
        raise ConfigError(f"{error.message}, or --inclusion-probability if it is the same for all", file=file) from None
    if not table.rows:
        raise ConfigError("must hold at least one executed answer, got none", file=file)
    _check_ran(table)
    values = _values(table, given)
    rows = [Execution(**dict(zip(values, row, strict=True))) for row in zip(*values.values(), strict=True)]
    _check_signal(rows, file)
    return _once(rows, file)


def unread_columns(file: Path, given: Given) -> list[str]:
    """Unknown columns of the file, in its order; a misspelt one is among them."""
    return [name for name in columns.schema(file).names if given.rename.get(name, name) not in KNOWN]


def _values(table: Columns, given: Given) -> dict[str, Sequence[Any]]:
    for name in ("policy", "version", "signal", "scorer", "sample"):
        if name in table and getattr(given, name):
            raise ConfigError(f"column {name!r} and --{name} must not both be given; leave one out", file=table.file)
    status = table.texts("status", "ok")
    _one_of(status, STATUSES, "status", table.file)
    flags = table.counts("escalated", high=1, rule="0, 1, true or false").to_pylist()
    return {
        "sample": [value or table.file.stem for value in table.texts("sample", given.sample)],
        "request_id": table.texts("request_id"),
        "policy": table.texts("policy", given.policy),
        "policy_version": table.texts("version", given.version),
        "model": table.texts("model"),
        CHANCE: _probabilities(table, given),
        "stratum": table.texts("stratum", ""),
        "status": [value or "ok" for value in status],
        "escalated": [None if flag is None else bool(flag) for flag in flags],
        **{name: table.counts(name).to_pylist() for name in COUNTS},
        **{name: table.numbers(name, high=high).to_pylist() for name, high in NUMBERS.items()},
        "signal": table.texts("signal", given.signal),
        "scorer": table.texts("scorer", given.scorer),
        "executed_at": _times(table),
    }


def _probabilities(table: Columns, given: Given) -> Sequence[Any]:
    if given.inclusion_probability is not None:
        if CHANCE in table:
            raise ConfigError(f"column {CHANCE!r} and --inclusion-probability must not both be given", file=table.file)
        return [given.inclusion_probability] * table.rows
    found = table.numbers(CHANCE)
    wrong = pc.or_(pc.less_equal(found, 0.0), pc.greater(found, 1.0))
    table.refuse(found, pc.fill_null(wrong, fill_value=True), CHANCE, "in (0, 1]")
    values: Sequence[Any] = found.to_pylist()
    return values


def _times(table: Columns) -> Sequence[Any]:
    if "executed_at" not in table:
        return [None] * table.rows
    column = table.table["executed_at"].combine_chunks()
    told = zip(plain(column), column.is_null().to_pylist(), strict=True)
    return [None if missing else _time(value, row, table.file) for row, (value, missing) in enumerate(told, 1)]


def _time(value: object, row: int, file: Path) -> datetime | None:
    if value == "":
        return None
    found = read_us(value)
    if found is None:
        raise ConfigError(f"executed_at must be a time as 2026-11-24T12:00:00Z, got {value!r} in row {row}", file=file)
    return EPOCH + timedelta(microseconds=found)


def _one_of(values: Sequence[str], allowed: Sequence[str], name: str, file: Path) -> None:
    for row, value in enumerate(values, 1):
        if value and value not in allowed:
            raise ConfigError(f"{name} must be {' or '.join(allowed)}, got {value!r} in row {row}", file=file)


def _check_ran(table: Columns) -> None:
    """Refuse the draw itself: rows without results would stay beside the answers of a later import."""
    if not any(name in table and table.table[name].null_count < table.rows for name in CAME_BACK):
        raise ConfigError(
            f"must have results, in at least one of the columns {', '.join(CAME_BACK)}; it looks like the draw: run the"
            " policy on its requests and add these columns",
            file=table.file,
        )


def _check_signal(rows: Sequence[Execution], file: Path) -> None:
    for number, row in enumerate(rows, 1):
        if not row.signal and (row.score is not None or row.live_score is not None):
            raise ConfigError(
                f"row {number} has a score and no signal; say what it measures: --signal resolved", file=file
            )


def _once(rows: Sequence[Execution], file: Path) -> list[Execution]:
    seen: dict[tuple[str, ...], tuple[int, Execution]] = {}
    chances: dict[tuple[str, str], tuple[int, float]] = {}
    for number, row in enumerate(rows, 1):
        first, other = seen.setdefault(row.key, (number, row))
        if other != row:
            name = next(n for n in row.__dataclass_fields__ if getattr(row, n) != getattr(other, n))
            raise ConfigError(
                f"request {row.request_id!r} must have one answer per sample, model, signal and scorer, got {name} "
                f"{getattr(other, name)!r} in row {first} and {getattr(row, name)!r} in row {number}",
                file=file,
            )
        first, chance = chances.setdefault((row.sample, row.request_id), (number, row.inclusion_probability))
        if chance != row.inclusion_probability:
            raise ConfigError(
                f"request {row.request_id!r} must have one inclusion_probability in sample {row.sample!r}, "
                f"got {chance!r} in row {first} and {row.inclusion_probability!r} in row {number}",
                file=file,
            )
    return [row for _, row in seen.values()]
