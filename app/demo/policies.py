"""The routing of the simulated week: YAML files as a user would write them, read by the same loader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shadow.config import Routing, load_routing

FOLDER = Path(__file__).with_name("routing")
MODELS_FILE = FOLDER / "models.yaml"
PROJECT = "demo"


def load(export_to: str) -> Routing:
    """The demo's routing, sending its spans to that OTLP address."""
    routing = load_routing(FOLDER / "shadow.yaml")
    return replace(routing, export=replace(routing.export, to=export_to))
