"""Shadow hooks for LLM routers: see docs/concepts.md. Heavy parts load on first use."""
