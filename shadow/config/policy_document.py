"""The document of a policy file."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from shadow.config.fields import Document, Isolation, Name, NotNegative, Pattern, Share, Text, Texts, exactly_one
from shadow.config.mechanism_documents import (
    Among,
    BudgetDocument,
    CapabilityFilter,
    CascadeDocument,
    HttpDocument,
    LearnedDocument,
    WeightedDocument,
)
from shadow.domain.snapshot import StateMode


def _as_choice(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value


class RangeDocument(Document):
    """Limits of a number, both included."""

    at_least: NotNegative | None = None
    at_most: NotNegative | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        low, high = self.at_least, self.at_most
        if low is None and high is None:
            raise ValueError("a range must have at_least, at_most or both, got none")
        if low is not None and high is not None and low > high:
            raise ValueError(f"at_least must not be above at_most, got {low:g} and {high:g}")
        return self


class WhenDocument(Document):
    """Conditions of a rule; all must hold."""

    task: Texts | None = None
    user_tier: Texts | None = None
    input_tokens: RangeDocument | None = None
    complexity: RangeDocument | None = None
    labels: dict[Text, Texts] | None = None
    matches: Pattern | None = None
    has_tools: bool | None = None
    has_images: bool | None = None
    wants_json: bool | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if all(getattr(self, key) is None for key in WhenDocument.model_fields):
            raise ValueError("when must have at least one condition, got none; write otherwise instead")
        return self


class MechanismDocument(Document):
    """One mechanism; exactly one key is given."""

    use: Text | None = None
    cascade: CascadeDocument | None = None
    learned: LearnedDocument | None = None
    weighted: WeightedDocument | None = None
    budget: BudgetDocument | None = None
    policy: Text | None = None


MECHANISM_KEYS: Final = tuple(MechanismDocument.model_fields)


class ChoiceDocument(MechanismDocument):
    """The mechanism of a rule."""

    why: Annotated[str, Field(max_length=400)] = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        exactly_one(self, "a choice", MECHANISM_KEYS)
        return self


class RuleDocument(MechanismDocument):
    """A rule with conditions, or the last one, which has none."""

    when: WhenDocument | None = None
    otherwise: Annotated[ChoiceDocument, BeforeValidator(_as_choice)] | None = None
    why: Annotated[str, Field(max_length=400)] = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        exactly_one(self, "a rule", ("when", "otherwise"))
        exactly_one(self, "a rule", MECHANISM_KEYS if self.otherwise is None else ("otherwise", *MECHANISM_KEYS))
        return self

    @property
    def choice(self) -> RuleDocument | ChoiceDocument:
        """The part with the mechanism."""
        return self.otherwise or self


class ArmDocument(ChoiceDocument):
    """A mechanism and the share of users that get it."""

    share: Share


class ExploreDocument(Document):
    """A share of requests that get one of a few models at random."""

    share: Share
    among: Among
    when: WhenDocument | None = None


class SplitDocument(Document):
    """Shares of users, and the mechanism for all others."""

    arms: Annotated[list[ArmDocument], Field(min_length=1, max_length=10)]
    otherwise: Annotated[ChoiceDocument, BeforeValidator(_as_choice)]
    when: WhenDocument | None = None
    explore: ExploreDocument | None = None

    @model_validator(mode="after")
    def _at_most_all(self) -> Self:
        whole = sum(arm.share for arm in self.arms)
        if whole > 1 + 1e-9:
            raise ValueError(f"shares of the arms must add up to at most 100%, got {whole * 100:g}%")
        return self


class ChooseDocument(MechanismDocument):
    """The mechanism of a policy."""

    rules: Annotated[list[RuleDocument], Field(min_length=1, max_length=50)] | None = None
    split: SplitDocument | None = None
    http: HttpDocument | None = None
    call: Text | None = None
    version: Text | None = None

    @model_validator(mode="after")
    def _one_mechanism(self) -> Self:
        exactly_one(self, "choose", (*MECHANISM_KEYS, "rules", "split", "http", "call"))
        if (self.call is None) != (self.version is None):
            raise ValueError(
                "version must be given with call, and only with call; "
                "change it whenever the function may decide differently"
            )
        for place, rule in enumerate(self.rules or ()):
            if (rule.otherwise is not None) != (place == len(self.rules or ()) - 1):
                raise ValueError("rules must end with one otherwise; put it last, and only there")
        return self


class FilterDocument(Document):
    """Conditions that every model of a decision must meet."""

    capability: CapabilityFilter


class PolicyDocument(Document):
    """A policy file."""

    policy: Name
    why: str = ""
    filter: FilterDocument | None = None
    state: StateMode | None = None
    choose: ChooseDocument
    fallback: list[Text] = Field(default_factory=list, max_length=10)
    isolation: Isolation = "thread"
