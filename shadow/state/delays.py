"""Times in headers of providers: `1m30s`, seconds, epoch seconds, and dates of two kinds."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

PARTS: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)")
SECONDS_PER: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
EPOCH_FROM: Final = 1e9
"""A larger number is no delay (of 31 years) but a time: epoch seconds, or milliseconds from 1e12 on."""
EPOCH_MS_FROM: Final = 1e12


def seconds_until(text: str, now_epoch_s: float) -> float | None:
    """Seconds from now until a header's time; 0 for a past time, None if it is unreadable.

    Args:
        text: `20ms`, `6m0s`, `1.5`, `-1`, epoch seconds or milliseconds, an RFC 3339 or an HTTP date.
        now_epoch_s: the time, epoch seconds.
    """
    text = text.strip()
    if not text or len(text) > 64:
        return None
    seconds = _number(text, now_epoch_s)
    if seconds is None:
        seconds = _duration(text)
    if seconds is None:
        moment = _date(text)
        seconds = None if moment is None else moment - now_epoch_s
    return None if seconds is None or not math.isfinite(seconds) else max(0.0, seconds)


def _number(text: str, now_epoch_s: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    if value >= EPOCH_MS_FROM:
        return value / 1000 - now_epoch_s
    return value - now_epoch_s if value >= EPOCH_FROM else value


def _duration(text: str) -> float | None:
    """Go's format of durations, which OpenAI uses."""
    parts = PARTS.findall(text)
    if "".join(amount + unit for amount, unit in parts) != text:
        return None
    return sum(float(amount) * SECONDS_PER[unit] for amount, unit in parts)


def _date(text: str) -> float | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
