"""`use` in a policy file."""

from __future__ import annotations

from shadow.config.mechanisms.building import Building
from shadow.config.source import Place
from shadow.policies.static import Static


def build_static(building: Building, model: str, place: Place, reason: str) -> Static:
    """The chooser of one model."""
    return Static(building.model(model, place), reason=reason or "always")
