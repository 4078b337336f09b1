"""`cascade` in a policy file."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from shadow.config.fields import Document, Text
from shadow.config.mechanisms.building import Building
from shadow.config.source import Place
from shadow.config.validator_document import Validators
from shadow.policies.cascade import Cascade


class CascadeDocument(Document):
    """Cheap first, then what its answer must pass, then the stronger model."""

    first: Text = Field(alias="try")
    accept_if: Validators
    then: Text = Field(alias="else")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.first == self.then:
            raise ValueError(f"try and else must be different models, got {self.first} twice")
        return self


def build_cascade(building: Building, document: CascadeDocument, place: Place, reason: str) -> Cascade:
    """The chooser of a cascade."""
    accept_if = [
        validator
        for at, each in enumerate(document.accept_if)
        if (validator := building.validator(each, (*place, "accept_if", at))) is not None
    ]
    first, then = building.model(document.first, (*place, "try")), building.model(document.then, (*place, "else"))
    if first == then and first:
        building.problem(f"try and else must be different models, got {first} under two names", place)
    return Cascade(first, accept_if, then, reason=reason or "cheap first")
