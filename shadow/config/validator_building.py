"""Builds the validators of a policy file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from shadow.config import validator_document as shapes
from shadow.config.artifacts import function_digest, load_function, load_phrases, load_prompt, load_schema
from shadow.config.validator_document import ValidatorDocument
from shadow.policies.validators import (
    AnyValidator,
    Calls,
    Cites,
    Command,
    Confidence,
    JsonSchema,
    Judge,
    Length,
    Matches,
    NotContaining,
    NotHedging,
    NotMatches,
    NotRefusal,
    RequiredFields,
    ScoreAtLeast,
    SlowCalls,
    ToolCalls,
)
from shadow.policies.validators.judge import PROMPT

CALL_TIMEOUT_S: Final = 10.0


class Materials:
    """Artifacts of validators outside of the policy file, which become part of the policy's version.

    Args:
        folder: paths are relative to it.
        artifact: takes name and digest of each.
        model: the model's own name, for a name or an alias.
    """

    def __init__(self, folder: Path, artifact: Callable[[str, str], None], model: Callable[[str], str]) -> None:
        self._folder = folder
        self._artifact = artifact
        self.model = model

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

    def prompt(self, file: str, needs: str) -> str:
        """The text of a prompt with a place for `needs`."""
        prompt, digest = load_prompt(self._folder / file, needs)
        self._artifact(f"prompt {file}", digest)
        return prompt

    def function(self, name: str) -> Callable[..., Any]:
        """A function of the user."""
        function = load_function(name)
        self._artifact(f"call {name}", function_digest(function))
        return function


def build_validator(document: ValidatorDocument, materials: Materials) -> AnyValidator:
    """The validator of a document.

    Args:
        document: of the validator.
        materials: artifacts outside of the policy file.

    Raises:
        ConfigError: a file, function or package is missing.
    """
    for kind, build in BUILDERS.items():
        value = getattr(document, kind)
        if value is not None:
            return build(value, materials)
    raise AssertionError("a checked document has one validator")


def _json_schema(document: shapes.JsonSchemaDocument, materials: Materials) -> AnyValidator:
    return JsonSchema(materials.schema(document.file), label=document.file, fenced=document.fenced)


def _not_containing(document: shapes.NotContainingDocument, materials: Materials) -> AnyValidator:
    phrases = document.phrases if document.file is None else materials.phrases(document.file)
    return NotContaining(phrases or (), whole_words=document.whole_words, label=document.file or "")


def _tool_calls(document: shapes.ToolCallsDocument, materials: Materials) -> AnyValidator:
    return ToolCalls(
        required=document.required,
        schemas={tool: materials.schema(file) for tool, file in document.schemas.items()},
        success=None if document.success is None else materials.function(document.success),
        label=document.success or "",
    )


def _command(document: shapes.CommandDocument, _: Materials) -> AnyValidator:
    return Command(
        document.run,
        timeout_s=document.timeout_s,
        part=document.part,
        file=document.file,
        in_shadows=document.in_shadows,
    )


def _judge(document: shapes.JudgeDocument, materials: Materials) -> AnyValidator:
    prompt = PROMPT if document.prompt is None else materials.prompt(document.prompt, "answer")
    return Judge(
        materials.model(document.model),
        document.rubric,
        at_least=document.at_least,
        prompt=prompt,
        timeout_s=document.timeout_s,
    )


def _call(document: shapes.CallDocument, materials: Materials) -> AnyValidator:
    function = materials.function(document.function)
    if not document.slow:
        return Calls(function, label=document.function)
    timeout_s = CALL_TIMEOUT_S if document.timeout_s is None else document.timeout_s
    return SlowCalls(function, label=document.function, timeout_s=timeout_s)


BUILDERS: Final[Mapping[str, Callable[[Any, Materials], AnyValidator]]] = {
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
    "command": _command,
    "judge": _judge,
    "call": _call,
    "score_at_least": lambda score, _: ScoreAtLeast(score),
}
"""By the key in the file: builds the validator from its value."""
