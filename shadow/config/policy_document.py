"""The shape of a policy file."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from shadow.config.fields import Document, Name, NotNegative, Pattern, Text, Texts, exactly_one


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
    wants_json: bool | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if all(getattr(self, key) is None for key in WhenDocument.model_fields):
            raise ValueError("when must have at least one condition, got none; write otherwise instead")
        return self


class ValidatorDocument(Document):
    """One validator of a cascade."""

    json_schema: Text | None = None
    matches: Pattern | None = None
    call: Text | None = None
    score_at_least: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        exactly_one(self, "a validator", tuple(ValidatorDocument.model_fields))
        return self


class CascadeDocument(Document):
    """Cheap first, then what its answer must pass, then the stronger model."""

    first: Text = Field(alias="try")
    accept_if: Annotated[list[ValidatorDocument], Field(min_length=1, max_length=20)]
    then: Text = Field(alias="else")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.first == self.then:
            raise ValueError(f"try and else must be different models, got {self.first} twice")
        return self


class ChoiceDocument(Document):
    """What a rule chooses."""

    use: Text | None = None
    cascade: CascadeDocument | None = None
    why: Annotated[str, Field(max_length=400)] = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        exactly_one(self, "a choice", ("use", "cascade"))
        return self


class RuleDocument(Document):
    """A rule with conditions, or the last one, which has none."""

    when: WhenDocument | None = None
    otherwise: Annotated[ChoiceDocument, BeforeValidator(_as_choice)] | None = None
    use: Text | None = None
    cascade: CascadeDocument | None = None
    why: Annotated[str, Field(max_length=400)] = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        exactly_one(self, "a rule", ("when", "otherwise"))
        exactly_one(self, "a rule", ("use", "cascade") if self.otherwise is None else ("otherwise", "use", "cascade"))
        return self

    @property
    def choice(self) -> RuleDocument | ChoiceDocument:
        """Where `use` or `cascade` stands."""
        return self.otherwise or self


class ChooseDocument(Document):
    """The mechanism of a policy."""

    use: Text | None = None
    rules: Annotated[list[RuleDocument], Field(min_length=1, max_length=50)] | None = None
    cascade: CascadeDocument | None = None
    call: Text | None = None
    version: Text | None = None

    @model_validator(mode="after")
    def _one_mechanism(self) -> Self:
        exactly_one(self, "choose", ("use", "rules", "cascade", "call"))
        if (self.call is None) != (self.version is None):
            raise ValueError(
                "call must have a version beside it, and nothing else has one; "
                "change it whenever the function could decide differently"
            )
        for place, rule in enumerate(self.rules or ()):
            if (rule.otherwise is not None) != (place == len(self.rules or ()) - 1):
                raise ValueError("rules must end with one otherwise; put it last, and only there")
        return self


class PolicyDocument(Document):
    """A policy file."""

    policy: Name
    why: str = ""
    choose: ChooseDocument
    fallback: list[Text] = Field(default_factory=list, max_length=10)
