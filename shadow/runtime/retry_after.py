"""How long an answer asks to wait before the next try, in all the forms that servers write it."""

from __future__ import annotations

import email.utils
from typing import Final, Protocol

LONGEST_RETRY_AFTER_S: Final = 60.0
"""A server that names more than this, by mistake or on purpose, must not stop anybody for hours."""

MILLISECOND_HEADERS: Final = ("retry-after-ms", "x-ms-retry-after-ms")
"""OpenAI's and Azure's own headers; more exact than the standard one, which they send beside them."""


class Headers(Protocol):
    """What is used of an answer's headers."""

    def get(self, name: str, /) -> str | None:
        """A header's value; None if it is not there."""
        ...


def retry_after_s(headers: Headers, now_epoch_s: float) -> float | None:
    """Seconds to wait, in [0, 60]; None if no header says it in a way that can be understood.

    Args:
        headers: by name in lower case, or by any case where the mapping does not care.
        now_epoch_s: the time, epoch seconds, for dates.
    """
    for name in MILLISECOND_HEADERS:
        milliseconds = _number(headers.get(name))
        if milliseconds is not None:
            return _bounded(milliseconds / 1000)
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is None and text:
        seconds = _seconds_until(text, now_epoch_s)
    return None if seconds is None else _bounded(seconds)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value == value else None  # noqa: PLR0124 - NaN


def _seconds_until(text: str, now_s: float) -> float | None:
    parsed = email.utils.parsedate_tz(text)
    if parsed is None:
        return None
    try:
        return email.utils.mktime_tz(parsed) - now_s
    except (ValueError, OverflowError):  # a date that only looks like one
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)
