"""Prices of the public registry (genai-prices), as rows of a price book.

The registry has tiers, dates and times of day; a price book has days and four context bands. So a threshold inside a
band counts from the band's lower edge, and a price that depends on the hour is the one at noon UTC. The registry's own
calculator is not used: a tier changes the price of the whole prompt, so the tier is looked up, never interpolated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

REGISTRY: Final = "genai-prices"
BAND_EDGES_TOKENS: Final = (128_000, 200_000, 272_000)
"""Upper edges of bands 0, 1 and 2 in input tokens; band 3 has none."""
BANDS: Final = tuple(range(len(BAND_EDGES_TOKENS) + 1))
BEGINNING: Final = date(1970, 1, 1)
"""`effective_from` of the first known price, which also stands for earlier days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of a model, in USD per million tokens; never negative."""

    input_usd_per_mtok: float
    cache_read_usd_per_mtok: float
    cache_write_usd_per_mtok: float
    output_usd_per_mtok: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """One row of a price book: the price of a model for prompts of one context band, from a UTC day on."""

    provider: str
    model: str
    context_band: int
    effective_from: date
    price: Price
    source: str


def amounts(rows: Iterable[PriceRow]) -> set[object]:
    """What rows ask, by band and day, whatever their model is called: equal sets are equal prices."""
    return {(row.context_band, row.effective_from, row.price) for row in rows}


def registry_version() -> str:
    """`genai-prices-<version>`: the name of the registry as a price book."""
    return f"{REGISTRY}-{version(REGISTRY)}"


def registry_prices(model: str, provider: str | None) -> list[PriceRow] | None:
    """Rows of a model in all bands and for all dates; None if the registry has no token price for it.

    Args:
        model: its name in API requests.
        provider: the registry's id of the provider; None lets the registry find it by the model's name.
    """
    rows = _rows(model, provider)
    return None if rows is None else list(rows)


def registry_provider(model: str) -> str:
    """The registry's provider of a model; empty for an unknown model."""
    found = _find(model, None)
    return "" if found is None else found[0]


@lru_cache(maxsize=1)
def registry_providers() -> frozenset[str]:
    """The registry's ids of providers."""
    from genai_prices.data import providers  # noqa: PLC0415 - see registry_names

    return frozenset(str(provider.id) for provider in providers)


@lru_cache(maxsize=4096)
def registry_key(model: str, provider: str) -> str:
    """Name under which the price of a model stands in a book; empty if the registry has none.

    It is the registry's id of the model, behind that of the provider where another one is meant by the id alone:
    `gpt-4o-2024-05-13`, `groq/openai/gpt-oss-120b`. `registry_prices(key, None)` gives the price.

    Args:
        model: its name in API requests.
        provider: the registry's id of the provider; empty lets the registry find it by the model's name.
    """
    found = _find(model, provider or None)
    if found is None or _rows(model, provider or None) is None:
        return ""
    served, name = found[0], str(found[1].id)
    usual = _find(name, None)
    return name if usual is not None and (usual[0], usual[1].id) == (served, name) else f"{served}/{name}"


@lru_cache(maxsize=1)
def registry_names() -> tuple[str, ...]:
    """Every model id of the registry, sorted, for the hint after a misspelt name."""
    from genai_prices.data import providers  # noqa: PLC0415 - takes a third of a second

    return tuple(sorted({model.id for provider in providers for model in provider.models}))


@lru_cache(maxsize=1024)
def _rows(name: str, provider: str | None) -> tuple[PriceRow, ...] | None:
    found = _find(name, provider)
    found = found or (_with_id(name) if provider is None else None)
    if found is None:
        return None
    served, model = found
    rows: list[PriceRow] = []
    for effective_from, noon in _price_days(model):
        tokens = model.get_prices(noon)
        for band in BANDS:
            price = _price(tokens, band)
            if price is None:
                return None
            rows.append(
                PriceRow(
                    provider=served,
                    model=name,
                    context_band=band,
                    effective_from=effective_from,
                    price=price,
                    source=registry_version(),
                )
            )
    return tuple(rows)


@lru_cache(maxsize=1024)
def _find(name: str, provider: str | None) -> tuple[str, ModelInfo] | None:
    """The provider's id and the model that an API call of that name is billed as."""
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - see registry_names

    try:
        found = calc_price(Usage(input_tokens=0, output_tokens=0), name, provider_id=provider or None)
    except LookupError:
        return None
    return str(found.provider.id), found.model


def _with_id(key: str) -> tuple[str, ModelInfo] | None:
    """The provider and model of a key of `registry_key`; their ids need not be names of API calls."""
    from genai_prices.data import providers  # noqa: PLC0415 - see registry_names

    served, _, name = key.partition("/")
    if not name or served not in registry_providers():
        return None
    listed = (model for each in providers if each.id == served for model in each.models)
    return next(((served, model) for model in listed if model.id == name), None) or _find(name, served)


def _price_days(model: ModelInfo) -> list[tuple[date, datetime]]:
    """First day of each price, and a time at which the registry has it."""
    from genai_prices.types import StartDateConstraint  # noqa: PLC0415 - see registry_names

    conditions = model.prices if isinstance(model.prices, list) else []
    starts = sorted({c.constraint.start_date for c in conditions if isinstance(c.constraint, StartDateConstraint)})
    if not starts:
        return [(BEGINNING, _noon(datetime.now(UTC).date()))]
    undated = any(not isinstance(c.constraint, StartDateConstraint) for c in conditions)
    earliest = [(BEGINNING, _noon(starts[0] - timedelta(days=1)))] if undated else [(BEGINNING, _noon(starts[0]))]
    later = starts if undated else starts[1:]
    return earliest + [(start, _noon(start)) for start in later]


def _price(tokens: Any, band: int) -> Price | None:
    """The price at the band's lower edge; None if prompt or answer has no price per token."""
    input_tokens = BAND_EDGES_TOKENS[band - 1] + 1 if band else 1
    input_usd = _per_mtok(tokens.input_mtok, input_tokens)
    output_usd = _per_mtok(tokens.output_mtok, input_tokens)
    if input_usd is None or output_usd is None:
        return None
    cache_read_usd = _per_mtok(tokens.cache_read_mtok, input_tokens)
    cache_write_usd = _per_mtok(tokens.cache_write_mtok, input_tokens)
    return Price(
        input_usd_per_mtok=input_usd,
        cache_read_usd_per_mtok=input_usd if cache_read_usd is None else cache_read_usd,
        cache_write_usd_per_mtok=input_usd if cache_write_usd is None else cache_write_usd,
        output_usd_per_mtok=output_usd,
    )


def _per_mtok(price: Any, input_tokens: int) -> float | None:
    if price is None:
        return None
    base = getattr(price, "base", None)
    if base is None:
        return float(price)
    reached = [tier.price for tier in price.tiers if input_tokens > tier.start]
    return float(reached[-1] if reached else base)


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)
