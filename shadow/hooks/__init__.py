"""Adapters for routers and clients that somebody else executes; one host per file."""
