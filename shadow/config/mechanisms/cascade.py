"""`cascade` in a policy file."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from shadow.config.fields import Document, Text
from shadow.config.mechanisms.building import Building
from shadow.config.source import Place
from shadow.config.validator_document import Validators
from shadow.policies.cascade import Cascade, Stage
from shadow.policies.validators import SlowValidator


def _as_stage(value: Any) -> Any:
    return {"try": value} if isinstance(value, str) else value


def _as_stages(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class StageDocument(Document):
    """One model of a cascade: what its answer must pass, and whether it may try again."""

    model: Text = Field(alias="try")
    accept_if: Validators | None = None
    retry_same: Annotated[int, Field(ge=0, le=3)] = 0
    tell_why: bool = False

    @model_validator(mode="after")
    def _retries_judged(self) -> Self:
        if self.retry_same and self.accept_if is None:
            raise ValueError(f"retry_same of {self.model} must have accept_if beside it, or nothing is ever refused")
        if self.tell_why and not self.retry_same:
            raise ValueError(f"tell_why of {self.model} must have retry_same beside it, or nobody is told")
        return self


class CascadeDocument(StageDocument):
    """Cheap first, then what its answer must pass, then stronger models; or a draft that a stronger one checks."""

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
        """Whether the second model checks what the first one wrote."""
        return self.mode == "draft-and-verify"

    @model_validator(mode="after")
    def _suits_mode(self) -> Self:
        if not self.verifies:
            if self.accept_if is None:
                raise ValueError(
                    f"{self.model} must have accept_if beside it, or nothing is ever refused;"
                    " only mode: draft-and-verify does without"
                )
            return self
        if len(self.then) > 1:
            raise ValueError(f"else must be one model in mode draft-and-verify, got {len(self.then)}")
        if self.retry_same or self.then[0].accept_if is not None:
            wrong = "retry_same" if self.retry_same else f"accept_if of {self.then[0].model}"
            raise ValueError(f"{wrong} must not be given in mode draft-and-verify: every draft is checked by else")
        return self

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        models = [stage.model for stage in self.stages]
        twice = next((model for model in models if models.count(model) > 1), "")
        if twice:
            raise ValueError(f"try and else must be different models, got {twice} twice")
        for stage in self.then[:-1]:
            if stage.accept_if is None:
                raise ValueError(f"{stage.model} must have accept_if, or the models after it are never asked")
        return self


def build_cascade(building: Building, document: CascadeDocument, place: Place, reason: str) -> Cascade:
    """The chooser of a cascade."""
    stages = [
        _stage(
            building,
            each,
            place if number == 0 else (*place, "else", number - 1),
            is_last=number == len(document.then),
            verifies=number > 0 and document.verifies,
        )
        for number, each in enumerate(document.stages)
    ]
    models = [stage.model for stage in stages]
    twice = next((model for model in models if models.count(model) > 1), "")
    if twice:
        building.problem(f"try and else must be different models, got {twice} under two names", place)
    return Cascade(stages, reason=reason or ("a draft, then a check" if document.verifies else "cheap first"))


def _stage(building: Building, document: StageDocument, place: Place, *, is_last: bool, verifies: bool) -> Stage:
    names = []
    for at, each in enumerate(document.accept_if or ()):
        there = (*place, "accept_if", at)
        validator = building.validator(each, there)
        if validator is None:
            continue
        names.append(validator.name)
        if is_last and isinstance(validator, SlowValidator):
            building.problem(
                f"the last model of a cascade must not wait for {validator.name}, because its answer is served "
                "whatever that says; remove it, or add a model after it",
                there,
            )
    return Stage(
        model=building.model(document.model, (*place, "try")),
        accept_if=tuple(names),
        retry_same=document.retry_same,
        tells_why=document.tell_why,
        verifies=verifies,
    )
