"""LiteLLM's proxy looks for its callbacks beside its config.yaml."""

from shadow.litellm_proxy import callback

__all__ = ["callback"]
