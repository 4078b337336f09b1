"""Which requests a share lets through: always the same ones, in every process."""

from __future__ import annotations

import hashlib


def draw(model: str, request_id: str) -> float:
    """A number in [0, 1) that depends on nothing but the model and the request."""
    text = f"ramp:{model}:{request_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.md5(text, usedforsecurity=False).digest()[:8]) / 2**64


def lets_through(admitted: float, model: str, request_id: str) -> bool:
    """Whether a model that gets the share `admitted` of its requests gets this one.

    A request that is let through at 10 % is let through at 50 %, too, so that a model's return moves each request once.
    """
    return admitted >= 1 or (admitted > 0 and draw(model, request_id) < admitted)
