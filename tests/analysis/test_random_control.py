"""The cost-matched random control: a shadow that is a coin flip has no advantage, an oracle has."""

from __future__ import annotations

import numpy as np
import pytest

from shadowroute.analysis.measures.random_control import random_control_of
from shadowroute.analysis.queries.model_answers import Trials
from shadowroute.analysis.results import Undefined
from tests.support.coin_flips import REQUESTS, advantage, sample


def test_an_oracle_beats_the_coin() -> None:
    """Moving only what the small model answers as well gains; moving everything is what the coin does too."""
    rng = np.random.default_rng(5)
    oracle = random_control_of(sample(rng, "oracle"), REQUESTS)
    assert advantage(oracle).interval.low > 0.01
    assert oracle.model == "small"
    everything = random_control_of(sample(rng, "all"), REQUESTS)
    assert everything.moved_share == pytest.approx(1.0)
    assert advantage(everything).value == pytest.approx(0.0, abs=1e-12)


def test_the_control_spends_the_same() -> None:
    """Moving the dearest 40 % changes the cost by more than 40 %: the coin must move as much money, not as many."""
    made = random_control_of(sample(np.random.default_rng(6), "dearest"), REQUESTS)
    assert made.moved_share is not None
    assert made.moved_share > 0.5
    assert made.shadow_change is not None
    assert made.control_change is not None
    assert advantage(made).value == pytest.approx(made.shadow_change - made.control_change)


def test_what_is_refused() -> None:
    """No sample, a sample of something else, several models: each is said and no number given."""
    rng = np.random.default_rng(7)
    drawn = sample(rng, "coin")
    cases = {
        "no model was run": random_control_of(None, REQUESTS),
        "stands for 20,000 of 60,000": random_control_of(drawn, 60_000),
        "was not run alone": random_control_of(sample(rng, "coin", models=("mini", "big")), REQUESTS),
    }
    renamed = sample(rng, "coin", models=("mini", "big"))
    cases["was not run alone"] = random_control_of(_without_models(renamed), REQUESTS)
    for reason, made in cases.items():
        assert isinstance(made.advantage, Undefined)
        assert reason in made.advantage.reason
        assert made.moved_share is None


def _without_models(drawn: Trials) -> Trials:
    fields = {name: getattr(drawn, name) for name in drawn.__slots__}
    return Trials(**{**fields, "score": {}, "usd": {}})
