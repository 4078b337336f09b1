"""Moments: which are believed, and how one is read that others wrote.

There is one reader, for logs, executed answers and signals alike. It tries in this order:

1. a datetime, or a date, which is its midnight;
2. a number, or a text that is one: time since 1970 in seconds, milliseconds, microseconds or nanoseconds, by its size;
   where that is no believable moment, digits as in `20261120` or `20261120100000`;
3. ISO 8601: `2026-11-20T10:00:00Z`, with or without a zone, also with slashes, or only the date;
4. RFC 2822: `Fri, 20 Nov 2026 10:00:00 GMT`.

What has no zone is UTC. Moments between 2000 and one day after now are believed, by every reader and by the receiver.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_2000_US: Final = 946_684_800_000_000
YEAR_2100_US: Final = 4_102_444_800_000_000
"""Epoch microseconds between which a moment can be one at all: what lies outside is in another unit, or no time."""
DAY_US: Final = 86_400_000_000
UNITS: Final = ((10**11, 1_000_000, 1), (10**14, 1_000, 1), (10**17, 1, 1))
"""Numbers below the first are seconds, then milliseconds, then microseconds; above them nanoseconds."""
NANOSECONDS: Final = (0, 1, 1_000)
COMPACT: Final = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_NUMBER: Final = re.compile(r"[0-9]+\.?[0-9]*(?:[eE]\+?[0-9]{1,2})?")
_SLASHES: Final = re.compile(r"[0-9]{4}/")
_ZULU: Final = re.compile(r"\s*(?:UTC|GMT|Z)$", re.IGNORECASE)


def utc(moment: datetime) -> datetime:
    """A moment with its zone; without one it is UTC, as the store's client returns them."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def epoch_us(moment: datetime) -> int:
    """Exact epoch microseconds; a moment without a zone is UTC."""
    return (utc(moment) - EPOCH) // timedelta(microseconds=1)


def latest_us(now_us: int) -> int:
    """The last moment that is believed at a time: clocks differ, but not by more than a day."""
    return now_us + DAY_US


def is_believed(time_us: int, now_us: int) -> bool:
    """Whether something may have happened then, in epoch microseconds."""
    return YEAR_2000_US <= time_us <= latest_us(now_us)


def read_us(value: Any) -> int | None:
    """Epoch microseconds of a moment in any of the spellings above; None if it is none between 2000 and 2100."""
    if isinstance(value, str):
        found = _of_text(value.strip())
    elif isinstance(value, (int, float, Decimal)):
        found = _of_number(value)
    else:
        found = _of_date(value)
    return found if found is not None and YEAR_2000_US <= found <= YEAR_2100_US else None


def _of_date(value: Any) -> int | None:
    if isinstance(value, datetime):
        return epoch_us(value)
    return epoch_us(datetime(value.year, value.month, value.day, tzinfo=UTC)) if isinstance(value, date) else None


def _of_text(text: str) -> int | None:
    if _NUMBER.fullmatch(text):
        return _of_number(int(text) if _DIGITS.fullmatch(text) else float(text))
    for parse in (_iso, parsedate_to_datetime):
        try:
            return epoch_us(parse(text))
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _iso(text: str) -> datetime:
    if _SLASHES.match(text):
        text = text.replace("/", "-", 2)
    zulu = _ZULU.search(text)
    return datetime.fromisoformat(text[: zulu.start()] + "+00:00" if zulu and zulu.start() > 10 else text)


def _of_number(number: float | Decimal) -> int | None:
    if isinstance(number, bool) or not math.isfinite(number) or not 0 <= number < 10**19:
        return None
    _, factor, divisor = next((unit for unit in UNITS if number < unit[0]), NANOSECONDS)
    found = round(number * factor) // divisor
    if YEAR_2000_US <= found <= YEAR_2100_US:
        return found
    digits = str(int(number))
    try:
        return epoch_us(datetime.strptime(digits, COMPACT[len(digits)]).replace(tzinfo=UTC))
    except (KeyError, ValueError):
        return None
