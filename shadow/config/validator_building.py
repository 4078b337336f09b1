"""Builds the validators of a policy file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from shadow.config import validator_document as shapes
from shadow.config.artifacts import function_digest, load_function, load_phrases, load_schema
from shadow.config.validator_document import ValidatorDocument
from shadow.validators import (
    Calls,
    Cites,
    Confidence,
    JsonSchema,
    Length,
    Matches,
    NotContaining,
    NotHedging,
    NotMatches,
    NotRefusal,
    RequiredFields,
    ScoreAtLeast,
    ToolCalls,
    Validator,
)


class Materials:
    """What validators read outside of the policy file. Everything that is read becomes part of the policy's version.

    Args:
        folder: paths are relative to it.
        artifact: takes name and digest of what was read.
    """

    def __init__(self, folder: Path, artifact: Callable[[str, str], None]) -> None:
        self._folder = folder
        self._artifact = artifact

    def schema(self, file: str) -> dict[str, Any]:
        """A JSON schema."""
        schema, digest = load_schema(self._folder / file)
        self._artifact(f"json_schema {file}", digest)
        return schema

    def phrases(self, file: str) -> list[str]:
        """A list of phrases."""
        phrases, digest = load_phrases(self._folder / file)
        self._artifact(f"phrases {file}", digest)
        return phrases

    def function(self, name: str) -> Callable[..., Any]:
        """A function of the user."""
        function = load_function(name)
        self._artifact(f"call {name}", function_digest(function))
        return function


def build_validator(document: ValidatorDocument, folder: Path, artifact: Callable[[str, str], None]) -> Validator:
    """The validator of a document.

    Args:
        document: says which one.
        folder: paths are relative to it.
        artifact: takes name and digest of what the validator reads outside of the policy file.

    Raises:
        ConfigError: a file, function or package that it needs is not there.
    """
    for kind, build in BUILDERS.items():
        value = getattr(document, kind)
        if value is not None:
            return build(value, Materials(folder, artifact))
    raise AssertionError("a checked document has one validator")


def _json_schema(document: shapes.JsonSchemaDocument, materials: Materials) -> Validator:
    return JsonSchema(materials.schema(document.file), label=document.file, fenced=document.fenced)


def _not_containing(document: shapes.NotContainingDocument, materials: Materials) -> Validator:
    phrases = document.phrases if document.file is None else materials.phrases(document.file)
    return NotContaining(phrases or (), whole_words=document.whole_words, label=document.file or "")


def _tool_calls(document: shapes.ToolCallsDocument, materials: Materials) -> Validator:
    return ToolCalls(
        required=document.required,
        schemas={tool: materials.schema(file) for tool, file in document.schemas.items()},
        success=None if document.success is None else materials.function(document.success),
        label=document.success or "",
    )


BUILDERS: Final[Mapping[str, Callable[[Any, Materials], Validator]]] = {
    "json_schema": _json_schema,
    "required_fields": lambda document, _: RequiredFields(document.fields, fenced=document.fenced),
    "matches": lambda pattern, _: Matches(pattern),
    "not_matches": lambda pattern, _: NotMatches(pattern),
    "length": lambda document, _: Length(at_least=document.at_least, at_most=document.at_most, unit=document.unit),
    "not_refusal": lambda _, __: NotRefusal(),
    "not_hedging": lambda document, _: NotHedging(document.at_most),
    "cites": lambda document, _: Cites(at_least=document.at_least, form=document.form, pattern=document.pattern or ""),
    "not_containing": _not_containing,
    "tool_calls": _tool_calls,
    "confidence": lambda document, _: Confidence(
        document.at_least, field=document.field or "", pattern=document.pattern or ""
    ),
    "call": lambda name, materials: Calls(materials.function(name), label=name),
    "score_at_least": lambda score, _: ScoreAtLeast(score),
}
"""By the key in the file: builds the validator from its value."""
