"""Single values of logs: times, counts, amounts and flags in the spellings that exporters use.

An unreadable value is None, which means unknown; the readers decide whether a call needs it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shadow.domain.accounting import count_of
from shadow.domain.outcome import Contamination
from shadowroute.collector.moments import YEAR_2000_US, YEAR_2100_US, epoch_us

YES: Final = frozenset({"true", "1", "yes", "y", "t", "on"})
NO: Final = frozenset({"false", "0", "no", "n", "f", "off", "none", "null"})
UP: Final = frozenset({"up", "thumbs_up", "thumbs-up", "positive", "good", "like", "+1"})
DOWN: Final = frozenset({"down", "thumbs_down", "thumbs-down", "negative", "bad", "dislike", "-1"})
FAILED: Final = frozenset({"error", "failure", "failed", "fail"})
"""Words for a call without an answer."""
JSON_FORMATS: Final = frozenset({"json_object", "json_schema"})
ROW: Final = "row-"
"""Prefix of an id that is a hash."""
UNITS_US: Final = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
"""Epoch numbers below the first are seconds, then milliseconds, then microseconds; above them nanoseconds."""


def time_us(value: Any) -> int | None:
    """Epoch microseconds of a moment: a datetime or ISO text (without a zone: UTC), or an epoch number of any unit."""
    moment = _datetime(value) if isinstance(value, (datetime, str)) else None
    if moment is not None:
        found = epoch_us(moment)
    else:
        amount = number(value)
        if amount is None:
            return None
        found = round(_epoch_us(amount))
    return found if YEAR_2000_US <= found <= YEAR_2100_US else None


def number(value: Any) -> float | None:
    """A finite number, also written as text."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    try:
        amount = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return amount if math.isfinite(amount) else None


def amount(value: Any) -> float | None:
    """Seconds or dollars: a finite number from 0 on."""
    found = number(value)
    return found if found is not None and found >= 0 else None


def tokens(value: Any) -> int | None:
    """A count of tokens, also written as text or as a whole double."""
    return count_of(number(value))


def flag(value: Any) -> bool | None:
    """Yes or no in the spellings of exporters."""
    if isinstance(value, bool):
        return value
    if value is None:
        return None
    word = str(value).strip().lower()
    if word in YES:
        return True
    return False if word in NO else None


def score(value: Any, low: float, high: float) -> float | None:
    """A rating in [0, 1]: a number between low and high, yes or no, or a thumb."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in UP or word in DOWN:
            return 1.0 if word in UP else 0.0
    found = number(value)
    if found is None:
        known = flag(value)
        return None if known is None else float(known)
    scaled = (found - low) / (high - low)
    return scaled if 0 <= scaled <= 1 else None


def text(value: Any) -> str:
    """A value as text; empty for none."""
    return value if isinstance(value, str) else "" if value is None else str(value)


def first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The first value that one of the names has; None if none has."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def told(row: Mapping[str, Any], name: str, otherwise: Any = None) -> str | None:
    """The value of a row, which may be explicitly none; else the default, where empty means unknown."""
    return text(row[name]) if name in row else text(otherwise) or None


def seconds(start_us: int, end_us: int | None) -> float | None:
    """Seconds between two moments; None without an end, or with an end before the start."""
    return (end_us - start_us) / 1e6 if end_us is not None and end_us >= start_us else None


def contamination(*, cache_hit: bool, fallback: bool) -> tuple[Contamination, ...]:
    """The reason why the model that answered is not live's choice."""
    kinds: tuple[tuple[Contamination, bool], ...] = (("cache_hit", cache_hit), ("fallback", fallback))
    return tuple(kind for kind, applies in kinds if applies)


def json_of(value: Any) -> Any:
    """The value of a JSON text; other values are returned as they are, and invalid JSON is None."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def mapping_of(value: Any) -> Mapping[str, Any]:
    """A JSON object, empty for anything else."""
    found = json_of(value)
    return found if isinstance(found, Mapping) else {}


def at_path(row: Mapping[str, Any], path: str) -> Any:
    """A column, or a dotted path into one that holds JSON: `metadata.spend_logs_metadata.task`."""
    if path in row:
        return row[path]
    head, _, rest = path.partition(".")
    value: Any = row.get(head)
    for name in rest.split(".") if rest else ():
        value = mapping_of(value).get(name)
    return value if rest else None


def row_id(row: Mapping[str, Any]) -> str:
    """An id for a row without one, the same in every import: a hash of its content."""
    body = json.dumps(row, sort_keys=True, default=str, ensure_ascii=False)
    return ROW + hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()[:32]


def _datetime(value: datetime | str) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        return None


def _epoch_us(amount: float) -> float:
    for below, factor in UNITS_US:
        if abs(amount) < below:
            return amount * factor
    return amount / 1_000
