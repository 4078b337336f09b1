"""Hooks that observe the host's router, client or function."""
