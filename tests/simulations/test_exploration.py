"""The shadow's value from live's own exploration: how often its interval holds the truth."""

from __future__ import annotations

import numpy as np

from shadowroute.analysis.measures.off_policy import off_policy_of
from shadowroute.analysis.results import Estimate
from tests.support.draws import DRAWS, Figure, slack
from tests.support.exploration import sample


def test_the_interval_holds_the_true_change(figure: Figure) -> None:
    """Very unequal users: 95 % within three binomial standard errors; true propensities are rarely refused."""
    rng = np.random.default_rng(7)
    held, answered = 0, 0
    for _ in range(DRAWS):
        answers, change = sample(rng)
        found = off_policy_of(answers).value_change
        if isinstance(found, Estimate):
            answered += 1
            held += found.interval.low <= change <= found.interval.high
    figure(f"{held / answered:.1%} of the {answered} that were not refused")
    assert answered >= 0.98 * DRAWS
    assert abs(held / answered - 0.95) <= slack(draws=answered)
