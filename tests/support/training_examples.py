"""Requests of which a third is hard for the cheap model, and says so in its text."""

from __future__ import annotations

import numpy as np

from shadow.domain.request import Message, Request
from shadowroute.analysis.training.examples import Examples

CHEAP, DEAR = "cheap", "dear"
WORDS = ("total", "order", "name", "date", "sum", "list", "city", "price")


def examples(*, n: int = 3_000, seed: int = 1, telling: bool = True) -> Examples:
    """The cheap model gets hard requests right half of the time, the dear one nearly always; easy ones both do.

    Args:
        n: requests, each of its own user.
        seed: of the draw.
        telling: whether the text says which requests are hard; else nothing can be learned.
    """
    rng = np.random.default_rng(seed)
    hard = rng.random(n) < 1 / 3
    words = rng.choice(WORDS, (n, 6))
    says = hard if telling else rng.random(n) < 1 / 3
    requests = tuple(
        Request(
            request_id=f"r{place}",
            time_us=1,
            messages=(Message("user", " ".join(words[place]) + (" prove" if says[place] else " extract")),),
            input_tokens=100,
            task="mixed",
        )
        for place in range(n)
    )
    cheap = (rng.random(n) < np.where(hard, 0.5, 0.95)).astype(float)
    dear = (rng.random(n) < np.where(hard, 0.93, 0.96)).astype(float)
    return Examples(
        requests=requests,
        clusters=tuple(f"u{seed}-{place}" for place in range(n)),
        scores={CHEAP: cheap, DEAR: dear},
        costs={CHEAP: np.full(n, 0.001), DEAR: np.full(n, 0.01)},
        weights={CHEAP: np.ones(n), DEAR: np.ones(n)},
        features="text",
        target="score",
        data="a simulation",
    )
