"""The documents of the mechanisms in a policy file."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from shadow.config.fields import Address, Document, NotNegative, Positive, PositiveCount, Text, Texts, exactly_one
from shadow.config.validator_document import Validators
from shadow.policies.budget import IfNoneFits, Prefer
from shadow.policies.weighted import PRESETS, Weights
from shadow.prices.costing import OUTPUT_TOKENS

MODELS_AT_MOST: Final = 50

Among = Annotated[list[Text], Field(min_length=1, max_length=MODELS_AT_MOST)]


class BudgetDocument(Document):
    """A cap for the expected cost of one request."""

    per_request_usd: Positive
    among: Among | None = None
    prefer: Prefer = "order"
    if_none_fits: IfNoneFits = "cheapest"
    output_tokens: PositiveCount = OUTPUT_TOKENS


class CapabilityDocument(Document):
    """The capability filter. `auto` is short for the defaults, `strict` for `{strict: true}`."""

    strict: bool = False
    region: Text | None = None


def _spelt_out(value: Any) -> Any:
    return {"strict": value == "strict"} if value in ("auto", "strict") else value


CapabilityFilter = Annotated[CapabilityDocument, BeforeValidator(_spelt_out)]


def _as_stage(value: Any) -> Any:
    return {"try": value} if isinstance(value, str) else value


def _as_stages(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class StageDocument(Document):
    """One model of a cascade, with its validators and retries."""

    model: Text = Field(alias="try")
    accept_if: Validators | None = None
    retry_same: Annotated[int, Field(ge=0, le=3)] = 0
    tell_why: bool = False

    @model_validator(mode="after")
    def _retries_judged(self) -> Self:
        if self.retry_same and self.accept_if is None:
            raise ValueError(
                f"retry_same of {self.model} must have accept_if beside it, because every answer is accepted otherwise"
            )
        if self.tell_why and not self.retry_same:
            raise ValueError(f"tell_why of {self.model} must have retry_same beside it, whose prompt it extends")
        return self


class CascadeDocument(StageDocument):
    """A cheap model with validators, then stronger models; or a draft that a stronger model checks."""

    mode: Literal["escalate", "draft-and-verify"] = "escalate"
    then: Annotated[
        list[Annotated[StageDocument, BeforeValidator(_as_stage)]],
        BeforeValidator(_as_stages),
        Field(alias="else", min_length=1, max_length=9),
    ]

    @property
    def stages(self) -> tuple[StageDocument, ...]:
        """All models in order."""
        return (self, *self.then)

    @property
    def verifies(self) -> bool:
        """Whether the second model checks the first one's draft."""
        return self.mode == "draft-and-verify"

    @model_validator(mode="after")
    def _suits_mode(self) -> Self:
        if not self.verifies:
            if self.accept_if is None:
                raise ValueError(
                    f"{self.model} must have accept_if beside it, because every answer is accepted otherwise; "
                    "add it, or set mode: draft-and-verify"
                )
            return self
        if len(self.then) > 1:
            raise ValueError(f"else must be one model in mode draft-and-verify, got {len(self.then)}")
        if self.retry_same or self.then[0].accept_if is not None:
            wrong = "retry_same" if self.retry_same else f"accept_if of {self.then[0].model}"
            raise ValueError(
                f"{wrong} must not be given in mode draft-and-verify, where else checks every draft; remove it"
            )
        return self

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        models = [stage.model for stage in self.stages]
        twice = next((model for model in models if models.count(model) > 1), "")
        if twice:
            raise ValueError(f"try and else must be different models, got {twice} twice")
        for stage in self.then[:-1]:
            if stage.accept_if is None:
                raise ValueError(
                    f"{stage.model} must have accept_if, because the models after it are never asked otherwise"
                )
        return self


class HttpDocument(Document):
    """Another service that decides."""

    url: Address
    version: Text
    among: Among | None = None
    timeout_s: Annotated[float, Field(gt=0, le=10)] = 0.02
    token_env: str = ""


class LearnedDocument(Document):
    """A trained artifact, and the largest loss of predicted success for a cheaper model."""

    artifact: Text
    threshold: Annotated[float, Field(ge=-1, le=1)] | None = None


Preset = Literal["balanced", "speed-first", "budget", "quality-first"]


class WeightsDocument(Document):
    """Weights of the terms; only the ratio matters."""

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
    """A preset or own weights."""

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
