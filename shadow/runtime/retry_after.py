"""The wait that an answer asks for before the next try, in all common forms."""

from __future__ import annotations

import email.utils
from typing import Final, Protocol

LONGEST_RETRY_AFTER_S: Final = 60.0
"""A server with a longer wait, by mistake or on purpose, must not stop a service for hours."""

MILLISECOND_HEADERS: Final = ("retry-after-ms", "x-ms-retry-after-ms")
"""OpenAI's and Azure's own headers, more exact than the standard one beside them."""


class Headers(Protocol):
    """The headers of an answer."""

    def get(self, name: str, /) -> str | None:
        """A header's value; None if it is absent."""
        ...


def retry_after_s(headers: Headers, now_epoch_s: float) -> float | None:
    """Seconds to wait, in [0, 60]; None without a readable header.

    Args:
        headers: by name in lower case, or case-insensitive.
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
    except (ValueError, OverflowError):  # an impossible date
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)
