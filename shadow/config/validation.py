"""Checks a file's values against its document, with one error per mistake."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Final, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shadow.config.fields import Document
from shadow.config.source import Place, Source
from shadow.errors import ConfigError

GOT_CHARACTERS: Final = 80

D = TypeVar("D", bound=Document)

QUOTE_IT: Final = "put it in quotes"
RULES: Final = {
    "string_type": ("text", QUOTE_IT),
    "int_type": ("a whole number", ""),
    "int_from_float": ("a whole number", ""),
    "float_type": ("a number", ""),
    "finite_number": ("a finite number", ""),
    "bool_type": ("true or false", ""),
    "list_type": ("a list", "write it as [a, b]"),
    "dict_type": ("a mapping", "write it as key: value"),
    "model_type": ("a mapping", "write it as key: value"),
    "too_short": ("longer", "give at least one"),
    "string_too_short": ("longer", "it must not be empty"),
}
"""The rule and the next step for a value of the wrong kind, by pydantic's type of error."""


def validated(source: Source, document: type[D], kind: str, problems: list[ConfigError]) -> D | None:
    """The file's value as a document; None if it breaks a rule. Every broken rule becomes a problem.

    Args:
        source: the file.
        document: its class.
        problems: collects the broken rules.
        kind: name of the file in errors: policy, models or routing.
    """
    try:
        return document.model_validate(source.value)
    except ValidationError as error:
        # A misspelt key explains a missing one, so missing keys come last.
        found = sorted(error.errors(include_url=False), key=lambda each: each["type"] == "missing")
        told = [(each["type"] == "missing", _problem(source, document, kind, each)) for each in found]
        problems.extend(problem for _, problem in sorted(told, key=lambda each: (each[0], each[1].line or 0)))
        return None


def _problem(source: Source, document: type[Document], kind: str, error: ErrorDetails) -> ConfigError:
    place = source.located(error["loc"])
    match error["type"]:
        case "extra_forbidden":
            return source.error(_unknown_key(document, kind, error["loc"], place), place)
        case "missing":
            return source.error(f"{error['loc'][-1]} must be given under {_owner(place, kind)}, got nothing", place)
        case "value_error":
            return source.error(str(error["ctx"]["error"]), place)
        case other:
            return source.error(_wrong_value(other, error, _owner(place, kind)), place)


def _wrong_value(error_type: str, error: ErrorDetails, subject: str) -> str:
    got = repr(error["input"])
    got = got if len(got) <= GOT_CHARACTERS else got[: GOT_CHARACTERS - 3] + "..."
    if error_type in RULES:
        rule, hint = RULES[error_type]
        hint = "" if hint == QUOTE_IT and isinstance(error["input"], (list, dict)) else hint
    else:
        rule, hint = error["msg"].replace("Input should be ", "").replace("String should have", "text of"), ""
    return f"{subject} must be {rule}, got {got}" + (f"; {hint}" if hint else "")


def _unknown_key(document: type[Document], kind: str, location: tuple[int | str, ...], place: Place) -> str:
    key = str(location[-1])
    known = _keys(_document_at(document, location[:-1]))
    near = difflib.get_close_matches(key, known, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"known keys: {', '.join(known)}"
    return f'unknown key "{key}" under {_owner(place[:-1], kind)}; {hint}'


def _owner(place: Place, kind: str) -> str:
    """The last key on the path to a value; for a list item, the list's."""
    return next((part for part in reversed(place) if isinstance(part, str)), kind)


def _keys(document: type[Document]) -> list[str]:
    return [field.alias or name for name, field in document.model_fields.items()]


def _document_at(document: type[Document], location: tuple[int | str, ...]) -> type[Document]:
    """The document that describes the mapping at a location."""
    for part in location:
        for name, field in document.model_fields.items():
            if part == (field.alias or name):
                document = next(_documents_in(field.annotation), document)
                break
    return document


def _documents_in(annotation: Any) -> Iterator[type[Document]]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        yield annotation
    for argument in get_args(annotation):
        yield from _documents_in(argument)
