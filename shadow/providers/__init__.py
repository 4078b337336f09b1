"""Providers: calls of models over HTTP, or recorded answers."""
