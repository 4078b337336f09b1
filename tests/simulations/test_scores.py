"""The ordinal effect between two groups of scored requests whose users are in both and keep their ways."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from shadowroute.analysis.stats.ordinal import brunner_munzel
from shadowroute.analysis.summaries import BUCKETS, Floats
from tests.support.draws import DRAWS, Figure, slack

EDGES = np.linspace(0, 1, 21)


def intensities(rng: np.random.Generator, users: int) -> tuple[Floats, Floats]:
    """Requests expected per user and bin (0 to 20) in either group: the second scores lower, by 0.05 on average."""
    activity = np.minimum((1 - rng.random(users)) ** (-1 / 1.1), 30)
    habit = rng.normal(0.7, 0.15, users)
    # How the groups differ is a user's own too: else their requests would be alike only in what cancels.
    gaps = rng.normal(-0.05, 0.15, users)
    groups = []
    for share, middle in ((0.6, habit), (0.4, habit + gaps)):
        below = special.ndtr((EDGES[None, :] - middle[:, None]) / 0.2)
        bins = np.diff(np.column_stack([below, np.ones(users)]), axis=1)
        bins[:, 0] += below[:, 0]
        groups.append(activity[:, None] * share * bins)
    return groups[0], groups[1]


def effect(x: Floats, y: Floats) -> float:
    """By definition, over all pairs of bins."""
    x, y = x / x.sum(), y / y.sum()
    return float(sum(x[i] * y[j] * (1.0 if i < j else 0.5) for i in range(x.size) for j in range(i, y.size)))


def test_ordinal_intervals_hold_the_truth(figure: Figure) -> None:
    """3,000 users: 95 % of jackknife intervals hold the effect; scipy's test of independent rows misses too often."""
    rng = np.random.default_rng(61)
    big = intensities(rng, 400_000)
    truth = effect(big[0].sum(axis=0), big[1].sum(axis=0))
    held, naive = [], []
    for _ in range(DRAWS):
        x, y = intensities(rng, 3_000)
        bucket = rng.integers(0, BUCKETS, 3_000)
        sums = []
        for group in (x, y):
            expected = np.zeros((BUCKETS, group.shape[1]))
            np.add.at(expected, bucket, group)
            sums.append(rng.poisson(expected).astype(np.float64))
        found = brunner_munzel(sums[0], sums[1])
        held.append(found.interval.low <= truth <= found.interval.high)
        rows = [np.repeat(np.arange(21), group.sum(axis=0).astype(int)) for group in sums]
        test = stats.brunnermunzel(rows[0], rows[1])
        error = abs((found.value - 0.5) / test.statistic)
        naive.append(abs(found.value - truth) <= 1.96 * error)
    figure(f"holds {truth:.3f} in {np.mean(held):.1%}, requests taken alone in {np.mean(naive):.1%}")
    assert abs(np.mean(held) - 0.95) <= slack()
    assert np.mean(naive) < 0.95 - slack()
