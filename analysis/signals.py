"""The meaning of a quality signal beyond its values: its better side, its maturity, and its strength as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from shadowroute.analysis.results import RUNGS, Rung
from shadowroute.analysis.selection import Window

GRID: Final = 20
"""Steps between 0 and 1 in which the values of a signal are counted; bars lie on them."""

USUAL_BAR: Final = 0.5
"""Score from which an answer is good enough without a declared bar."""

DERIVED: Final = "derived"
"""Source of signals that the rollup reads out of the log itself."""


ON_GRID: Final = "distributions are kept in steps of 5 %"


def is_on_grid(value: float) -> bool:
    """Whether a value lies between two bins."""
    return abs(value * GRID - round(value * GRID)) < 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRow:
    """A signal that reached decisions of the window; `n` requests have it."""

    name: str
    source: str
    n: int


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """The meaning of one signal.

    Attributes:
        name: of the signal, for example `resolved`.
        source: human, user, code, llm, reference or derived; empty for any.
        lower_is_better: whether 0 is the best value, for example of `edits`. Values are shown as they arrived.
        matures_after_h: hours after the request until which the signal may still arrive or change; 0 = it is complete
            as soon as it is there.
        rung: evidence of the signal where the shadow's own model answered: `observed`, or `proxy` for a stand-in.
        bar: value that an answer must reach (or, where lower is better, stay below), on the grid of 0.05; None = none.
    """

    name: str
    source: str = ""
    lower_is_better: bool = False
    matures_after_h: float = 0.0
    rung: Rung = "observed"
    bar: float | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("signal must have a name, got ''; for example resolved")
        if not self.matures_after_h >= 0:
            raise ValueError(f"{self.name}.matures_after must be at least 0 hours, got {self.matures_after_h!r}")
        if self.rung not in RUNGS:
            raise ValueError(f"{self.name}.rung must be one of {', '.join(RUNGS)}, got {self.rung!r}")
        if self.bar is not None and not (0 <= self.bar <= 1 and is_on_grid(self.bar)):
            raise ValueError(
                f"{self.name}.bar must be a multiple of 5 % from 0 % to 100 %, got {self.bar * 100:g} %; {ON_GRID}"
            )

    def matured(self, window: Window, as_of: datetime | None) -> Window | None:
        """The days of a window whose last request is old enough; None if there is none.

        Args:
            window: UTC days.
            as_of: everything that arrived before this is in the figures; None leaves the window as it is.
        """
        if as_of is None or not self.matures_after_h:
            return window
        if as_of.tzinfo is None:
            as_of = as_of.replace(tzinfo=UTC)
        # A day is complete at its end, so the last complete day ends at or before this moment.
        newest = (as_of - timedelta(hours=self.matures_after_h)).astimezone(UTC)
        last = min(newest.date() - timedelta(days=1), window.last)
        return Window(window.first, last) if last >= window.first else None


KNOWN: Final[Mapping[str, SignalSpec]] = {
    spec.name: spec
    for spec in (
        SignalSpec("thumbs"),
        SignalSpec("resolved"),
        SignalSpec("retry", lower_is_better=True, rung="proxy"),
        SignalSpec("abandonment", lower_is_better=True, rung="proxy"),
        SignalSpec("edits", lower_is_better=True, rung="proxy"),
        SignalSpec("edit_distance", lower_is_better=True, rung="proxy"),
        SignalSpec("no_user_retry", source=DERIVED, rung="proxy"),
        SignalSpec("no_abandonment", source=DERIVED, rung="proxy"),
    )
}
"""Meaning of undeclared names. No maturity is guessed: only the plan knows how long people take to answer."""


def spec_of(signal: SignalRow, specs: Mapping[str, SignalSpec] | None = None) -> SignalSpec:
    """The meaning of a signal: declared, else known by its name, else the default.

    Args:
        signal: name and source as stored.
        specs: declared ones by name, for example those of a plan; one with another source does not apply.
    """
    for declared in ((specs or {}).get(signal.name), KNOWN.get(signal.name)):
        if declared and declared.source in ("", signal.source):
            return replace(declared, source=signal.source)
    return SignalSpec(signal.name, source=signal.source, rung="proxy" if signal.source == DERIVED else "observed")
