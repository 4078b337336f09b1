"""A random live policy differs from itself: the excess over the A/A shadow covers 0 while raw divergence is 30 %."""

from __future__ import annotations

import numpy as np

from shadowroute.analysis.stats.difference import difference_interval
from shadowroute.analysis.stats.proportion import share_interval
from shadowroute.analysis.summaries import BUCKETS, RatioSums
from tests.support.draws import DRAWS, Figure, slack


def draw(rng: np.random.Generator, *, moved: float = 0.0, users: int = 3_000) -> tuple[RatioSums, RatioSums]:
    """Divergence of a shadow from live, and of an A/A shadow from live, on the same requests.

    All three choose the large model with the user's own probability p, Beta(0.75, 0.75), so that two of them differ on
    30 % of requests. A share `moved` of the shadow's agreements is turned into differences.
    """
    activity = np.minimum((1 - rng.random(users)) ** (-1 / 1.1), 30)
    p = rng.beta(0.75, 0.75, users)
    bucket = rng.integers(0, BUCKETS, users)

    def count(share: np.ndarray) -> np.ndarray:
        return rng.poisson(np.bincount(bucket, weights=activity * share, minlength=BUCKETS)).astype(np.float64)

    # Live differs from both with p (1-p), from each alone with p (1-p), from none otherwise.
    both, shadow_only, floor_only = (count(p * (1 - p)) for _ in range(3))
    neither = count(1 - 3 * p * (1 - p))
    new_both, new_alone = rng.binomial(floor_only.astype(int), moved), rng.binomial(neither.astype(int), moved)
    total = both + shadow_only + floor_only + neither
    n = int(total.sum())
    raw = RatioSums(numerator=both + shadow_only + new_both + new_alone, denominator=total, n=n)
    return raw, RatioSums(numerator=both + floor_only, denominator=total, n=n)


def test_the_excess_of_an_identical_policy_covers_zero(figure: Figure) -> None:
    """Two copies of one random policy: 95 % of excess intervals hold 0, and no raw interval comes near it."""
    rng = np.random.default_rng(51)
    pairs = [draw(rng) for _ in range(DRAWS)]
    excess = [difference_interval(raw, floor) for raw, floor in pairs]
    held = float(np.mean([i.low <= 0 <= i.high for i in excess]))
    shown = float(np.mean([raw.value for raw, _ in pairs]))
    lowest = min(share_interval(raw, clusters=raw.effective_clusters).low for raw, _ in pairs)
    half = float(np.mean([(i.high - i.low) / 2 for i in excess]))
    figure(
        f"covers 0 in {held:.1%}, half-width {half * 100:.2f} points; raw {shown:.1%}, its lowest bound {lowest:.1%}"
    )
    assert abs(held - 0.95) <= slack()
    assert abs(shown - 0.30) < 0.01
    assert lowest > 0.2


def test_a_policy_that_differs_is_seen_above_the_noise(figure: Figure) -> None:
    """Control: 5 % of the agreements moved is 3.5 points more than noise; the interval excludes 0 and holds that."""
    rng = np.random.default_rng(52)
    intervals = [difference_interval(*draw(rng, moved=0.05)) for _ in range(DRAWS)]
    excluded = float(np.mean([i.low > 0 for i in intervals]))
    held = float(np.mean([i.low <= 0.035 <= i.high for i in intervals]))
    figure(f"above 0 in {excluded:.1%}, holds 3.5 points in {held:.1%}")
    assert excluded > 0.95
    assert abs(held - 0.95) <= slack()
