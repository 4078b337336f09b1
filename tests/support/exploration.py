"""A live policy that explores with known chances, as the sums that SQL returns, and the truth about its shadow."""

from __future__ import annotations

from typing import Any

import numpy as np

from shadowroute.analysis.queries.exploration import WeightedAnswers
from shadowroute.analysis.stats.off_policy import GroupedSums
from shadowroute.analysis.summaries import BUCKETS

MEANS = np.array([[0.9, 0.7], [0.6, 0.55]])
"""Thumbs by task (code, chat) and model (big, small)."""


def sample(
    rng: np.random.Generator,
    *,
    n: int = 4_000,
    users: int = 600,
    explores: float = 0.2,
    logged: float | None = None,
    rated: tuple[float, float] = (1.0, 1.0),
) -> tuple[WeightedAnswers, float]:
    """Requests of users with their own mood; live takes the small model now and then, the shadow always for code.

    Args:
        rng: of this draw.
        n: requests.
        users: as many, of very unequal size.
        explores: chance that live takes the small model.
        logged: the chance that live says; None for the truth.
        rated: chance that an answer of the big and of the small model is rated.

    Returns:
        what the query gives, and the true change.
    """
    says = explores if logged is None else logged
    user = (rng.pareto(1.1, n) * 20).astype(int) % users
    mood = rng.normal(0, 0.05, users)[user]
    task, live = rng.integers(0, 2, n), (rng.random(n) < explores).astype(int)
    shadow = (task == 0).astype(int)
    reward = (rng.random(n) < np.clip(MEANS[task, live] + mood, 0, 1)).astype(float)
    kept = rng.random(n) < np.array(rated)[live]
    propensity = np.where(live == 1, says, 1 - says)
    weight = (live == shadow) / propensity
    columns = np.stack([user % BUCKETS, task, live, shadow])[:, kept]
    keys, place = np.unique(columns, axis=1, return_inverse=True)

    def grouped(values: Any) -> Any:
        return np.bincount(place.ravel(), np.broadcast_to(values, n)[kept], keys.shape[1])

    heaviest = np.zeros(keys.shape[1])
    np.maximum.at(heaviest, place.ravel(), weight[kept])
    answers = WeightedAnswers(
        sums=GroupedSums(
            bucket=keys[0],
            cell=keys[1],
            logged=keys[2],
            evaluated=keys[3],
            n=int(kept.sum()),
            size=grouped(1.0),
            reward=grouped(reward),
            weight=grouped(weight),
            weighted_reward=grouped(weight * reward),
        ),
        plans=("big", "small"),
        certain=grouped(propensity >= 1),
        weight_sq=grouped(weight**2),
        heaviest=heaviest,
        n=int(kept.sum()),
        unknown=0,
    )
    change = (MEANS[0, 1] - (1 - explores) * MEANS[0, 0] - explores * MEANS[0, 1]) / 2
    change += (MEANS[1, 0] - (1 - explores) * MEANS[1, 0] - explores * MEANS[1, 1]) / 2
    return answers, float(change)
