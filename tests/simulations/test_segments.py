"""Which segments are harmed: the share of false findings, over segments of unequal size that share their users."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from analysis.stats.multiple import benjamini_hochberg, p_above
from analysis.summaries import BUCKETS, Floats, RatioSums
from tests.support.draws import DRAWS, Figure

SEGMENTS, HARMED, USERS = 20, 2, 6_000
SIZES = np.linspace(0.3, 3.0, SEGMENTS)
RATE, HARM = 0.10, 0.05


def draw(rng: np.random.Generator, harm: float) -> list[RatioSums]:
    """One sample: the same users in every segment, with lasting tastes; the rate of the last two segments is moved.

    Counts of a bucket are Poisson in its users' intensity, as in tests.support.longitudinal.
    """
    activity = np.minimum((1 - rng.random(USERS)) ** (-1 / 1.1), 30)
    concentration = 1 / 0.2 - 1
    taste = rng.beta(RATE * concentration, (1 - RATE) * concentration, USERS)
    bucket = rng.integers(0, BUCKETS, USERS)
    drawn = []
    for segment, size in enumerate(SIZES):
        moved = harm if segment >= SEGMENTS - HARMED else 0.0
        odds = taste * (1 + moved / RATE) if moved < 0 else taste + moved * (1 - taste)
        bad = np.bincount(bucket, weights=activity * size * odds, minlength=BUCKETS)
        good = np.bincount(bucket, weights=activity * size * (1 - odds), minlength=BUCKETS)
        differs, same = rng.poisson(bad).astype(np.float64), rng.poisson(good).astype(np.float64)
        drawn.append(RatioSums(numerator=differs, denominator=differs + same, n=int((differs + same).sum())))
    return drawn


def by_buckets(sums: RatioSums) -> float:
    return p_above(sums, RATE)


def by_buckets_below(sums: RatioSums) -> float:
    """The other side: small where the rate is shown to lie below."""
    return p_above(RatioSums(numerator=-sums.numerator, denominator=sums.denominator, n=sums.n), -RATE)


def by_requests(sums: RatioSums) -> float:
    """Control: requests taken for independent."""
    return float(special.ndtr((RATE - sums.value) / math.sqrt(RATE * (1 - RATE) / sums.total)))


def false_share(
    test: Callable[[RatioSums], float], adjust: Callable[[list[float]], Floats], harm: float = HARM
) -> tuple[Floats, float]:
    """False findings over findings, one per sample, and the share of the harmed segments that is found."""
    rng = np.random.default_rng(41)
    shares, found = [], 0
    for _ in range(DRAWS):
        findings = adjust([test(sums) for sums in draw(rng, harm)]) <= 0.05
        wrong = int(findings[: SEGMENTS - HARMED].sum())
        found += int(findings[SEGMENTS - HARMED :].sum())
        shares.append(wrong / max(int(findings.sum()), 1))
    return np.array(shares), found / DRAWS / HARMED


@pytest.mark.parametrize(
    ("test", "harm"),
    [pytest.param(by_buckets, HARM, id="5 points more"), pytest.param(by_buckets_below, -HARM, id="5 points less")],
)
def test_few_findings_are_false(test: Callable[[RatioSums], float], harm: float, figure: Figure) -> None:
    """Benjamini-Hochberg at 5 % over bucket tests: at most 5 % of the harmed segments listed are false, on average."""
    shares, found = false_share(test, benjamini_hochberg, harm)
    figure(f"false findings {shares.mean():.1%}, found {found:.0%} of the harmed")
    assert shares.mean() <= 0.05 + 3 * shares.std() / math.sqrt(DRAWS)
    assert found > 0.9


@pytest.mark.parametrize(
    ("test", "adjust"),
    [
        pytest.param(by_buckets, np.asarray, id="without correction"),
        pytest.param(by_requests, benjamini_hochberg, id="requests taken alone"),
    ],
)
def test_the_usual_ways_fail(
    test: Callable[[RatioSums], float], adjust: Callable[[list[float]], Floats], figure: Figure
) -> None:
    """Control: uncorrected p-values, or corrected ones of independent requests, list false harms."""
    shares, found = false_share(test, adjust)
    figure(f"false findings {shares.mean():.1%}, found {found:.0%} of the harmed")
    assert shares.mean() > 0.05 + 3 * shares.std() / math.sqrt(DRAWS)
