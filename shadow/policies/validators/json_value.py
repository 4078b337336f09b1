"""JSON in the text of an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

FENCE: Final = "```"
MISSING: Final = object()
"""No JSON, or no value; JSON's null is None."""


def json_in(text: str, *, fenced: bool = False) -> Any:
    """The text as one JSON value, `MISSING` if it is none.

    Args:
        text: an answer.
        fenced: read the first fenced block of the text, if it has one.
    """
    if fenced:
        text = fenced_block(text) or text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return MISSING


def fenced_block(text: str) -> str:
    """The first block between two lines of three backticks; empty if there is none."""
    start = text.find(FENCE)
    line_end = text.find("\n", start) if start >= 0 else -1
    end = text.find(FENCE, line_end) if line_end >= 0 else -1
    return text[line_end + 1 : end] if end >= 0 else ""


def value_at(value: Any, path: Sequence[str]) -> Any:
    """The value at a path of keys and list indices, `MISSING` if one of them is absent."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part, MISSING)
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value
