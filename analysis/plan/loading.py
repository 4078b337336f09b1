"""A plan for the verdict, from its file or from its stored content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from shadow.config.canonical import FirstKeys, canonical_form
from shadow.config.source import read_source
from shadow.config.validation import validated
from shadow.domain.ids import canonical_id
from shadow.errors import ConfigError
from shadowroute.analysis.plan.amounts import duration_of, share_of
from shadowroute.analysis.plan.document import PlanDocument, QualityDocument, StricterDocument
from shadowroute.analysis.selection import Segment

HASH_CHARACTERS: Final = 12
FIRST_KEYS: Final[FirstKeys] = {
    "CostsDocument": ("router_usd_per_decision", "running_usd_per_month", "bad_answer_usd"),
    "MustDocument": ("escalation", "latency_p95"),
    "PlanDocument": ("price_book", "clusters", "segments", "signals", "costs", "review"),
    "QualityDocument": ("over", "evidence"),
    "ReviewDocument": ("signatures", "not_the_author", "valid_days", "first_step"),
    "SegmentsDocument": ("by", "stricter"),
    "SignalDocument": ("matures_after", "lower_is_better", "bar", "source"),
    "StricterDocument": ("cost", "quality"),
    "StricterQualityDocument": ("signal",),
    "WindowDocument": ("ends", "min_days"),
}
"""Closed, see `shadow.config.canonical`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A valid plan.

    Attributes:
        document: its content with every default filled in.
    """

    document: PlanDocument

    @property
    def name(self) -> str:
        """Its name; a new name is a new start."""
        return self.document.plan

    @property
    def content(self) -> dict[str, Any]:
        """The canonical form, which is hashed and stored: JSON values with their defaults."""
        return canonical_form(self.document, FIRST_KEYS)

    @property
    def hash(self) -> str:
        """First 12 hex of the sha256 of its canonical content."""
        return canonical_id(self.content, length=HASH_CHARACTERS)

    @property
    def starts(self) -> date:
        """First UTC day."""
        return date.fromisoformat(self.document.window.starts)

    @property
    def ends(self) -> date | None:
        """Last UTC day; None for open monitoring."""
        ends = self.document.window.ends
        return None if ends is None else date.fromisoformat(ends)

    @property
    def planned_days(self) -> int | None:
        """Number of looks that are planned, one per day; None for open monitoring."""
        return None if self.ends is None else (self.ends - self.starts).days + 1

    @property
    def confidence(self) -> float:
        """Of the whole review, for example 0.95."""
        return share_of(self.document.confidence)

    @property
    def matures_after(self) -> timedelta:
        """Maturity of the slowest signal that the plan asks for."""
        wanted = [self.document.signals.get(each.signal) for each in self.document.must.quality]
        return max((duration_of(each.matures_after) for each in wanted if each), default=timedelta(0))

    @property
    def segment_keys(self) -> tuple[str, ...]:
        """Keys to split by."""
        return tuple(self.document.segments.by)

    @property
    def saves_at_least(self) -> float:
        """Share of the live cost, over all requests."""
        return share_of(self.document.must.cost.saves_at_least)

    def segment_saves_at_least(self, segment: Segment) -> float | None:
        """The same for a segment, where the plan asks for it; None elsewhere: dollars add up over segments."""
        stricter = self._stricter(segment)
        return share_of(stricter.cost.saves_at_least) if stricter and stricter.cost else None

    def loses_at_most(self, quality: QualityDocument, segment: Segment | None = None) -> float:
        """Margin as a score, 0.01 = one point."""
        stricter = None if segment is None else self._stricter(segment)
        if stricter and stricter.quality and stricter.quality.signal in {None, quality.signal}:
            return stricter.quality.loses_at_most_points / 100
        return quality.loses_at_most_points / 100

    def _stricter(self, segment: Segment) -> StricterDocument | None:
        for written, stricter in self.document.segments.stricter.items():
            key, _, value = written.partition("=")
            if (key, value) == (segment.key, segment.value):
                return stricter
        return None


def load_plan(path: Path) -> Plan:
    """The plan of a file.

    Raises:
        ConfigError: the file breaks a rule; `file:line` first.
    """
    problems: list[ConfigError] = []
    document = validated(read_source(Path(path)), PlanDocument, "plan", problems)
    if document is None:
        raise problems[0]
    return Plan(document)


def plan_of(content: Mapping[str, Any]) -> Plan:
    """The plan of stored content.

    Raises:
        ConfigError: another version recorded it, and this one has no such key or value.
    """
    try:
        return Plan(PlanDocument.model_validate(dict(content)))
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        key = ".".join(map(str, wrong["loc"]))
        raise ConfigError(
            f"plan {content.get('plan')} was recorded by another version: {key}: {wrong['msg']}; update shadowroute, or"
            " start a new plan under a new name"
        ) from error
