"""What a model would cost for a request, before it is called."""

from __future__ import annotations

import pytest

from shadow.domain.outcome import Usage
from shadow.domain.snapshot import STATELESS, Snapshot
from shadow.errors import UnknownFeatureError
from shadow.prices.billing import Billing
from shadow.prices.catalogue import Catalogue
from shadow.prices.costing import Costing
from tests.support.models import catalogue, model, request


def test_prompt_and_expected_answer_are_priced() -> None:
    """The answer is as long as the catalogue says, and never longer than the caller allows."""
    costing = Costing(catalogue(model("a", 2.0, 10.0, output_tokens=300), model("b", 2.0, 10.0)), ["a", "b"])
    assert costing.expected_usd("a", request(), STATELESS) == pytest.approx((1000 * 2 + 300 * 10) / 1e6)
    assert costing.expected_usd("a", request(max_output_tokens=100), STATELESS) == pytest.approx((2000 + 1000) / 1e6)
    assert costing.expected_usd("b", request(), STATELESS) == pytest.approx((2000 + 500 * 10) / 1e6)


@pytest.mark.parametrize(("warm", "usd"), [(400, 600 * 2 + 400 * 0.2), (5000, 1000 * 0.2)])
def test_the_warm_prefix_costs_the_cached_price(warm: int, usd: float) -> None:
    """A session that is warm at one model is cheaper there, at most by the whole prompt."""
    costing = Costing(catalogue(model("a", 2.0), model("b", 2.0)), ["a", "b"])
    snapshot = Snapshot(warm_tokens={"a": warm})
    assert costing.expected_usd("a", request(), snapshot) == pytest.approx(usd / 1e6)
    assert costing.expected_usd("b", request(), snapshot) == pytest.approx(2000 / 1e6)


def test_the_day_and_the_length_of_the_prompt_choose_the_price() -> None:
    """Registry prices change by date and by context band; the row of the request's day counts."""
    costing = Costing(Catalogue(), ["gemini-2.5-pro"])
    per_token = [
        (costing.expected_usd("gemini-2.5-pro", request(input_tokens=tokens, max_output_tokens=1), STATELESS) or 0)
        / tokens
        for tokens in (100_000, 250_000)
    ]
    assert per_token[1] == pytest.approx(2 * per_token[0], rel=0.01)


@pytest.mark.parametrize(
    ("input_tokens", "usd"),
    [(200_000, (50_000 * 3 + 150_000 * 0.3 + 100 * 15) / 1e6), (200_001, (50_001 * 6 + 150_000 * 0.6 + 2250) / 1e6)],
)
def test_a_context_band_ends_at_its_exact_edge(input_tokens: int, usd: float) -> None:
    """`above_200k` is more than 200,000 tokens of input with the cached ones, and then the whole call has its price."""
    billing = Billing(Catalogue(), ["claude-sonnet-4-5"])
    usage = Usage(input_tokens=input_tokens, output_tokens=100, cache_read_tokens=150_000)
    assert billing.cost_usd("claude-sonnet-4-5", usage, 1_796_000_000_000_000) == pytest.approx(usd)


def test_no_price_is_no_cost_of_zero() -> None:
    """A model without a price is named, and nothing is said about its cost."""
    costing = Costing(catalogue(model("a"), model("nobody-sells-this", None)), ["a", "nobody-sells-this"])
    assert costing.unpriced == ("nobody-sells-this",)
    assert costing.expected_usd("nobody-sells-this", request(), STATELESS) is None


@pytest.mark.parametrize("feature", ["input_tokens", "max_output_tokens"])
def test_a_cost_of_unknown_tokens_is_unknown(feature: str) -> None:
    """A log may lack them; the decision then fails by its name instead of pricing a guess."""
    costing = Costing(catalogue(model("a")), ["a"])
    with pytest.raises(UnknownFeatureError, match=feature):
        costing.expected_usd("a", request(unknown=frozenset({feature})), STATELESS)
