"""What a cascade may ask of an answer before it is content with it (`accept_if`)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, Protocol

from shadow.errors import ConfigError, ShadowError
from shadow.outcome import Answer

NAME_CHARACTERS = 80


class Validator(Protocol):
    """A named test of an answer."""

    @property
    def name(self) -> str:
        """Says what is tested, and differs between tests that differ; it is part of the recorded step."""
        ...

    def accepts(self, answer: Answer) -> bool:
        """True if the answer may be served.

        Raises:
            Exception: the answer cannot be judged. That is recorded as unknown, never as refused.
        """
        ...


class JsonSchema:
    """Accepts an answer that is one JSON value and fits a JSON schema.

    Args:
        schema: the schema. References that point outside of it are never fetched.
        label: what the schema is called, usually its file.

    Raises:
        ConfigError: the package jsonschema is missing, or the schema is not one.
    """

    def __init__(self, schema: dict[str, Any], *, label: str) -> None:
        try:
            import jsonschema  # noqa: PLC0415 - an extra, needed by this validator only
            import referencing  # noqa: PLC0415 - as above
        except ImportError:
            raise ConfigError(
                'json_schema needs the package jsonschema; pip install "shadowroute[jsonschema]"'
            ) from None
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ConfigError(f"{label} must be a JSON schema; {error.message} at {error.json_path}") from None
        self.name = _name("json_schema", label)
        self._fits: Callable[[Any], bool] = kind(schema, registry=referencing.Registry()).is_valid

    def accepts(self, answer: Answer) -> bool:
        """Whether the text parses and fits."""
        try:
            value = json.loads(answer.text)
        except (ValueError, RecursionError):
            return False
        return self._fits(value)


class Matches:
    """Accepts an answer in which the pattern is found; the dot does not match line ends unless `(?s)` says so."""

    def __init__(self, pattern: str) -> None:
        self.name = _name("matches", pattern)
        self._search = re.compile(pattern).search

    def accepts(self, answer: Answer) -> bool:
        """Whether the pattern is found in the text."""
        return self._search(answer.text) is not None


class Calls:
    """Accepts an answer that a function accepts.

    Args:
        function: takes the answer's text.
        label: what the function is called, `module:function`.
    """

    def __init__(self, function: Callable[[str], object], *, label: str) -> None:
        self.name = _name("call", label)
        self._function = function

    def accepts(self, answer: Answer) -> bool:
        """Whether the function says so.

        Raises:
            ShadowError: it answered something else than True or False.
            Exception: whatever the function raises.
        """
        verdict = self._function(answer.text)
        if not isinstance(verdict, bool):
            raise ShadowError(f"{self.name} must return True or False, got {type(verdict).__name__}")
        return verdict


class ScoreAtLeast:
    """Accepts an answer whose recorded score is high enough; for backtests and simulations, where scores are known."""

    def __init__(self, score: float) -> None:
        self.name = _name("score_at_least", f"{score:g}")
        self._score = score

    def accepts(self, answer: Answer) -> bool:
        """Whether the score is high enough.

        Raises:
            ShadowError: the answer has no score.
        """
        if answer.score is None:
            raise ShadowError(f"{self.name} must see a recorded score, got none; use another validator in production")
        return answer.score >= self._score


def _name(kind: str, what: str) -> str:
    """`kind(what)`; a long one is cut and ends in a hash, so that it still differs from others."""
    if len(what) > NAME_CHARACTERS:
        what = f"{what[:NAME_CHARACTERS]}~{hashlib.sha256(what.encode()).hexdigest()[:8]}"
    return f"{kind}({what})"
