"""Which segments are harmed: the share of false findings, over segments of unequal size that share their users."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy import special

from shadowroute.analysis.measures.rates import estimate
from shadowroute.analysis.results import Interval
from shadowroute.analysis.stats.multiple import benjamini_hochberg
from shadowroute.analysis.stats.ratio import t_interval
from shadowroute.analysis.stats.sequential import LookPlan
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums
from shadowroute.analysis.verdict.segments import p_of_no_harm
from tests.support.draws import CONTROL_DRAWS, DRAWS, Figure

SEGMENTS, HARMED, USERS = 20, 2, 6_000
SIZES = np.linspace(0.3, 3.0, SEGMENTS)
RATE, HARM = 0.10, 0.05

PLANNED = LookPlan(kind="planned", planned=4)


def draw(rng: np.random.Generator, harm: float, days: int) -> list[list[RatioSums]]:
    """One sample, per segment the sums up to each day: the same users in every segment, with lasting tastes.

    The rate of the last two segments is moved by `harm`. On more than one day users arrive evenly. Counts of a bucket
    are Poisson in its users' intensity, as in tests.support.longitudinal.
    """
    activity = np.minimum((1 - rng.random(USERS)) ** (-1 / 1.1), 30) / days
    concentration = 1 / 0.2 - 1
    taste = rng.beta(RATE * concentration, (1 - RATE) * concentration, USERS)
    cell = rng.integers(0, BUCKETS, USERS) + BUCKETS * rng.integers(0, days, USERS)

    def up_to(weights: Floats) -> Floats:
        new = np.bincount(cell, weights=weights, minlength=days * BUCKETS).reshape(days, BUCKETS)
        return np.cumsum(rng.poisson(np.cumsum(new, axis=0)), axis=0).astype(np.float64)

    drawn = []
    for segment, size in enumerate(SIZES):
        moved = harm if segment >= SEGMENTS - HARMED else 0.0
        odds = taste * (1 + moved / RATE) if moved < 0 else taste + moved * (1 - taste)
        bad, good = up_to(activity * size * odds), up_to(activity * size * (1 - odds))
        drawn.append(
            [
                RatioSums(numerator=differs, denominator=differs + same, n=int((differs + same).sum()))
                for differs, same in zip(bad, good, strict=True)
            ]
        )
    return drawn


@cache
def samples(harm: float, draws: int = DRAWS) -> list[list[RatioSums]]:
    """One set of samples serves the ways of testing that are compared on it."""
    rng = np.random.default_rng(41)
    return [[days[-1] for days in draw(rng, harm, 1)] for _ in range(draws)]


def more(sums: RatioSums, level: float = 0.95) -> float:
    """The product's p of "no harm" where more is a harm: from the interval of the rate less what is allowed."""
    interval = t_interval(sums, level=level)
    harm = RatioSums(numerator=sums.numerator - RATE * sums.denominator, denominator=sums.denominator, n=sums.n)
    moved = Interval(interval.low - RATE, interval.high - RATE, level)
    p = p_of_no_harm(estimate(harm, moved, unit="share", method="simulated"))
    assert p is not None
    return p


def less(sums: RatioSums) -> float:
    """The same where less is a harm."""
    mirrored = 2 * RATE * sums.denominator - sums.numerator
    return more(RatioSums(numerator=mirrored, denominator=sums.denominator, n=sums.n))


def by_requests(sums: RatioSums) -> float:
    """Control: requests taken for independent."""
    return float(special.ndtr((RATE - sums.value) / math.sqrt(RATE * (1 - RATE) / sums.total)))


def false_share(
    test: Callable[[RatioSums], float],
    adjust: Callable[[list[float]], Floats],
    harm: float = HARM,
    draws: int = DRAWS,
) -> tuple[Floats, float]:
    """False findings over findings, one per sample, and the share of the harmed segments that is found."""
    shares, found = [], 0
    for segments in samples(harm, draws):
        findings = adjust([test(sums) for sums in segments]) <= 0.05
        wrong = int(findings[: SEGMENTS - HARMED].sum())
        found += int(findings[SEGMENTS - HARMED :].sum())
        shares.append(wrong / max(int(findings.sum()), 1))
    return np.array(shares), found / draws / HARMED


@pytest.mark.parametrize(
    ("test", "harm"),
    [pytest.param(more, HARM, id="5 points more"), pytest.param(less, -HARM, id="5 points less")],
)
def test_few_findings_are_false(test: Callable[[RatioSums], float], harm: float, figure: Figure) -> None:
    """Benjamini-Hochberg at 5 % over bucket tests: at most 5 % of the harmed segments listed are false, on average."""
    shares, found = false_share(test, benjamini_hochberg, harm)
    figure(f"false findings {shares.mean():.1%}, found {found:.0%} of the harmed")
    assert shares.mean() <= 0.05 + 3 * shares.std() / math.sqrt(DRAWS)
    assert found > 0.9


def test_few_findings_are_false_over_looks(figure: Figure) -> None:
    """Four planned looks while users arrive, q = 1 - level of the look: of all segments ever listed 5 % are false.

    Control: p of 5 % at every look lists far more.
    """
    rng = np.random.default_rng(42)
    shares = np.zeros((2, DRAWS))
    for sample in range(DRAWS):
        segments = draw(rng, HARM, 4)
        listed = np.zeros((2, SEGMENTS), dtype=bool)
        for look in range(1, 5):
            level = PLANNED.level(look)
            listed[0] |= benjamini_hochberg([more(days[look - 1], level) for days in segments]) <= 1 - level
            listed[1] |= np.array([more(days[look - 1]) for days in segments]) <= 0.05
        shares[:, sample] = listed[:, : SEGMENTS - HARMED].sum(axis=1) / np.maximum(listed.sum(axis=1), 1)
    corrected, plain = shares.mean(axis=1)
    figure(f"false findings {corrected:.1%}, uncorrected {plain:.1%}")
    errors = 3 * shares.std(axis=1) / math.sqrt(DRAWS)
    assert corrected <= 0.05 + errors[0]
    assert plain > 0.05 + errors[1]


@pytest.mark.parametrize(
    ("test", "adjust"),
    [
        pytest.param(more, np.asarray, id="without correction"),
        pytest.param(by_requests, benjamini_hochberg, id="requests taken alone"),
    ],
)
def test_the_usual_ways_fail(
    test: Callable[[RatioSums], float], adjust: Callable[[list[float]], Floats], figure: Figure
) -> None:
    """Control: uncorrected p-values, or corrected ones of independent requests, list false harms."""
    shares, found = false_share(test, adjust, draws=CONTROL_DRAWS)
    figure(f"false findings {shares.mean():.1%}, found {found:.0%} of the harmed")
    assert shares.mean() > 0.05 + 3 * shares.std() / math.sqrt(CONTROL_DRAWS)
