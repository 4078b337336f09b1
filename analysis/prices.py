"""Prices of a book in memory, for the real or predicted cost of single calls."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date

from shadow.domain.outcome import Usage
from shadow.prices.registry import BAND_EDGES_TOKENS, Price, PriceRow


def blend(input_price: float, output_price: float) -> float:
    """Three parts input, one part output: the price that ranks two models as cheaper and dearer."""
    return 0.75 * input_price + 0.25 * output_price


class PriceTable:
    """The rows of one price book, looked up as the cost measure does: by model and context band, as of a day."""

    def __init__(self, rows: Iterable[PriceRow]) -> None:
        self._dated: dict[tuple[str, int], list[tuple[date, Price]]] = {}
        for row in rows:
            self._dated.setdefault((row.model, row.context_band), []).append((row.effective_from, row.price))
        for dated in self._dated.values():
            dated.sort(key=lambda pair: pair[0])

    def price(self, model: str, band: int, day: date) -> Price | None:
        """The newest price that is effective on that UTC day, None if the book has none."""
        dated = self._dated.get((model, band), [])
        place = bisect_right(dated, day, key=lambda pair: pair[0])
        return dated[place - 1][1] if place else None

    def usd(self, model: str, usage: Usage, day: date) -> float | None:
        """Cost of one call; None if the model has no price or the tokens are not known."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        price = self.price(model, context_band(usage.input_tokens), day)
        if price is None:
            return None
        uncached = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens
        return (
            uncached * price.input_usd_per_mtok
            + usage.cache_read_tokens * price.cache_read_usd_per_mtok
            + usage.cache_write_tokens * price.cache_write_usd_per_mtok
            + usage.output_tokens * price.output_usd_per_mtok
        ) / 1e6

    def blended(self, model: str, day: date) -> float | None:
        """The one price that ranks a model; None if the book has none."""
        price = self.price(model, 0, day)
        return None if price is None else blend(price.input_usd_per_mtok, price.output_usd_per_mtok)


def context_band(input_tokens: int) -> int:
    """The band that prices a prompt of this length."""
    return sum(input_tokens > edge for edge in BAND_EDGES_TOKENS)
