"""YAML files to policies, catalogues and routing settings; errors carry file and line."""

from shadow.config.loading import load_catalogue, load_policy, load_routing
from shadow.config.routing import Export, Limits, Reload, Routing
from shadow.domain.policy import LiveSpec

__all__ = ["Export", "Limits", "LiveSpec", "Reload", "Routing", "load_catalogue", "load_policy", "load_routing"]
