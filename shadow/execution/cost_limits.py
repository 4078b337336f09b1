"""The cost budget of a request's user tier, and the rest of it after its attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shadow.domain.outcome import Answer
from shadow.domain.request import Request
from shadow.execution.settings import TierBudget
from shadow.prices.billing import MTOK, Billing
from shadow.prices.catalogue import Catalogue, Model
from shadow.prices.costing import OUTPUT_TOKENS

LIMITS: Final = ("max_completion_tokens", "max_tokens")
"""The two names of the caller's limit for an answer, the newer one first."""


class CostCap:
    """The cost budget of one request.

    Args:
        budget_usd: for all attempts together.
        truncates: whether answers are cut to fit; else a step with a higher expected cost is refused.
        billing: prices.
        catalogue: expected lengths of answers.
        request: its prompt, and the caller's own limit for the answer.
    """

    def __init__(
        self, budget_usd: float, *, truncates: bool, billing: Billing, catalogue: Catalogue, request: Request
    ) -> None:
        self._left_usd = budget_usd
        self._truncates = truncates
        self._billing = billing
        self._catalogue = catalogue
        self._request = request

    @classmethod
    def of(
        cls, budget: TierBudget, *, billing: Billing | None, catalogue: Catalogue, request: Request
    ) -> CostCap | None:
        """The cap of a tier; None if it has none."""
        if budget.cost_usd is None or billing is None:
            return None
        truncates = budget.over_cost == "truncate"
        return cls(budget.cost_usd, truncates=truncates, billing=billing, catalogue=catalogue, request=request)

    def affords(self, model: str) -> bool:
        """Whether a step fits the budget. One without a price does not."""
        fitting = self._fitting_tokens(model)
        if fitting is None:
            return False
        return fitting >= (1 if self._truncates else self._expected_tokens(model))

    def output_tokens(self, model: str) -> int | None:
        """Limit of the answer's tokens; None if the caller's own limit keeps the budget already."""
        fitting = self._fitting_tokens(model) if self._truncates else None
        own = self._request.max_output_tokens
        return None if fitting is None or (own is not None and own <= fitting) else fitting

    def paid(self, model: str, answer: Answer) -> None:
        """Subtract the cost of an answer; an unknown cost counts as expected."""
        usd = answer.cost_usd
        if usd is None:
            usd = self._billing.cost_usd(self._name(model), answer.usage, self._request.time_us)
        self._left_usd -= self._expected_usd(model) if usd is None else usd

    def _fitting_tokens(self, model: str) -> int | None:
        """Tokens of an answer that the rest of the budget pays for; None if the price is unknown."""
        rates = self._rates(model)
        if rates is None:
            return None
        input_usd, output_usd = rates
        left_usd = self._left_usd - self._request.input_tokens * input_usd
        if left_usd < 0:
            return -1
        return int(min(left_usd / output_usd, 1e9)) if output_usd else 1_000_000_000

    def _expected_usd(self, model: str) -> float:
        input_usd, output_usd = self._rates(model) or (0.0, 0.0)
        return self._request.input_tokens * input_usd + self._expected_tokens(model) * output_usd

    def _expected_tokens(self, model: str) -> int:
        known = self._catalogue.get(model)
        expected = (None if known is None else known.output_tokens) or OUTPUT_TOKENS
        own = self._request.max_output_tokens
        return expected if own is None else min(own, expected)

    def _rates(self, model: str) -> tuple[float, float] | None:
        """USD per token of the prompt and of the answer."""
        price = self._billing.price(self._name(model), self._request.input_tokens, self._request.time_us)
        return None if price is None else (price.input_usd_per_mtok / MTOK, price.output_usd_per_mtok / MTOK)

    def _name(self, model: str) -> str:
        known = self._catalogue.get(model)
        return model if known is None else known.name


def limited(params: Mapping[str, Any], model: Model, output_tokens: int) -> Mapping[str, Any]:
    """The caller's arguments with a limit for the answer, under the name that is used or known there."""
    name = next((each for each in LIMITS if each in params), None)
    if name is None:
        name = LIMITS[0] if model.provider == "openai" else LIMITS[1]
    return {**params, name: output_tokens}
