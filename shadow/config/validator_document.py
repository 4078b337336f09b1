"""The documents of validators in a policy file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shadow.config.fields import Document, Pattern, Text, Texts, exactly_one

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


def _path(value: str) -> str:
    if not all(value.split(".")):
        raise ValueError(f"a path must be keys with dots between them, got {value!r}")
    return value


def _file_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", value):
        raise ValueError(f"a file name must be of letters, digits, dots, dashes and underscores, got {value!r}")
    return value


Path = Annotated[Text, AfterValidator(_path)]
FileName = Annotated[str, AfterValidator(_file_name)]


def _as(key: str) -> BeforeValidator:
    """The short form: a value that is not a mapping is the value of this key."""
    return BeforeValidator(lambda value: value if isinstance(value, dict) else {key: value})


class JsonSchemaDocument(Document):
    """`json_schema`."""

    file: Text
    fenced: bool = False


class RequiredFieldsDocument(Document):
    """`required_fields`."""

    fields: Annotated[list[Path], Field(min_length=1, max_length=100)]
    fenced: bool = False


class LengthDocument(Document):
    """`length`."""

    at_least: Count | None = None
    at_most: Count | None = None
    unit: Literal["characters", "tokens"] = "characters"

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("length must have at_least, at_most or both, got none")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least must not be above at_most, got {self.at_least} and {self.at_most}")
        return self


class NotRefusalDocument(Document):
    """`not_refusal`."""


class NotHedgingDocument(Document):
    """`not_hedging`."""

    at_most: Count = 0


class CitesDocument(Document):
    """`cites`."""

    at_least: Annotated[int, Field(ge=1)] = 1
    form: Literal["any", "brackets", "url", "doi", "author_year"] = "any"
    pattern: Pattern | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.pattern is not None and self.form != "any":
            raise ValueError(f"cites must have form or pattern, got both; remove form: {self.form}")
        return self


class NotContainingDocument(Document):
    """`not_containing`."""

    phrases: Annotated[Texts | None, Field(max_length=1000)] = None
    file: Text | None = None
    whole_words: bool = True

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        exactly_one(self, "not_containing", ("phrases", "file"))
        return self


class ToolCallsDocument(Document):
    """`tool_calls`."""

    required: bool = False
    schemas: dict[Text, Text] = Field(default_factory=dict, max_length=100)
    success: Text | None = None


class ConfidenceDocument(Document):
    """`confidence`."""

    at_least: Share
    field: Path | None = None
    pattern: Pattern | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.field is not None and self.pattern is not None:
            raise ValueError("confidence must have field or pattern, got both; remove one of them")
        return self


class CommandDocument(Document):
    """`command`."""

    run: Annotated[list[Text], Field(min_length=1, max_length=50)]
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    part: Literal["text", "code"] = "text"
    file: FileName = "answer.txt"
    in_shadows: bool = False

    @model_validator(mode="after")
    def _no_shell(self) -> Self:
        if len(self.run) == 1 and " " in self.run[0]:
            raise ValueError(
                f"run must be a program and its arguments as a list, got {self.run[0]!r}; there is no shell"
            )
        return self


class JudgeDocument(Document):
    """`judge`."""

    model: Text
    rubric: Annotated[str, Field(min_length=1, max_length=20_000)]
    at_least: Share = 0.5
    prompt: Text | None = None
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 20.0


class CallDocument(Document):
    """`call`."""

    function: Text
    slow: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=300)] | None = None

    @model_validator(mode="after")
    def _only_slow(self) -> Self:
        if self.timeout_s is not None and not self.slow:
            raise ValueError("timeout_s must have slow: true beside it; add that, or remove timeout_s")
        return self


WITHOUT_VALUE: Final = ("not_refusal", "not_hedging", "cites", "tool_calls")
"""Validators that may stand alone: `accept_if: [not_refusal]`."""


def as_validator(value: Any) -> Any:
    """A validator from its name alone, with its defaults."""
    if not isinstance(value, str):
        return value
    if value in WITHOUT_VALUE:
        return {value: {}}
    if value in ValidatorDocument.model_fields:
        raise ValueError(f"{value} must have a value, got none; write {{{value}: ...}}")
    raise ValueError(
        f"a validator must be one of {', '.join(ValidatorDocument.model_fields)}, got {value!r}; "
        f"only {', '.join(WITHOUT_VALUE)} may stand alone"
    )


class ValidatorDocument(Document):
    """One validator of a cascade."""

    json_schema: Annotated[JsonSchemaDocument, _as("file")] | None = None
    required_fields: Annotated[RequiredFieldsDocument, _as("fields")] | None = None
    matches: Pattern | None = None
    not_matches: Pattern | None = None
    length: LengthDocument | None = None
    not_refusal: NotRefusalDocument | None = None
    not_hedging: NotHedgingDocument | None = None
    cites: CitesDocument | None = None
    not_containing: Annotated[NotContainingDocument, _as("phrases")] | None = None
    tool_calls: ToolCallsDocument | None = None
    confidence: Annotated[ConfidenceDocument, _as("at_least")] | None = None
    command: Annotated[CommandDocument, _as("run")] | None = None
    judge: JudgeDocument | None = None
    call: Annotated[CallDocument, _as("function")] | None = None
    score_at_least: Share | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        exactly_one(self, "a validator", tuple(ValidatorDocument.model_fields))
        return self


Validators = Annotated[
    list[Annotated[ValidatorDocument, BeforeValidator(as_validator)]], Field(min_length=1, max_length=20)
]
