"""`json_schema`: the answer is one JSON value of a given shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shadow.errors import ConfigError
from shadow.policies.validators.json_value import MISSING, json_in
from shadow.policies.validators.protocol import Case, named


def fits(schema: dict[str, Any], *, label: str) -> Callable[[Any], bool]:
    """A test of JSON values. References out of the schema are never fetched.

    Raises:
        ConfigError: the package jsonschema is missing, or the schema is not one.
    """
    try:
        import jsonschema  # noqa: PLC0415 - an extra, needed by this validator only
        import referencing  # noqa: PLC0415 - as above
    except ImportError:
        raise ConfigError('json_schema needs the package jsonschema; pip install "shadowroute[jsonschema]"') from None
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ConfigError(f"{label} must be a JSON schema; {error.message} at {error.json_path}") from None
    test: Callable[[Any], bool] = kind(schema, registry=referencing.Registry()).is_valid
    return test


class JsonSchema:
    """Accepts an answer that is one JSON value and fits a JSON schema.

    Args:
        schema: the schema.
        label: name of the schema, usually its file.
        fenced: the value may stand in a fenced block.

    Raises:
        ConfigError: the package jsonschema is missing, or the schema is not one.
    """

    def __init__(self, schema: dict[str, Any], *, label: str, fenced: bool = False) -> None:
        self._fits = fits(schema, label=label)
        self._fenced = fenced
        self.name = named("json_schema", f"{label}, fenced" if fenced else label)
        self.asks = f"be one JSON value that fits the schema {label}"

    def accepts(self, case: Case) -> bool:
        """Whether the text parses and fits."""
        value = json_in(case.text, fenced=self._fenced)
        return value is not MISSING and self._fits(value)
