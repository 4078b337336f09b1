"""Requests of which a tenth was answered by the small model as well, and shadows that move some of them to it."""

from __future__ import annotations

import numpy as np

from shadowroute.analysis.measures.random_control import RandomControl
from shadowroute.analysis.queries.model_answers import Trials
from shadowroute.analysis.results import Estimate

REQUESTS = 20_000
DRAWN = 2_000


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
