"""Measured quantities as words: one notation for pages, the command line and downloads.

A quantity without a number is written as unknown, never as 0 or a dash that could be read as 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal

from shadowroute.analysis.results import Estimate, Measured, Range, Undefined, scaled

Scale = Literal["percent", "points", "usd", "seconds", "ratio"]
UNKNOWN: Final = "unknown"

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()<>#+!|~$:])")
_FACTOR: Final[dict[Scale, float]] = {"percent": 100.0, "points": 100.0, "usd": 1.0, "seconds": 1.0, "ratio": 1.0}
_UNIT: Final[dict[Scale, str]] = {"percent": " %", "points": " pt", "usd": "", "seconds": " s", "ratio": ""}


def count(number: float) -> str:
    """A count with thousands separated: `412,880`."""
    return f"{round(number):,}"


def counted(number: float, one: str, many: str = "") -> str:
    """`1 day`, `12 days`."""
    return f"{count(number)} {one if round(number) == 1 else many or one + 's'}"


def usd(amount: float) -> str:
    """Dollars with digits that fit the size: `$18,400`, `$228`, `$5.55`, `$0.00041`."""
    size = abs(amount)
    sign = "-" if amount < 0 else ""
    if size >= 100:
        return f"{sign}${size:,.0f}"
    if size >= 0.1 or size == 0:
        return f"{sign}${size:,.2f}"
    return f"{sign}${size:.2g}" if size >= 1e-4 else f"{sign}${size:.1e}"


def percent(share: float, *, signed: bool = False) -> str:
    """A share in [0, 1], or a relative change, as percent: `31.0 %`, signed `-27.1 %`."""
    return number(share, "percent", signed=signed)


def number(value: float, scale: Scale, *, signed: bool = False) -> str:
    """One number with its unit. A change that rounds to zero carries no sign."""
    return _digits(value, scale, signed=signed) + _UNIT[scale]


def headline(measured: Measured, scale: Scale, *, signed: bool = False, between: str = " to ") -> str:
    """The number to print large: a point, both bounds of a range, or the word `unknown`."""
    match measured:
        case Estimate():
            return number(measured.value, scale, signed=signed)
        case Range():
            return _span(measured.low, measured.high, scale, signed=signed, between=between) + _UNIT[scale]
        case Undefined():
            return UNKNOWN


def interval(measured: Measured, scale: Scale, *, signed: bool = False, between: str = " to ") -> str:
    """The 95 % interval of an estimate without its unit, `30.1 to 31.9`; empty for anything else."""
    if not isinstance(measured, Estimate):
        return ""
    return _span(measured.interval.low, measured.interval.high, scale, signed=signed, between=between)


def brief(measured: Measured, scale: Scale, *, signed: bool = False) -> str:
    """Point and interval in one table cell: `31.0 % 30.1..31.9`."""
    bounds = interval(measured, scale, signed=signed, between="..")
    point = headline(measured, scale, signed=signed, between="..")
    return f"{point} {bounds}" if bounds else point


def basis(measured: Measured) -> str:
    """The basis of the number, or the reason for a missing one."""
    match measured:
        case Estimate():
            return f"{counted(measured.n, 'request')} in {counted(measured.effective_clusters, 'effective cluster')}"
        case Range():
            return f"{measured.why} ({counted(measured.n, 'request')})"
        case Undefined():
            return why_not(measured)


def note(measured: Measured) -> str:
    """The reason for a range or a missing number, in a few words; empty for an estimate."""
    match measured:
        case Estimate():
            return ""
        case Range():
            return measured.why
        case Undefined():
            return measured.reason


def why_not(undefined: Undefined) -> str:
    """The reason and the next step, as one text."""
    return sentence(undefined.reason, undefined.next_step)


def times(measured: Measured, factor: float) -> Measured:
    """The same quantity in another size, for example per 1,000 requests instead of per request; `factor` is above 0."""
    return scaled(measured, factor=factor)


def plain(text: str) -> str:
    """Text as it is inside Markdown: names come from other programs and may hold anything."""
    return _MARKDOWN.sub(r"\\\1", text)


def sentence(text: str, next_step: str = "") -> str:
    """A statement and the next step, as one sentence."""
    parts = [part.strip().rstrip(".") for part in (text, next_step)]
    joined = "; ".join(part for part in parts if part)
    return joined[:1].upper() + joined[1:] + "."


def age(seconds: float) -> str:
    """An age: `4 s`, `12 min`, `3 h`, `5 d`."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def as_of(moment: datetime | None, waiting: int) -> str:
    """`as of 2026-11-16 10:00:00 UTC; 12 newer requests wait`: up to when figures are complete, and who is in none."""
    if moment is None:
        return "not rolled up yet"
    newer = f"; {counted(waiting, 'newer request waits', 'newer requests wait')}" if waiting else ""
    return f"as of {moment:%Y-%m-%d %H:%M:%S} UTC{newer}"


def day(when: date) -> str:
    """`9 Nov`."""
    return f"{when.day} {when:%b}"


def days(first: date, last: date) -> str:
    """`9 to 22 Nov`, `30 Nov to 2 Dec`, `9 Nov`."""
    if first == last:
        return day(first)
    same_month = (first.year, first.month) == (last.year, last.month)
    return f"{first.day if same_month else day(first)} to {day(last)}"


def hours(starts: Sequence[datetime], *, most: int = 3) -> str:
    """`16 Nov 10:00 to 12:00 and 17 Nov 08:00 to 09:00 UTC`: whole hours, adjoining ones as one span.

    Args:
        starts: of the hours, in order.
        most: spans to name; of more, the first ones and the last.
    """
    spans: list[tuple[datetime, datetime]] = []
    for start in starts:
        end = start + timedelta(hours=1)
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    named = [_hour_span(*span) for span in spans]
    if len(spans) > most:
        left = counted(len(spans) - most, "further span")
        named = [*named[: most - 1], left, named[-1]]
    return f"{listed(named)} UTC"


def _hour_span(first: datetime, end: datetime) -> str:
    until = f"{end:%H:%M}" if end.date() == first.date() else f"{day(end)} {end:%H:%M}"
    return f"{day(first)} {first:%H:%M} to {until}"


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1] if parts else ""


def _digits(value: float, scale: Scale, *, signed: bool) -> str:
    if scale == "usd":
        text = usd(value)
        return f"+{text}" if signed and value > 0 else text
    scaled = value * _FACTOR[scale]
    # -0.04 prints as 0.0: a sign in front of a zero would claim a direction.
    text = f"{scaled:.2f}" if scale in {"seconds", "ratio"} else f"{scaled:.1f}"
    if float(text) == 0:
        return text.lstrip("-")
    return f"+{text}" if signed and scaled > 0 else text


def _span(low: float, high: float, scale: Scale, *, signed: bool, between: str) -> str:
    return _digits(low, scale, signed=signed) + between + _digits(high, scale, signed=signed)
