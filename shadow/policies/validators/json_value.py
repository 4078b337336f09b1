"""JSON in the text of an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

FENCE: Final = "```"
MISSING: Final = object()
"""No JSON, or no value there; JSON's own null is None."""


def json_in(text: str, *, fenced: bool = False) -> Any:
    """The one JSON value that the text is, `MISSING` if it is none.

    Args:
        text: an answer.
        fenced: look into the first fenced block of the text, if it has one; models like to wrap what they give.
    """
    if fenced:
        text = fenced_block(text) or text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return MISSING


def fenced_block(text: str) -> str:
    """What the first block between two lines of three backticks holds; empty if there is none."""
    start = text.find(FENCE)
    line_end = text.find("\n", start) if start >= 0 else -1
    end = text.find(FENCE, line_end) if line_end >= 0 else -1
    return text[line_end + 1 : end] if end >= 0 else ""


def value_at(value: Any, path: Sequence[str]) -> Any:
    """The value below keys and list places, `MISSING` if one of them is not there."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part, MISSING)
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value
