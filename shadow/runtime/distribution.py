"""Metadata of the installed SDK."""

from __future__ import annotations

from importlib.metadata import metadata

DISTRIBUTION = "shadowroute"


def documentation() -> str:
    """Address of the documentation, from `project.urls` of shadow/pyproject.toml."""
    lines: list[str] = metadata(DISTRIBUTION).get_all("Project-URL") or []
    addresses = dict(line.split(", ", 1) for line in lines)
    return addresses.get("Documentation", "the folder docs/ of the source")
