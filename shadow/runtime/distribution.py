"""What the installed SDK says of itself beyond its version."""

from __future__ import annotations

from importlib.metadata import metadata

DISTRIBUTION = "shadowroute"


def documentation() -> str:
    """Where the documentation is, as `project.urls` of shadow/pyproject.toml has it: the one place that says so."""
    lines: list[str] = metadata(DISTRIBUTION).get_all("Project-URL") or []
    addresses = dict(line.split(", ", 1) for line in lines)
    return addresses.get("Documentation", "the folder docs/ of the source")
