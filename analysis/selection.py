"""The subject of a figure: a policy, a window of UTC days, and a slice of the traffic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

SEGMENT_KEYS: Final = ("task", "user_tier", "complexity", "input_band")
"""Segment keys that every request has; besides them only `all` and `label:NAME`."""

_STORED_AS: Final = {"complexity": "complexity_band"}
_KNOWN_AS: Final = {stored: key for key, stored in _STORED_AS.items()}

MONTH_DAYS: Final = 365.25 / 12
"""Days of a month, so that twelve of them are a year."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """UTC days, both ends included; the day is that of the live decision."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"window must start before it ends, got {self}; swap --from and --to")

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=offset) for offset in range(self.days))

    @property
    def days(self) -> int:
        """Number of days, at least 1."""
        return (self.last - self.first).days + 1

    @classmethod
    def ending(cls, last: date, days: int) -> Window:
        """The `days` days that end with `last`."""
        return cls(last - timedelta(days=days - 1), last)


def key_of(stored: str) -> str:
    """The segment key that a column or a row of a rollup stands for."""
    return _KNOWN_AS.get(stored, stored)


def stored_key(key: str) -> str:
    """The name of a segment key in the store."""
    return _STORED_AS.get(key, key)


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One value of one declared key; `all` stands for all traffic.

    Attributes:
        key: `all`, `task`, `user_tier`, `complexity`, `input_band` or `label:NAME`.
        value: the key's value; empty for `all`, and for requests that carry none.
    """

    key: str = "all"
    value: str = ""

    def __post_init__(self) -> None:
        if self.key not in {"all", *SEGMENT_KEYS} and not self.key.startswith("label:"):
            known = ", ".join(("all", *SEGMENT_KEYS))
            raise ValueError(
                f"segment key must be one of {known} or label:NAME, got {self.key!r}; see docs/concepts.md"
            )
        if self.key == "all" and self.value:
            raise ValueError(f"segment all must have no value, got {self.value!r}; name a key, as in task={self.value}")

    def __str__(self) -> str:
        return "all" if self.key == "all" else f"{self.key}={self.value}"

    @classmethod
    def parse(cls, text: str) -> Segment:
        """The segment written as `all` or `key=value`; a key may have the name that its column has.

        Raises:
            ValueError: if the text has another form or an unknown key.
        """
        if text == "all":
            return cls()
        key, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"segment must be key=value, got {text!r}; for example task=extract")
        return cls(key_of(key), value)


@dataclass(frozen=True, slots=True)
class Cross:
    """Requests that lie in all of several segments. Rollups are marginal, so these are read from the decisions."""

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if not self.segments:
            raise ValueError("cross must have at least one segment, got none; use Segment() for all traffic")

    def __str__(self) -> str:
        return " & ".join(str(segment) for segment in self.segments)


Slice = Segment | Cross

ALL: Final = Segment()


def slice_of(segments: tuple[Segment, ...]) -> Slice:
    """The cheapest slice for a list of filters: all traffic, one rolled-up segment, or a cross of several."""
    kept = tuple(dict.fromkeys(segment for segment in segments if segment != ALL))
    if not kept:
        return ALL
    return kept[0] if len(kept) == 1 else Cross(kept)


@dataclass(frozen=True, slots=True, order=True)
class PolicyRef:
    """A policy as it stands on every decision row: its name, and the hash of its document."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name
