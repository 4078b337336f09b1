"""Models for policies: names, aliases, tiers, addresses and prices."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from shadow.domain.ids import canonical_id, lasting_fields
from shadow.errors import ConfigError
from shadow.prices.identity import Identity, identify, provider_id, spelled
from shadow.prices.registry import (
    BANDS,
    BEGINNING,
    Price,
    PriceRow,
    amounts,
    registry_names,
    registry_prices,
    registry_provider,
    registry_version,
)

TIERS: Final = ("small", "medium", "large")
CAPABILITIES: Final = ("tools", "vision", "json")
"""Optional capabilities of a model: tools, images in the prompt, structured output."""
MODELS_FILE: Final = "models.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of the catalogue.

    Attributes:
        name: in policies, records and reports.
        provider: that serves it; also the registry's provider id for the price.
        tier: small, medium or large; empty = not stated.
        aliases: other names of the same model: deployments, and ids in the provider's answers.
        base_url: address of an OpenAI-compatible API, if it is not the provider's own.
        api_key_env: environment variable that holds the key for `base_url`.
        latency_s: expected seconds per answer, until the first observation; None = unknown.
        output_tokens: expected tokens of an answer, for its cost before the call; None = unknown.
        quality: expected quality of an answer in [0, 1], until the first observation; None = unknown.
        context_tokens: most tokens of prompt and answer together; None = not stated.
        supports: its `CAPABILITIES`; None = not stated.
        languages: allowed languages of its answers, in the words of the label `language`; empty = not stated.
        regions: regions that process its requests, in the words of the label `region`; empty = not stated.
        price: replaces the registry's price, for prompts of any length and on any day.
        requests_per_minute: quota of calls to it; None = none is known.
        tokens_per_minute: quota of its tokens, prompts and answers together; None = none is known.
    """

    name: str
    provider: str = ""
    tier: str = ""
    aliases: tuple[str, ...] = ()
    base_url: str = ""
    api_key_env: str = ""
    latency_s: float | None = None
    output_tokens: int | None = None
    quality: float | None = None
    context_tokens: int | None = None
    supports: frozenset[str] | None = None
    languages: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    price: Price | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class Catalogue:
    """Models by name and alias.

    Args:
        models: the listed models. None = every model of the price registry.
        source: name of the list in messages.

    Attributes:
        models: the listed ones by name.

    Raises:
        ConfigError: two models share a name or an alias.
    """

    def __init__(self, models: Iterable[Model] | None = None, *, source: str = MODELS_FILE) -> None:
        self._is_listed = models is not None
        self._source = source if self._is_listed else f"the price registry {registry_version()}"
        by_name: dict[str, Model] = {}
        by_any: dict[str, Model] = {}
        for model in models or ():
            for name in (model.name, *model.aliases):
                other = by_any.setdefault(name, model)
                if other is not model:
                    raise ConfigError(
                        f'"{name}" must name one model, got {other.name} and {model.name}; remove it from one of them'
                    )
            by_name[model.name] = model
        self._by_any = by_any
        self._by_bare: dict[str, Model] = {}
        for model in by_name.values():
            self._by_bare.setdefault(spelled(model.name).bare, model)
        self.models: Mapping[str, Model] = MappingProxyType(by_name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __repr__(self) -> str:
        return f"<Catalogue of {len(self.models)} models>" if self._is_listed else f"<Catalogue of {self._source}>"

    def get(self, name: str) -> Model | None:
        """The model of that name or alias; None if it is not known."""
        found = self._by_any.get(name)
        return _registered(name) if found is None and not self._is_listed else found

    def tier(self, name: str) -> str:
        """small, medium or large; empty if not stated."""
        model = self.get(name)
        return "" if model is None else model.tier

    def nearest(self, name: str) -> str:
        """The known name nearest to a misspelt one; empty if there is none."""
        return _nearest(name[:200], tuple(self._by_any) if self._is_listed else None)

    def objection(self, name: str) -> str:
        """The error text for an unknown model, with the nearest known one; empty for a known model."""
        if name in self:
            return ""
        nearest = self.nearest(name)
        hint = f"nearest: {nearest}" if nearest else "list it there" if self._is_listed else f"list it in {MODELS_FILE}"
        return f'no model "{name}" in {self._source}; {hint}'

    def require(self, name: str, file: str | Path | None = None, line: int | None = None) -> None:
        """Check that a model is known.

        Raises:
            ConfigError: it is not.
        """
        objection = self.objection(name)
        if objection:
            raise ConfigError(objection, file=file, line=line)

    def canonical(self, name: str, planned: str = "") -> str:
        """The catalogue's name for a model as it was sent or answered; the same name if it is not listed.

        Args:
            name: for example a dated snapshot, or a gateway's route to the model.
            planned: the name of the called model; empty = unknown.
        """
        told = spelled(name)
        spellings = (name, told.name, told.bare, told.family)
        if planned and (planned in spellings or spelled(planned).bare in spellings):
            return planned
        return next((known for each in spellings if (known := self._listed(each))), name)

    def identity(self, name: str, provider: str = "") -> Identity:
        """What a name means: the listed model if it is one, and whose price holds.

        Args:
            name: as sent.
            provider: who served it, as the log says; empty = the provider of the listed model.
        """
        found = identify(name, provider, self._listed)
        model = self.models.get(found.family)
        if model is None:
            return found
        if not found.provider and model.provider:
            found = identify(name, model.provider, self._listed)
        return found._replace(price_key=self._price_key(model, found))

    def _price_key(self, model: Model, found: Identity) -> str:
        """The listed model's own name, except where the log names a snapshot or provider with another price."""
        if model.price is not None:
            return model.name
        if not found.price_key:
            return model.name if found.provider in {"", provider_id(model.provider)} else ""
        own, apart = self.prices(model.name), registry_prices(found.price_key, None)
        return found.price_key if own is None or amounts(own) != amounts(apart or ()) else model.name

    def _listed(self, name: str) -> str:
        found = self._by_any.get(name) or self._by_bare.get(name)
        return "" if found is None else found.name

    def price_rows(self, extra_models: Iterable[str] = ()) -> list[PriceRow]:
        """Rows of all listed models and the extra ones, in all bands. Models without a price are left out."""
        names = dict.fromkeys((*self.models, *(self._name(extra) for extra in extra_models)))
        return [row for name in names for row in self.prices(name) or ()]

    def unpriced(self, names: Iterable[str]) -> list[str]:
        """The names without a known price, in the given order."""
        return [name for name in dict.fromkeys(names) if self.prices(name) is None]

    @cached_property
    def book_id(self) -> str:
        """Name of the price book: the registry's if no price is overridden, else a hash of all prices.

        The hash includes the registry's version, which has the prices of unlisted models.
        """
        if all(self.prices(name) in (None, registry_prices(name, None)) for name in self.models):
            return registry_version()
        rows = [
            [row.provider, row.model, row.context_band, row.effective_from.isoformat(), lasting_fields(row.price)]
            for row in self.price_rows()
        ]
        return "book-" + canonical_id({"registry": registry_version(), "rows": rows}, length=12)

    def _name(self, name: str) -> str:
        model = self._by_any.get(name)
        return name if model is None else model.name

    def prices(self, name: str) -> list[PriceRow] | None:
        """Rows of one model in all bands; None if its price is unknown."""
        model = self._by_any.get(name)
        if model is None:
            return registry_prices(name, None) or registry_prices(identify(name).price_key, None)
        if model.price is None:
            return registry_prices(model.name, model.provider or None)
        return [
            PriceRow(
                provider=model.provider,
                model=model.name,
                context_band=band,
                effective_from=BEGINNING,
                price=model.price,
                source=self._source,
            )
            for band in BANDS
        ]


@lru_cache(maxsize=1024)
def _registered(name: str) -> Model | None:
    provider = registry_provider(name)
    return Model(name=name, provider=provider) if provider else None


@lru_cache(maxsize=1024)
def _nearest(name: str, known: tuple[str, ...] | None) -> str:
    return next(iter(difflib.get_close_matches(name, registry_names() if known is None else known, n=1)), "")
