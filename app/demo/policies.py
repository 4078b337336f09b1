"""The routing of the simulated week: YAML files as a user would write them, read by the same loader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shadow.config import Routing, load_routing

FOLDER = Path(__file__).with_name("routing")
MODELS_FILE = FOLDER / "models.yaml"
PROJECT = "demo"
SHADOW_BUDGET_S = 5.0


def load(export_to: str) -> Routing:
    """The demo's routing, sending its spans to that OTLP address."""
    routing = load_routing(FOLDER / "shadow.yaml")
    # Nobody waits for a shadow here, and a slow machine must not make a policy look as if it failed.
    limits = replace(routing.limits, budget_s=SHADOW_BUDGET_S)
    return replace(routing, export=replace(routing.export, to=export_to), limits=limits)
