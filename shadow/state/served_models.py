"""The served model of a request, for later signals."""

from __future__ import annotations

from typing import Final

KEPT: Final = 20_000
"""Ids of requests and responses that a signal may still name."""


class ServedModels:
    """The models of the newest answers, by request and by response."""

    def __init__(self) -> None:
        self._models: dict[str, str] = {}

    def note(self, request_id: str, response_id: str, model: str) -> None:
        """Note the model that served a request."""
        self._models[request_id] = model
        if response_id:
            self._models[f"response:{response_id}"] = model
        while len(self._models) > KEPT:
            self._models.pop(next(iter(self._models)))

    def model_of(self, target: str) -> str | None:
        """The model that served a signal's target; None if it is forgotten."""
        return self._models.get(target)
