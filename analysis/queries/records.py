"""From records of a SELECT to typed rows and bucket sums; no database here."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, TypeVar, cast

import numpy as np

from shadowroute.analysis.selection import PolicyRef
from shadowroute.analysis.stats.log_bins import BinRow
from shadowroute.analysis.summaries import Floats, spread

Record = Mapping[str, Any]
T = TypeVar("T")


def row_of(kind: type[T], record: Record, **computed: Any) -> T:
    """A typed row of a record whose columns have the names of its fields.

    The annotation of a field selects the conversion of the driver's value: flags are numbers in SQL, times lack their
    zone, and the policy is spread over two columns.

    Args:
        kind: a dataclass.
        record: as the statement gives it; columns that are no field are left out.
        computed: fields that are no column.
    """
    columns = {name: read(record, name) for name, read in _fields(cast("Hashable", kind)) if name not in computed}
    return kind(**columns, **computed)


@cache
def _fields(kind: Any) -> tuple[tuple[str, Callable[[Record, str], Any]], ...]:
    return tuple((field.name, _READ.get(str(field.type), _as_it_is)) for field in fields(kind))


def _as_it_is(record: Record, name: str) -> Any:
    return record[name]


_READ: Final[Mapping[str, Callable[[Record, str], Any]]] = {
    "PolicyRef": lambda record, _: policy_of(record),
    "bool": lambda record, name: bool(record[name]),
    "bool | None": lambda record, name: None if record[name] is None else bool(record[name]),
    "datetime": lambda record, name: utc(record[name]),
    "tuple[str, ...]": lambda record, name: tuple(record[name]),
    "tuple[date, ...]": lambda record, name: tuple(record[name]),
    "frozenset[date]": lambda record, name: frozenset(record[name]),
    "Mapping[str, str]": lambda record, name: dict(record[name]),
    "BinRow": lambda record, _: bins_of(record),
}


def policy_of(record: Record) -> PolicyRef:
    """The policy that a record is about."""
    return PolicyRef(record["policy"], record["policy_version"])


def utc(moment: datetime) -> datetime:
    """The moment with its time zone; drivers give UTC columns without one."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def bins_of(record: Record) -> BinRow:
    """Counts in bins, of one bucket."""
    return BinRow(
        record["bucket"],
        np.asarray(record["bins"], dtype=np.float64),
        np.asarray(record["weights"], dtype=np.float64),
    )


def column(records: Sequence[Record], name: str) -> Floats:
    """One column summed by bucket, (256,)."""
    return spread([record["bucket"] for record in records], [record[name] for record in records])


def grouped(records: Iterable[Record], *columns: str) -> dict[Any, list[Record]]:
    """Records by the value of one column, or by the values of several, in the order of the records."""
    groups: dict[Any, list[Record]] = {}
    for record in records:
        key = record[columns[0]] if len(columns) == 1 else tuple(record[name] for name in columns)
        groups.setdefault(key, []).append(record)
    return groups


def by_value(records: Iterable[Record], make: Callable[[list[Record]], T]) -> dict[str, T]:
    """One result per segment value."""
    return {value: make(group) for value, group in grouped(records, "segment_value").items()}
