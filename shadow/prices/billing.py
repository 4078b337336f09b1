"""Costs of answers: reported by the provider, else their tokens at the catalogue's prices of that day.

Prices are read once, in the constructor: the registry takes most of a second, too long for a request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from shadow.domain.outcome import Outcome, Usage
from shadow.domain.usage import counted, is_amount
from shadow.prices.catalogue import Catalogue
from shadow.prices.registry import BAND_EDGES_TOKENS, BEGINNING, Price

DAY_US: Final = 86_400_000_000
MTOK: Final = 1e6


class Billing:
    """Costs at the prices of some models.

    Args:
        catalogue: has the prices.
        models: whose prices are read besides those of the catalogue.
    """

    def __init__(self, catalogue: Catalogue, models: Iterable[str] = ()) -> None:
        self._prices: dict[str, dict[int, list[tuple[int, Price]]]] = {}
        for name in dict.fromkeys((*catalogue.models, *models)):
            bands: dict[int, list[tuple[int, Price]]] = {}
            for row in sorted(catalogue.prices(name) or (), key=lambda row: row.effective_from):
                bands.setdefault(row.context_band, []).append(((row.effective_from - BEGINNING).days, row.price))
            self._prices[name] = bands

    def price(self, model: str, input_tokens: int, time_us: int) -> Price | None:
        """The price of a model for a prompt of that length on that day; None = unknown."""
        dated = self._prices.get(model, {}).get(bisect_left(BAND_EDGES_TOKENS, input_tokens), [])
        day = time_us // DAY_US
        in_force = [price for from_day, price in dated if from_day <= day]
        return in_force[-1] if in_force else None

    def cost_usd(self, model: str, usage: Usage, time_us: int) -> float | None:
        """The cost of one answer's tokens; None if they or the price are unknown.

        Spending limits need a number, so tokens under other terms (`Usage.unpriced`) count at the list price here.
        """
        usage = counted(usage)
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        price = self.price(model, usage.input_tokens, time_us)
        if price is None:
            return None
        uncached = max(0, usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens)
        return (
            uncached * price.input_usd_per_mtok
            + usage.cache_read_tokens * price.cache_read_usd_per_mtok
            + usage.cache_write_tokens * price.cache_write_usd_per_mtok
            + usage.output_tokens * price.output_usd_per_mtok
        ) / MTOK

    def outcome_usd(self, outcome: Outcome, time_us: int) -> float | None:
        """The known cost of a request with all its attempts and judges; None if no part is known.

        A reported cost covers the attempts only.
        """
        paid = [(call.model, call.usage) for call in outcome.judge_calls]
        if not is_amount(outcome.cost_usd):
            paid += [(attempt.model, attempt.usage) for attempt in outcome.attempts] or [(outcome.model, outcome.usage)]
        costs = [cost for model, usage in paid if (cost := self.cost_usd(model, usage, time_us)) is not None]
        if is_amount(outcome.cost_usd):
            costs.append(outcome.cost_usd)
        return sum(costs) if costs else None
