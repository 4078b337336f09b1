"""Admits a share of requests: always the same ones, in every process."""

from __future__ import annotations

import hashlib


def draw(model: str, request_id: str) -> float:
    """A number in [0, 1) that depends only on the model and the request."""
    text = f"ramp:{model}:{request_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.md5(text, usedforsecurity=False).digest()[:8]) / 2**64


def lets_through(admitted: float, model: str, request_id: str) -> bool:
    """Whether a model gets this request, if it gets the share `admitted` of its requests.

    A request within 10 % is also within 50 %, so that the recovery of a model moves each request once.
    """
    return admitted >= 1 or (admitted > 0 and draw(model, request_id) < admitted)
