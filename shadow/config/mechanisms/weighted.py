"""`weighted` in a policy file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shadow.config.fields import Document, NotNegative, PositiveCount, Text, Texts, exactly_one
from shadow.config.mechanisms.building import Building
from shadow.config.mechanisms.candidates import Among, pool_of
from shadow.config.source import Place
from shadow.policies.weighted import PRESETS, Override, Weighted, Weights
from shadow.prices.costing import OUTPUT_TOKENS

Preset = Literal["balanced", "speed-first", "budget", "quality-first"]


class WeightsDocument(Document):
    """How much each term counts; only the ratio matters."""

    latency: NotNegative = 0.0
    cost: NotNegative = 0.0
    quality: NotNegative = 0.0

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.latency + self.cost + self.quality <= 0:
            raise ValueError(
                "weights must have one above 0, got none; for example {latency: 40, cost: 40, quality: 20}"
            )
        return self


class WeightingDocument(Document):
    """A preset, or weights of one's own."""

    preset: Preset | None = None
    weights: WeightsDocument | None = None

    def resolved(self) -> Weights:
        """The weights."""
        if self.preset is not None:
            return PRESETS[self.preset]
        given = self.weights or WeightsDocument()
        return Weights(latency=given.latency, cost=given.cost, quality=given.quality)


class OverrideDocument(WeightingDocument):
    """Other weights for requests with these labels."""

    labels: Annotated[dict[Text, Texts], Field(min_length=1)]

    @model_validator(mode="after")
    def _one(self) -> Self:
        exactly_one(self, "an override", ("preset", "weights"))
        return self


class WeightedDocument(WeightingDocument):
    """A score of latency, cost and quality."""

    among: Among | None = None
    overrides: Annotated[list[OverrideDocument], Field(max_length=200)] = Field(default_factory=list)
    output_tokens: PositiveCount = OUTPUT_TOKENS

    @model_validator(mode="after")
    def _one(self) -> Self:
        exactly_one(self, "weighted", ("preset", "weights"))
        return self


def build_weighted(building: Building, document: WeightedDocument, place: Place, reason: str) -> Weighted:
    """The chooser of a weighted score."""
    weights = document.resolved()
    overrides = []
    for number, each in enumerate(document.overrides, 1):
        for key in each.labels:
            building.label(key, (*place, "overrides", number - 1, "labels", key))
        own = each.resolved()
        name = f"{own.name}, override {number}"
        own = Weights(latency=own.latency, cost=own.cost, quality=own.quality, name=name)
        overrides.append(Override({key: frozenset(values) for key, values in each.labels.items()}, own))
    priced = any(each.cost > 0 for each in (weights, *(override.weights for override in overrides)))
    pool = pool_of(building, document.among, place, output_tokens=document.output_tokens, priced=priced)
    return Weighted(pool, weights, overrides, reason=reason)
