"""Rows of Parquet batches as plain values. A cell that Python cannot hold is None, and the rest of its row stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pyarrow as pa

from shadowroute.collector.moments import EPOCH

NANOSECONDS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
BROKEN: Final = (pa.ArrowException, ValueError, OverflowError)


def plain_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows of a batch."""
    names = batch.schema.names
    return [dict(zip(names, row, strict=True)) for row in zip(*map(plain, batch.columns), strict=True)]


def plain(column: pa.Array) -> list[Any]:
    """The values of a column; timestamps as datetimes in UTC."""
    if pa.types.is_timestamp(column.type):
        return [
            None if tick is None else _moment(tick, column.type.unit) for tick in column.cast(pa.int64()).to_pylist()
        ]
    try:
        values: list[Any] = column.to_pylist()
    except BROKEN:
        values = [_cell(cell) for cell in column]
    return values


def _moment(tick: int, unit: str) -> Any:
    """A datetime of whole microseconds; None beyond the years that Python has."""
    try:
        return EPOCH + timedelta(microseconds=tick * NANOSECONDS[unit] // 1_000)
    except OverflowError:
        return None


def _cell(cell: pa.Scalar) -> Any:
    try:
        return cell.as_py()
    except BROKEN:
        return None
