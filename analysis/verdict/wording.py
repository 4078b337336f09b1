"""Quantities of a verdict in words: savings, losses, delays and dates, each with its interval."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from shadowroute.analysis.format import number, usd
from shadowroute.analysis.results import Estimate, Measured, Range, Undefined

Write = Callable[[float], str]
UNKNOWN: Final = "unknown"


def percent(share: float) -> str:
    """`27.1 %`."""
    return number(share, "percent")


def whole_percent(share: float) -> str:
    """A limit as a plan writes it: `10 %`, `2.5 %`."""
    return f"{share * 100:.10g} %"


def points(score: float) -> str:
    """`1.0 point`, `0.4 points`."""
    text = number(score, "points").removesuffix(" pt")
    return f"{text} point" if text == "1.0" else f"{text} points"


def milliseconds(ms: float) -> str:
    """`300 ms`."""
    return f"{ms:,.0f} ms"


def money(amount: float) -> str:
    """Dollars of a month, to three digits: a fourth would claim more than the interval allows."""
    if abs(amount) < 100:
        return usd(round(amount, 2))
    digits = len(f"{abs(amount):.0f}") - 3
    return usd(round(amount, -digits))


def shown(measured: Measured, write: Write) -> str:
    """Value and interval: `27.1 % (24.0 to 30.2)`; both bounds of a range; the reason where there is no number."""
    match measured:
        case Estimate():
            return f"{write(measured.value)} ({span(measured.interval.low, measured.interval.high, write)})"
        case Range():
            low, high = (
                (measured.low, measured.high)
                if measured.interval is None
                else (measured.interval.low, measured.interval.high)
            )
            return f"{bare(low, write)} to {write(high)}"
        case Undefined():
            return measured.reason


def span(low: float, high: float, write: Write) -> str:
    """Two bounds without their unit."""
    return f"{bare(low, write)} to {bare(high, write)}"


def bare(value: float, write: Write) -> str:
    """A number without its unit; dollars keep their sign only in front of the first."""
    return write(value).partition(" ")[0].replace("$", "")


def day(when: date) -> str:
    """`9 Nov`."""
    return f"{when.day} {when:%b}"


def days(first: date, last: date) -> str:
    """`9 to 22 Nov`, `30 Nov to 2 Dec`."""
    same_month = (first.year, first.month) == (last.year, last.month)
    return f"{first.day if same_month else day(first)} to {day(last)}"


def about(n: int) -> int:
    """A count that is a forecast, to two digits."""
    return round(n, -max(len(str(n)) - 2, 0))


def listed(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1] if parts else ""
