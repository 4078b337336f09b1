"""A policy of one's own: a function from the frozen request to a model's name, or to a whole decision."""

from __future__ import annotations

from shadow import Request


def choose(request: Request) -> str:
    """The small model for short questions."""
    return "gpt-5-mini" if request.input_tokens <= 500 else "gpt-5"
