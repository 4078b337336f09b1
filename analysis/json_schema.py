"""The JSON schema of the output of `as_json`, derived from the types, so that both always agree."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from shadowroute.analysis.as_json import KINDS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_AS_TEXT: Final = ("Segment", "Cross")


def schema_of(kind: type, *, name: str) -> dict[str, Any]:
    """The schema of a frozen dataclass as `as_json.to_json` writes it.

    Args:
        kind: the dataclass.
        name: value of the document's `schema` key, for example `shadowroute/packet/1`.
    """
    schema = TypeAdapter(kind).json_schema(mode="serialization")
    definitions = schema.setdefault("$defs", {})
    for text in _AS_TEXT:
        if text in definitions:
            definitions[text] = {"type": "string", "description": definitions[text].get("description", "")}
    for measured, word in KINDS.items():
        if measured.__name__ in definitions:
            _say_kind(definitions[measured.__name__], word)
    schema["properties"] = {"schema": {"const": name}, **schema["properties"]}
    schema["required"] = ["schema", *schema["required"]]
    return {"$schema": DIALECT, "$id": name, **schema}


def _say_kind(definition: dict[str, Any], word: str) -> None:
    definition["properties"] = {"kind": {"const": word}, **definition["properties"]}
    definition["required"] = ["kind", *definition["required"]]
