"""Scores of answers that were run for a draw: how often the interval of the quality change holds the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shadowroute.analysis.results import Estimate, Undefined
from shadowroute.analysis.summaries import BUCKETS, spread
from tests.support.draws import DRAWS, Figure, slack
from tests.support.executed_answers import N, answer, frame, measure


@pytest.mark.parametrize(
    ("loss", "gain", "share"), [(0.2, 0.1, 0.25), (0.05, 0.02, 0.25), (0.3, 0.1, 0.06)], ids=["many", "few", "small"]
)
def test_intervals_hold_the_truth_of_new_requests_and_new_draws(
    loss: float, gain: float, share: float, figure: Figure
) -> None:
    """Requests and draw are both random: the true change lies inside in at least 95 % - 3 se of the samples.

    One-sided: with few answers that differ the interval is wider than it would have to be (docs/statistics.md). A
    sample that happens to be so small that its weights do not add up to the requests is refused, and no figure.
    """
    rng = np.random.default_rng(5)
    held = []
    for _ in range(DRAWS):
        diverges = rng.random(N) < 0.5
        luck = rng.random(N)
        taken = np.flatnonzero((rng.random(N) < share) & diverges)
        answers = [
            answer(
                int(number),
                inclusion_probability=share,
                needs_execution=True,
                score=0.0 if luck[number] < loss else 1.0,
                live_score=0.0 if luck[number] > 1 - gain else 1.0,
            )
            for number in taken
        ]
        buckets = np.arange(N) % BUCKETS
        found = measure(answers, frame=replace(frame(), needed=spread(buckets, diverges))).quality_change
        if isinstance(found, Undefined) and "the sample stands for" in found.reason:
            continue
        assert isinstance(found, Estimate)
        held.append(found.interval.low <= 0.5 * (gain - loss) <= found.interval.high)
    figure(f"{np.mean(held):.1%} of {len(held)} that were not refused")
    assert len(held) >= 0.99 * DRAWS
    assert np.mean(held) >= 0.95 - slack()
