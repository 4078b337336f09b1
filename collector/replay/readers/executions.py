"""A file of executed answers: what it must hold, and what it may leave out.

One row per answer. Everything is checked before anything is stored, and an error names the file, the column, the rule
and what was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from shadow.errors import ConfigError
from shadowroute.collector.executions import Execution
from shadowroute.collector.replay.readers import columns

NEEDED: Final = ("request_id", "model")
TEXTS: Final = ("policy", "version", "stratum", "sample", "status", "scorer", "signal")
NUMBERS: Final = {"score": 1.0, "live_score": 1.0, "cost_usd": float("inf"), "latency_s": float("inf")}
"""Columns of numbers from 0, with their highest value."""
COUNTS: Final = ("input_tokens", "output_tokens")
EXTRAS: Final = ("inclusion_probability", *TEXTS, *NUMBERS, *COUNTS, "escalated", "executed_at")
KNOWN: Final = (*NEEDED, *EXTRAS)
STATUSES: Final = ("ok", "error")
CAME_BACK: Final = ("status", "score", "cost_usd", "escalated", "output_tokens", "latency_s")
"""Columns that only a run can fill; the draw itself has none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What options say of every row; a column of that name must then be absent.

    Attributes:
        inclusion_probability: (0, 1].
        sample: name of the draw; by default the file's name without its ending.
        policy: whose whole plan was run; empty = the model alone.
    """

    inclusion_probability: float | None = None
    sample: str = ""
    policy: str = ""
    version: str = ""
    signal: str = ""
    scorer: str = ""
    rename: Mapping[str, str] = field(default_factory=dict)


def read_executions(file: Path, given: Given) -> list[Execution]:
    """The checked rows of a file, repeated ones once.

    Raises:
        ConfigError: the file lacks a column or breaks a rule.
    """
    _check_rename(file, given.rename)
    needed = NEEDED if given.inclusion_probability is not None else (*NEEDED, EXTRAS[0])
    extras = [name for name in EXTRAS if name not in needed]
    try:
        table = columns.read(file, needed, extras, given.rename, texts=(*NEEDED, *TEXTS))
    except ConfigError as error:
        if f'"{EXTRAS[0]}" is missing' not in error.message:
            raise
        raise ConfigError(f"{error.message}, or --inclusion-probability if it is the same for all", file=file) from None
    if not table.num_rows:
        raise ConfigError("must hold at least one executed answer, got none", file=file)
    _check_ran(table, file)
    values = _values(table, file, given)
    rows = [Execution(**dict(zip(values, row, strict=True))) for row in zip(*values.values(), strict=True)]
    _check_signal(rows, file)
    return _once(rows, file)


def unread_columns(file: Path, given: Given) -> list[str]:
    """Columns of the file that mean nothing here, in its order; a misspelt one is among them."""
    return [name for name in columns.schema(file).names if given.rename.get(name, name) not in KNOWN]


def _check_rename(file: Path, rename: Mapping[str, str]) -> None:
    present = columns.schema(file).names if rename else []
    for theirs, ours in rename.items():
        if ours not in KNOWN:
            raise ConfigError(f"--rename {theirs}={ours}: {ours!r} must be one of {', '.join(sorted(KNOWN))}")
        if theirs not in present:
            raise ConfigError(
                f"--rename {theirs}={ours}: the file has no column {theirs!r} (has: {', '.join(present)})", file=file
            )


def _values(table: pa.Table, file: Path, given: Given) -> dict[str, Sequence[Any]]:
    n = table.num_rows

    def text(name: str, default: str) -> Sequence[Any]:
        if name not in table.column_names:
            return [default] * n
        if default and name in {"policy", "version", "signal", "scorer", "sample"} and getattr(given, name):
            raise ConfigError(f"column {name!r} and --{name} must not both be given; leave one out", file=file)
        return columns.texts(table, name, file, empty="")

    def number(name: str) -> Sequence[Any]:
        if name not in table.column_names:
            return [None] * n
        found: Sequence[Any] = columns.numbers(table, name, file, high=NUMBERS[name]).to_pylist()
        return found

    status = text("status", "ok")
    _one_of(status, STATUSES, "status", file)
    return {
        "sample": [value or file.stem for value in text("sample", given.sample or file.stem)],
        "request_id": columns.texts(table, "request_id", file),
        "policy": text("policy", given.policy),
        "policy_version": text("version", given.version),
        "model": columns.texts(table, "model", file),
        "inclusion_probability": _probabilities(table, file, given),
        "stratum": text("stratum", ""),
        "status": [value or "ok" for value in status],
        "escalated": _flags(table, file),
        **{name: _counts(table, name, file) for name in COUNTS},
        "cost_usd": number("cost_usd"),
        "latency_s": number("latency_s"),
        "signal": text("signal", given.signal),
        "score": number("score"),
        "live_score": number("live_score"),
        "scorer": text("scorer", given.scorer),
        "executed_at": _times(table, file),
    }


def _probabilities(table: pa.Table, file: Path, given: Given) -> Sequence[Any]:
    name = "inclusion_probability"
    if given.inclusion_probability is not None:
        if name in table.column_names:
            raise ConfigError(f"column {name!r} and --inclusion-probability must not both be given", file=file)
        return [given.inclusion_probability] * table.num_rows
    found = columns.numbers(table, name, file)
    wrong = pc.or_(pc.less_equal(found, 0.0), pc.greater(found, 1.0))
    columns.refuse(found, pc.fill_null(wrong, fill_value=True), file, name, "in (0, 1]")
    values: Sequence[Any] = found.to_pylist()
    return values


def _counts(table: pa.Table, name: str, file: Path) -> Sequence[Any]:
    if name not in table.column_names:
        return [None] * table.num_rows
    found: Sequence[Any] = columns.counts(table, name, file).to_pylist()
    return found


def _flags(table: pa.Table, file: Path) -> Sequence[Any]:
    if "escalated" not in table.column_names:
        return [None] * table.num_rows
    found = columns.numbers(table, "escalated", file, high=1.0)
    columns.refuse(found, pc.not_equal(found, pc.floor(found)), file, "escalated", "0, 1, true or false")
    return [None if value is None else bool(value) for value in found.to_pylist()]


def _times(table: pa.Table, file: Path) -> Sequence[Any]:
    if "executed_at" not in table.column_names:
        return [None] * table.num_rows
    column = table["executed_at"].combine_chunks()
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.timestamp("us", tz=getattr(column.type, "tz", None)))
    return [_time(value, row, file) for row, value in enumerate(column.to_pylist(), 1)]


def _time(value: object, row: int, file: Path) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ConfigError(
            f"executed_at must be a time as 2026-11-24T12:00:00Z, got {value!r} in row {row}", file=file
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _one_of(values: Sequence[str], allowed: Sequence[str], name: str, file: Path) -> None:
    for row, value in enumerate(values, 1):
        if value and value not in allowed:
            raise ConfigError(f"{name} must be {' or '.join(allowed)}, got {value!r} in row {row}", file=file)


def _check_ran(table: pa.Table, file: Path) -> None:
    """Refuse the draw itself: rows that say nothing would stand for good beside the answers that come later."""
    if not any(name in table.column_names and table[name].null_count < table.num_rows for name in CAME_BACK):
        raise ConfigError(
            f"must say what came back, and holds none of {', '.join(CAME_BACK)}; it looks like the draw: run the"
            " policy on its requests and add these columns",
            file=file,
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
