"""`cascade` in a policy file."""

from __future__ import annotations

from shadow.config.mechanism_documents import CascadeDocument, StageDocument
from shadow.config.mechanisms.building import Building
from shadow.config.source import Place
from shadow.policies.cascade import Cascade, Stage
from shadow.policies.validators import SlowValidator


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
                "in any case; remove the validator, or add a model after it",
                there,
            )
    return Stage(
        model=building.model(document.model, (*place, "try")),
        accept_if=tuple(names),
        retry_same=document.retry_same,
        tells_why=document.tell_why,
        verifies=verifies,
    )
