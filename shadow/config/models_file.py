"""Reads models.yaml: the models that policies may name."""

from __future__ import annotations

from pathlib import Path

from shadow.config.routing_document import ModelDocument, ModelsDocument, PriceDocument
from shadow.config.source import source_of
from shadow.config.validation import validated
from shadow.errors import ConfigError
from shadow.prices.catalogue import Catalogue, Model
from shadow.prices.registry import Price, PriceRow


def read_catalogue(path: Path, problems: list[ConfigError]) -> Catalogue | None:
    """The models of a file; None if there are problems, which are added to `problems`."""
    source = source_of(path, problems)
    document = None if source is None else validated(source, ModelsDocument, "models", problems)
    if source is None or document is None:
        return None
    try:
        return Catalogue([_model(name, each) for name, each in document.models.items()], source=path.name)
    except ConfigError as error:
        problems.append(source.error(error.message, ("models",)))
        return None


class UnreadCatalogue(Catalogue):
    """Has every name. Replaces a models.yaml with problems, so that the policies are still checked."""

    def get(self, name: str) -> Model | None:
        """A model of any name."""
        return Model(name=name, quality=0.0)

    def prices(self, name: str) -> list[PriceRow] | None:  # noqa: ARG002 - of any name
        """An empty list, not None, so that no price is missing."""
        return []


def _model(name: str, document: ModelDocument) -> Model:
    return Model(
        name=name,
        provider=document.provider,
        tier=document.tier or "",
        aliases=tuple(document.aliases),
        base_url=document.base_url or "",
        api_key_env=document.api_key_env,
        latency_s=document.latency_s,
        output_tokens=document.output_tokens,
        quality=document.quality,
        context_tokens=document.context_tokens,
        supports=None if document.supports is None else frozenset(document.supports),
        languages=frozenset(document.languages or ()),
        regions=frozenset(document.regions or ()),
        price=None if document.price_usd_per_million is None else _price(document.price_usd_per_million),
        requests_per_minute=document.limits.requests_per_minute,
        tokens_per_minute=document.limits.tokens_per_minute,
    )


def _price(document: PriceDocument) -> Price:
    return Price(
        input_usd_per_mtok=document.input,
        cache_read_usd_per_mtok=document.input if document.cached_input is None else document.cached_input,
        cache_write_usd_per_mtok=document.input if document.cache_write is None else document.cache_write,
        output_usd_per_mtok=document.output,
    )
