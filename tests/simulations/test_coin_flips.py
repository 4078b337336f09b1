"""The cost-matched random control: a shadow that is a coin flip itself has no advantage over it."""

from __future__ import annotations

import numpy as np

from shadowroute.analysis.measures.random_control import random_control_of
from tests.support.coin_flips import REQUESTS, advantage, sample
from tests.support.draws import DRAWS, Figure, slack


def test_a_random_mix_has_no_advantage(figure: Figure) -> None:
    """The truth is 0; the interval holds it in 95 of 100 draws, within three binomial standard errors."""
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(DRAWS):
        interval = advantage(random_control_of(sample(rng, "coin"), REQUESTS)).interval
        held += interval.low <= 0 <= interval.high
    figure(f"{held / DRAWS:.1%}")
    assert abs(held / DRAWS - 0.95) <= slack()
