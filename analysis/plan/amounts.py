"""Amounts of a plan file that a reader could take for ten times as much: percentages, days and durations as text.

They stay text in the document, in one spelling, so that the hashed and stored text is the author's.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ValidationInfo

from shadow.config.fields import SEGMENT

BREAK_EVEN: Final = "break_even"

_PERCENT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*%")
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(m|h|d)")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def share_of(percent: str) -> float:
    """`10%` as 0.1."""
    return float(percent.removesuffix("%")) / 100


def duration_of(text: str) -> timedelta:
    """`72h`, `3d` or `90m` as a duration."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"a duration must be a number with m, h or d, got {text!r}; for example 72h")
    return float(match[1]) * _UNITS[match[2]]


def _percent(value: Any, info: ValidationInfo) -> str:
    key = info.field_name or "value"
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(_ambiguous(key, float(value)))
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{key} must be a percentage, got {value!r}; for example 10%")
    number = float(match[1])
    if not 0 <= number <= 100:
        raise ValueError(f"{key} must be 0% to 100%, got {value}")
    return f"{number:.10g}%"


def _ambiguous(key: str, number: float) -> str:
    """The two meanings of a number without a percent sign, and the text to write."""
    if 0 < abs(number) < 1:
        meant = f"{number * 100:.10g}"
        return f"{key}: {number:.10g} is ambiguous ({number:.10g} % or {meant} %?); write {meant}%"
    return f"{key}: {number:.10g} is ambiguous ({number:.10g} % or {number * 100:.10g} %?); write {number:.10g}%"


def _limit(value: Any, info: ValidationInfo) -> str:
    return BREAK_EVEN if value == BREAK_EVEN else _percent(value, info)


def _day(value: Any, info: ValidationInfo) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError(f"{info.field_name} must be a UTC day, YYYY-MM-DD, got {value!r}") from None


def _duration(value: Any, info: ValidationInfo) -> str:
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError(f"{info.field_name} must be a duration with its unit, got {value!r}; for example 72h or 3d")
    return value.replace(" ", "")


def _slice(value: Any) -> Any:
    """The key of `stricter`: one value of one segment."""
    key, equals, rest = str(value).partition("=")
    if not equals or not rest or not SEGMENT.fullmatch(key):
        raise ValueError(f"stricter must name one value of a segment, got {value!r}; for example task=refund")
    return value


Percent = Annotated[str, BeforeValidator(_percent)]
Limit = Annotated[str, BeforeValidator(_limit)]
Day = Annotated[str, BeforeValidator(_day)]
Duration = Annotated[str, BeforeValidator(_duration)]
SegmentValue = Annotated[str, BeforeValidator(_slice)]
