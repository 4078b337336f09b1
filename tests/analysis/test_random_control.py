"""The cost-matched random control: a shadow that is a coin flip has no advantage, an oracle has."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.measures.random_control import RandomControl, random_control_of
from analysis.queries.model_answers import Trials
from analysis.results import Estimate, Undefined

REQUESTS = 20_000
DRAWN = 2_000
DRAWS = 400


def sample(rng: np.random.Generator, choice: str, *, models: tuple[str, str] = ("small", "big")) -> Trials:
    """A draw of a tenth of all requests; users differ in how hard their requests are and how many they send."""
    small, big = models
    counts = np.minimum(rng.pareto(1.5, 1_500) + 1, 20).astype(int)
    user = np.repeat(np.arange(1_500), counts)[:DRAWN]
    user = np.concatenate((user, rng.integers(0, 1_500, max(DRAWN - user.size, 0))))
    hard = rng.beta(1, 3, 1_500)[user]
    live_score = (rng.random(DRAWN) > 0.3 * hard).astype(float)
    score = (rng.random(DRAWN) > 0.9 * hard).astype(float)
    length = np.exp(rng.normal(0, 0.7, DRAWN))
    moved = {
        "coin": rng.random(DRAWN) < 0.4,
        "oracle": score >= live_score,
        "all": np.ones(DRAWN, dtype=bool),
        "dearest": length > np.quantile(length, 0.6),
    }[choice]
    return Trials(
        sample="s",
        bucket=rng.integers(0, 256, 1_500)[user],
        stands_for=np.full(DRAWN, REQUESTS / DRAWN),
        chance=np.full(DRAWN, DRAWN / REQUESTS),
        live_score=live_score,
        live_usd=10 * length,
        score={small: score},
        usd={small: length},
        live_model=(big,) * DRAWN,
        shadow_model=tuple(small if each else big for each in moved),
        cascades=np.zeros(DRAWN),
        confidence=np.full(DRAWN, np.nan),
    )


def advantage(made: RandomControl) -> Estimate:
    assert isinstance(made.advantage, Estimate), made.advantage
    return made.advantage


def test_a_random_mix_has_no_advantage() -> None:
    """The truth is 0; the interval holds it in 95 of 100 draws, within three binomial standard errors."""
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(DRAWS):
        interval = advantage(random_control_of(sample(rng, "coin"), REQUESTS)).interval
        held += interval.low <= 0 <= interval.high
    print(held / DRAWS)
    assert abs(held / DRAWS - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / DRAWS)


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
