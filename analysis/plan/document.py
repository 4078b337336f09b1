"""The shape of a plan file."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from shadow.config.fields import Document, Name, NotNegative, Positive, Segment, Text
from shadowroute.analysis.plan.amounts import Day, Duration, Limit, Percent, SegmentValue, share_of
from shadowroute.analysis.signals import ON_GRID, is_on_grid
from shadowroute.analysis.stats.sequential import HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE, MOST_LOOKS

MOST_SEGMENTS: Final = 8

Points = Annotated[float, Field(gt=0, le=100)]
"""Percentage points of a score: 1.0 = one of 100 answers."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class WindowDocument(Document):
    """The days that are judged. With an end: planned looks. Without: open monitoring."""

    starts: Day
    ends: Day | None = None
    min_days: Annotated[int, Field(ge=1, le=366)] = 7

    @field_validator("ends")
    @classmethod
    def _after_start(cls, value: str | None, info: ValidationInfo) -> str | None:
        starts = info.data.get("starts")
        if value is not None and starts is not None and value < starts:
            raise ValueError(f"ends must not be before starts, got {starts} to {value}; swap them, or correct one")
        if value is not None and starts is not None:
            days = (date.fromisoformat(value) - date.fromisoformat(starts)).days + 1
            if days > MOST_LOOKS:
                raise ValueError(f"ends must be at most {MOST_LOOKS} days after starts, got {days}; plan a nearer end")
        return value

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.ends is not None:
            days = (date.fromisoformat(self.ends) - date.fromisoformat(self.starts)).days + 1
            if days < self.min_days:
                raise ValueError(f"window must hold min_days ({self.min_days}), got {days}; end it later")
        return self


class CostDocument(Document):
    """Smallest saving of the shadow, as a share of live's cost, with all known costs."""

    saves_at_least: Percent


class QualityDocument(Document):
    """Largest loss of quality of the shadow's answers by one signal."""

    signal: Text
    loses_at_most_points: Points
    over: Literal["all_requests", "diverging"] = "all_requests"
    evidence: Literal["executed", "observed"] = "executed"

    @model_validator(mode="after")
    def _can_be_measured(self) -> Self:
        if self.over == "diverging" and self.evidence == "observed":
            raise ValueError("over: diverging must rest on executed answers, got evidence: observed; ask all_requests")
        return self


class EscalationDocument(Document):
    """Highest share of double payments of a cascade."""

    below: Limit


class LatencyDocument(Document):
    """Largest delay of the slowest twentieth of the answers."""

    adds_at_most_ms: NotNegative


class MustDocument(Document):
    """The conditions. Cost and quality are always required."""

    cost: CostDocument
    quality: Annotated[list[QualityDocument], BeforeValidator(_as_list), Field(min_length=1, max_length=10)]
    escalation: EscalationDocument | None = None
    latency_p95: LatencyDocument | None = None

    @field_validator("quality")
    @classmethod
    def _distinct(cls, value: list[QualityDocument]) -> list[QualityDocument]:
        names = [each.signal for each in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"quality must name each signal once, got {', '.join(twice)} twice")
        return value


class StricterQualityDocument(Document):
    """A smaller margin for one segment."""

    loses_at_most_points: Points
    signal: Text | None = None


class StricterDocument(Document):
    """Margins of one segment that differ from those of all traffic."""

    cost: CostDocument | None = None
    quality: StricterQualityDocument | None = None


class SegmentsDocument(Document):
    """Slices that are checked for harm."""

    by: list[Segment] = Field(default_factory=list, max_length=MOST_SEGMENTS)
    stricter: dict[SegmentValue, StricterDocument] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> Self:
        for slice_ in self.stricter:
            key = slice_.partition("=")[0]
            if key not in self.by:
                raise ValueError(f"stricter names {slice_}, and segments.by lacks {key}; add {key} to by")
        return self


class SignalDocument(Document):
    """Meaning of a signal: when it is known, and its better side."""

    matures_after: Duration = "0h"
    lower_is_better: bool | None = None
    bar: Percent | None = None
    source: Text | None = None

    @field_validator("bar")
    @classmethod
    def _on_the_grid(cls, value: str | None) -> str | None:
        if value is not None and not is_on_grid(share_of(value)):
            raise ValueError(f"bar must be a multiple of 5 %, got {value}; {ON_GRID}")
        return value


class CostsDocument(Document):
    """Costs that no span carries."""

    router_usd_per_decision: NotNegative = 0.0
    running_usd_per_month: NotNegative | None = None
    bad_answer_usd: NotNegative | None = None


class ReviewDocument(Document):
    """A person's steps after SHIP."""

    signatures: Annotated[int, Field(ge=0, le=10)] = 1
    not_the_author: bool = True
    valid_days: Annotated[int, Positive] = 90
    first_step: Percent = "5%"


class ModelsDocument(Document):
    """Which models the policy may name at all, where models are audited."""

    only: list[Text] = Field(default_factory=list, max_length=100)
    pinned_versions: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.only and not self.pinned_versions:
            raise ValueError("models must name models under only, or say pinned_versions: true; leave it out otherwise")
        return self


class PlanDocument(Document):
    """A plan file."""

    plan: Name
    policy: Name
    window: WindowDocument
    confidence: Percent
    price_book: Text | None = None
    clusters: Literal["request", "known"] = "known"
    must: MustDocument
    segments: SegmentsDocument = SegmentsDocument()
    signals: dict[Text, SignalDocument] = Field(default_factory=dict)
    costs: CostsDocument = CostsDocument()
    review: ReviewDocument = ReviewDocument()
    models: ModelsDocument | None = None

    @field_validator("segments")
    @classmethod
    def _stricter_than_all(cls, value: SegmentsDocument, info: ValidationInfo) -> SegmentsDocument:
        must = info.data.get("must")
        if must is None:
            return value
        margins = {each.signal: each.loses_at_most_points for each in must.quality}
        for slice_, stricter in value.stricter.items():
            asked = stricter.quality
            if asked is None:
                continue
            if asked.signal is not None and asked.signal not in margins:
                names = ", ".join(margins)
                raise ValueError(
                    f"stricter names signal {asked.signal} for {slice_}, and must.quality asks for {names}"
                )
            most = max(margins.values()) if asked.signal is None else margins[asked.signal]
            if asked.loses_at_most_points > most:
                raise ValueError(
                    f"stricter must allow {slice_} at most the {most:g} points of must.quality,"
                    f" got {asked.loses_at_most_points:g}"
                )
        return value

    @field_validator("confidence")
    @classmethod
    def _useful(cls, value: str) -> str:
        if not LOWEST_CONFIDENCE <= share_of(value) <= HIGHEST_CONFIDENCE:
            raise ValueError(f"confidence must be 50% to 99.99%, got {value}; 95% is usual")
        return value
