"""Expected cost of a model for a request, before the call.

The prices of a policy's models are read when the policy is built: the registry takes most of a second, a decision
only twenty microseconds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date
from itertools import groupby
from typing import Final, NamedTuple

from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import UnknownFeatureError
from shadow.prices.catalogue import Catalogue
from shadow.prices.registry import BAND_EDGES_TOKENS, BEGINNING, PriceRow

OUTPUT_TOKENS: Final = 500
"""Assumed tokens of an answer for every model without a value in models.yaml."""
DAY_US: Final = 86_400_000_000
READS: Final = frozenset({"input_tokens", "max_output_tokens"})
"""Features that an expected cost depends on, as in `Request.unknown`."""


class Rates(NamedTuple):
    """USD per token."""

    input_usd: float
    cached_usd: float
    output_usd: float


class _Priced(NamedTuple):
    """Rates from a day on (days since 1970), each a tuple by context band, and the expected tokens of an answer."""

    from_days: list[int]
    rates: list[tuple[Rates, ...]]
    output_tokens: int


class Costing:
    """Expected costs of a few models at the prices of the day of the request.

    Args:
        catalogue: has the prices and expected lengths of answers.
        models: the models to price, by their names in the catalogue.
        output_tokens: expected tokens of an answer for models without a value in the catalogue.

    Attributes:
        unpriced: the models without a known price.
    """

    def __init__(self, catalogue: Catalogue, models: Iterable[str], *, output_tokens: int = OUTPUT_TOKENS) -> None:
        self._models: dict[str, _Priced] = {}
        unpriced: list[str] = []
        for name in dict.fromkeys(models):
            rows, model = catalogue.prices(name), catalogue.get(name)
            if rows is None:
                unpriced.append(name)
            else:
                told = None if model is None else model.output_tokens
                self._models[name] = _priced(rows, told or output_tokens)
        self.unpriced = tuple(unpriced)

    def expected_usd(self, model: str, request: Request, snapshot: Snapshot) -> float | None:
        """Tokens of the prompt and expected tokens of the answer at the model's prices; None if it has no price.

        Tokens of the prompt in the model's cache are priced as cached input, the others as input.
        The length of the answer is the catalogue's, at most the caller's limit.

        Raises:
            UnknownFeatureError: the prompt's tokens, or the limit for the answer, are unknown.
        """
        priced = self._models.get(model)
        if priced is None:
            return None
        if request.unknown and not READS.isdisjoint(request.unknown):
            raise UnknownFeatureError(min(READS & request.unknown))
        from_days, rates, output_tokens = priced
        at = 0 if len(from_days) == 1 else max(0, bisect_right(from_days, request.time_us // DAY_US) - 1)
        tokens = request.input_tokens
        rate = rates[at][bisect_left(BAND_EDGES_TOKENS, tokens)]
        limit = request.max_output_tokens
        if limit is not None and limit < output_tokens:
            output_tokens = limit
        warm = snapshot.warm_tokens.get(model, 0)
        if warm > tokens:  # noqa: PLR1730 - min() costs a tenth of this function
            warm = tokens
        return (tokens - warm) * rate.input_usd + warm * rate.cached_usd + output_tokens * rate.output_usd


def _priced(rows: list[PriceRow], output_tokens: int) -> _Priced:
    ordered = sorted(rows, key=lambda row: (row.effective_from, row.context_band))
    by_day: dict[date, list[PriceRow]] = {
        day: list(group) for day, group in groupby(ordered, key=lambda row: row.effective_from)
    }
    return _Priced(
        from_days=[(day - BEGINNING).days for day in by_day],
        rates=[tuple(_rates(row) for row in group) for group in by_day.values()],
        output_tokens=output_tokens,
    )


def _rates(row: PriceRow) -> Rates:
    price = row.price
    return Rates(price.input_usd_per_mtok / 1e6, price.cache_read_usd_per_mtok / 1e6, price.output_usd_per_mtok / 1e6)
