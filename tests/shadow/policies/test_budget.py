"""A cap per request: the best model that fits, and what happens when none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow.domain.snapshot import STATELESS, Snapshot
from shadow.errors import ConfigError, PolicyError
from tests.support.models import policy_of, request

TEXT = "policy: b\nchoose: {budget: {per_request_usd: %s, among: [large, small, medium]%s}}\n"
COSTS = {"small": 0.0015, "medium": 0.003, "large": 0.0135}
"""1,000 tokens in and the assumed 500 out, at the prices of the catalogue."""


@pytest.mark.parametrize(("cap", "chosen"), [(0.0136, "large"), (0.0134, "small"), (0.0015, "small")])
def test_the_first_in_order_that_fits(tmp_path: Path, cap: float, chosen: str) -> None:
    """The given order is the preference; costs are explained, and what is above the cap is rejected."""
    decision = policy_of(tmp_path, TEXT % (cap, "")).decide(request(), STATELESS)
    assert decision.model == chosen
    assert decision.reason == "first in order within the cap"
    for candidate in decision.candidates:
        assert candidate.terms["expected_cost_usd"] == pytest.approx(COSTS[candidate.model])
        assert bool(candidate.rejected) == (COSTS[candidate.model] > cap + 1e-12)


def test_the_best_quality_that_fits(tmp_path: Path) -> None:
    """Order does not matter then."""
    assert policy_of(tmp_path, TEXT % (0.01, ", prefer: quality")).decide(request(), STATELESS).model == "medium"


def test_none_fits(tmp_path: Path) -> None:
    """The cheapest serves, or nobody, not even a fallback: that is the document's choice."""
    decision = policy_of(tmp_path, TEXT % (0.001, "")).decide(request(), STATELESS)
    assert (decision.model, decision.reason) == ("small", "cheapest, none fits the cap")
    policy = policy_of(tmp_path, TEXT % (0.001, ", if_none_fits: refuse") + "fallback: [small]\n")
    with pytest.raises(PolicyError, match=r"at most 0\.001 USD") as caught:
        policy.decide(request(), STATELESS)
    assert caught.value.error_type == "over_budget"


def test_a_spending_limit_holds_for_the_cheapest_too(tmp_path: Path) -> None:
    """What is left of a limit is never exceeded by choosing the cheapest."""
    policy = policy_of(tmp_path, TEXT % (0.001, ""))
    assert policy.decide(request(), Snapshot(remaining_usd={"day": 0.002})).model == "small"
    with pytest.raises(PolicyError, match="small: spending limit day"):
        policy.decide(request(), Snapshot(remaining_usd={"day": 0.0}))


def test_a_warm_prompt_makes_a_dear_model_fit(tmp_path: Path) -> None:
    """The cached price counts before the call."""
    models = """models:
  big: {price_usd_per_million: {input: 10, cached_input: 1, output: 0}}
  low: {price_usd_per_million: {input: 1, output: 0}}
"""
    text = "policy: b\nchoose: {budget: {per_request_usd: 0.005, among: [big, low]}}\n"
    policy = policy_of(tmp_path, text, models=models)
    assert policy.decide(request(), STATELESS).model == "low"
    assert policy.decide(request(), Snapshot(warm_tokens={"big": 800})).model == "big"


def test_quality_must_be_known_to_be_preferred(tmp_path: Path) -> None:
    """A preference that nothing supports is a mistake of the file."""
    models = "models: {a: {price_usd_per_million: {input: 1, output: 1}}}\n"
    with pytest.raises(ConfigError, match="quality must know the quality of every model, got none of a; add quality"):
        policy_of(tmp_path, "policy: b\nchoose: {budget: {per_request_usd: 1, prefer: quality}}\n", models=models)
