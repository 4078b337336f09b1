"""YAML files to policies, catalogues and routing settings; errors carry file and line."""

from shadow.config.loading import load_catalogue, load_policy, load_routing
from shadow.config.routing import Export, Limits, LiveSpec, Routing

__all__ = ["Export", "Limits", "LiveSpec", "Routing", "load_catalogue", "load_policy", "load_routing"]
