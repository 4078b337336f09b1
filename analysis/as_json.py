"""Results of analyses as plain JSON values, with a schema name that only changes when the meaning of a key does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any, Final

from shadowroute.analysis.results import Estimate, Range, Undefined
from shadowroute.analysis.selection import Cross, Segment, Window

KINDS: Final[Mapping[type, str]] = {Estimate: "estimate", Range: "range", Undefined: "undefined"}
"""The `kind` of each measure."""


def to_json(answer: Any, schema: str) -> dict[str, Any]:
    """A report, a packet or a worksheet as JSON values, with the name of its schema.

    The `kind` of a measure is estimate, range or undefined.
    """
    return {"schema": schema, **plain(answer)}


def plain(value: Any) -> Any:
    """JSON values of anything a report holds.

    Raises:
        TypeError: for a type that reports do not hold.
        ValueError: for NaN or infinity, which JSON does not have and no measure may hold.
    """
    if isinstance(value, Window):
        return {"first": value.first.isoformat(), "last": value.last.isoformat()}
    if is_dataclass(value) and not isinstance(value, type | Segment | Cross):
        kind = {"kind": KINDS[type(value)]} if type(value) in KINDS else {}
        return kind | {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return _scalar(value)


def _scalar(value: Any) -> str | int | float | bool | None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"report numbers must be finite, got {value!r}; a measure without a value is Undefined")
        return float(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Segment | Cross):
        return str(value)
    raise TypeError(f"report values must be plain, got {type(value).__name__}; convert it where it is made")
