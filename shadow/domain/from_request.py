"""Reads user, session and segments out of the host's own call arguments (`from_request` of the routing file)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

from shadow.domain.request import LABEL

RequestField = Literal[
    "user", "session", "task", "user_tier", "prompt_version", "request_id", "input_tokens", "contamination"
]
HOOK_FIELDS: Final[tuple[str, ...]] = get_args(RequestField)
"""Fields that a hook reads: those of a request, and the contamination of its outcome."""
FIELDS: Final[tuple[str, ...]] = tuple(name for name in HOOK_FIELDS if name != "contamination")
"""Fields of a request: arguments of `features.extract`."""


def facts_of(
    said: Mapping[str, Any],
    arguments: Mapping[str, Any],
    paths: Mapping[str, str],
    names: Sequence[str] = FIELDS,
) -> dict[str, Any]:
    """The given facts, completed by those that the paths find. A path that leads nowhere gives no fact.

    Args:
        said: request fields, `labels` and single `label:NAME`s; None and an empty text count as left out.
        arguments: of the host's call, for example `{"metadata": {"session_id": "s-1"}}`.
        paths: request field or `label:NAME` to dotted path, for example `{"session": "metadata.session_id"}`.
        names: fields to read.
    """
    facts = {name: value for name, value in said.items() if value not in (None, "")}
    facts |= {
        name: value
        for name, path in paths.items()
        if name not in facts
        and (name in names or name.startswith(LABEL))
        and (value := at_path(arguments, path)) is not None
    }
    labels = [name for name in facts if name.startswith(LABEL)]
    if labels:
        single = {name.removeprefix(LABEL): facts.pop(name) for name in labels}
        facts["labels"] = {**single, **(facts.get("labels") or {})}
    return facts


def at_path(value: Any, path: str) -> Any:
    """The value at the end of a dotted path through mappings and attributes; None where it breaks off."""
    for part in path.split("."):
        try:
            value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
        except Exception:  # noqa: BLE001 - an object of the host may fail in any way; the fact then counts as absent
            return None
    return value
