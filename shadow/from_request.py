"""Reads user, session and segments out of the host's own call arguments (`from_request` of the routing file)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shadow.request import NOTHING


def facts_of(arguments: Mapping[str, Any], paths: Mapping[str, str]) -> Mapping[str, Any]:
    """What the paths lead to. A path that leads nowhere gives nothing.

    Args:
        arguments: of the host's call, for example `{"metadata": {"session_id": "s-1"}}`.
        paths: request field to dotted path, for example `{"session": "metadata.session_id"}`.
    """
    if not paths:
        return NOTHING
    found = {name: _follow(arguments, path) for name, path in paths.items()}
    return {name: value for name, value in found.items() if value is not None}


def _follow(value: Any, path: str) -> Any:
    """The value at the end of a path through mappings and attributes; None where it breaks off."""
    for part in path.split("."):
        try:
            value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
        except Exception:  # noqa: BLE001 - an object of the host may fail in any way; the fact then counts as absent
            return None
    return value
