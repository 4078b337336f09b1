"""The provider of each model."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from shadow.prices.catalogue import Model
from shadow.providers.protocol import Provider


class Providers:
    """The caller's providers, and OpenAI-compatible HTTP for all other models.

    Args:
        given: one provider for all models, a provider per `provider` name of the catalogue, or None.
    """

    def __init__(self, given: Mapping[str, Provider] | Provider | None) -> None:
        self._by_name: Mapping[str, Provider] = given if isinstance(given, Mapping) else {}
        self._fallback = None if isinstance(given, Mapping) else given
        self._own: Provider | None = None
        self._lock = threading.Lock()

    def of(self, model: Model) -> Provider:
        """The provider of this model."""
        return self._by_name.get(model.provider) or self._fallback or self._http()

    def load(self, models: Iterable[Model]) -> None:
        """Load the providers of these models, so that no request waits for it."""
        for model in models:
            self.of(model)

    def close(self) -> None:
        """Close own connections; the caller's providers stay open."""
        if self._own is not None:
            self._own.close()

    async def aclose(self) -> None:
        """As `close`, with the connections of the running event loop."""
        if self._own is not None:
            await self._own.aclose()

    def _http(self) -> Provider:
        with self._lock:  # two simultaneous first calls must not open two pools
            if self._own is None:
                from shadow.providers.openai_http import OpenAIHttp  # noqa: PLC0415 - httpx loads only where it is used

                self._own = OpenAIHttp()
            return self._own
