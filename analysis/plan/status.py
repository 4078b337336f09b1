"""The state of a plan against its recorded contents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEdit:
    """A later change of a registered plan, for example `must.quality.loses_at_most_points` from `1.0` to `2.0`."""

    where: str
    before: str
    after: str
    seen_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStatus:
    """The plan that judged.

    Attributes:
        hash: first 12 hex of the sha256 of its canonical content: that of the first registered content.
        registered_at: UTC; None if it was never stored.
        edits: differences of the file from the registered content; the first plan judges.
        signatures: that the plan asks for after a SHIP.
        days_before: days with data that could already be seen when it was registered; 0 if it came before the data,
            or was never stored.
    """

    name: str
    hash: str
    registered_at: datetime | None
    edits: tuple[PlanEdit, ...]
    signatures: int = 1
    days_before: int = 0
