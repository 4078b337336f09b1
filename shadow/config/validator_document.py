"""The shape of a validator in a policy file, and how it is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from shadow.config.artifacts import function_digest, load_function, load_schema
from shadow.config.fields import Document, Pattern, Text, exactly_one
from shadow.validators import Calls, JsonSchema, Matches, ScoreAtLeast, Validator


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


def build_validator(document: ValidatorDocument, folder: Path, artifact: Callable[[str, str], None]) -> Validator:
    """The validator of a document.

    Args:
        document: says which one.
        folder: paths are relative to it.
        artifact: takes name and digest of what the validator reads outside of the policy file.

    Raises:
        ConfigError: a file, function or package that it needs is not there.
    """
    if document.json_schema is not None:
        schema, digest = load_schema(folder / document.json_schema)
        artifact(f"json_schema {document.json_schema}", digest)
        return JsonSchema(schema, label=document.json_schema)
    if document.call is not None:
        function = load_function(document.call)
        artifact(f"call {document.call}", function_digest(function))
        return Calls(function, label=document.call)
    if document.matches is not None:
        return Matches(document.matches)
    return ScoreAtLeast(document.score_at_least or 0.0)
