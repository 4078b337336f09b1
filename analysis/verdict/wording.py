"""Quantities of a verdict in words: savings, losses, delays and dates, each with its interval."""

from __future__ import annotations

from collections.abc import Callable

from shadowroute.analysis.format import number, usd
from shadowroute.analysis.results import Estimate, Measured, Range, Undefined, ends

Write = Callable[[float], str]


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
            low, high = ends(measured)
            return f"{bare(low, write)} to {write(high)}"
        case Undefined():
            return measured.reason


def span(low: float, high: float, write: Write) -> str:
    """Two bounds without their unit."""
    return f"{bare(low, write)} to {bare(high, write)}"


def bare(value: float, write: Write) -> str:
    """A number without its unit; dollars keep their sign only in front of the first."""
    return write(value).partition(" ")[0].replace("$", "")


def about(n: int) -> int:
    """A count that is a forecast, to two digits."""
    return round(n, -max(len(str(n)) - 2, 0))
