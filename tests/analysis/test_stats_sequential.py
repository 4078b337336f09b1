"""Boundaries and levels of repeated looks against published and independently computed values."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from shadowroute.analysis.results import Interval
from shadowroute.analysis.stats.hall import hall_ratio_interval
from shadowroute.analysis.stats.proportion import share_interval
from shadowroute.analysis.stats.ratio import t_interval
from shadowroute.analysis.stats.sequential import LookPlan, Spending, open_boundary, planned_boundaries, spent
from shadowroute.analysis.summaries import BUCKETS, RatioSums

# Method 8, from ldbounds: two-sided .05, equally spaced looks.
OBRIEN_FLEMING_5 = (4.8769, 3.3570, 2.6803, 2.2898, 2.0310)
OBRIEN_FLEMING_7 = (5.8153, 4.0333, 3.2351, 2.7672, 2.4554, 2.2294, 2.0562)
POCOCK_5 = (2.4380, 2.4268, 2.4102, 2.3966, 2.3859)


@pytest.mark.parametrize("published", [OBRIEN_FLEMING_5, OBRIEN_FLEMING_7], ids=["5 looks", "7 looks"])
def test_obrien_fleming_boundaries_are_published(published: tuple[float, ...]) -> None:
    """Golden values of Lan-DeMets spending, all looks, to the four places given."""
    assert planned_boundaries(len(published)) == pytest.approx(published, abs=5.1e-5)


def test_pocock_boundaries_are_published() -> None:
    """The same for spending that is even over the looks; the last one, 2.38598, is printed cut and not rounded."""
    assert planned_boundaries(5, 0.05, "pocock") == pytest.approx(POCOCK_5, abs=1e-4)


def test_the_last_of_fourteen_looks_is_seven_percent_wider() -> None:
    """Method 1e: 2.1026 in place of 1.96."""
    assert planned_boundaries(14)[-1] == pytest.approx(2.1026, abs=5e-5)


def test_one_look_is_the_usual_interval() -> None:
    """Identity: one planned look has the confidence as its level."""
    assert LookPlan(kind="planned", planned=1, confidence=0.9).level(1) == pytest.approx(0.9, abs=1e-12)


@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock"])
def test_boundaries_spend_what_they_may(spending: Spending) -> None:
    """Independent computation: two looks by the bivariate normal distribution, to nine places."""
    first, second = planned_boundaries(2, 0.05, spending)
    assert stats.norm.sf(first) == pytest.approx(spent(0.5, 0.05, spending), abs=1e-10)
    both = stats.multivariate_normal(cov=[[1, math.sqrt(0.5)], [math.sqrt(0.5), 1]])
    inside = both.cdf([first, second], lower_limit=[-first, -second])
    assert 1 - inside == pytest.approx(0.05, abs=1e-6)


def test_random_walks_cross_as_often_as_planned() -> None:
    """200,000 walks of 14 steps: 5 % cross at some look, while 1.96 at every look is crossed by 22 % (method 1e)."""
    walks = np.cumsum(np.random.default_rng(5).normal(size=(200_000, 14)), axis=1) / np.sqrt(np.arange(1, 15))
    error = math.sqrt(0.05 * 0.95 / len(walks))
    assert (np.abs(walks) > planned_boundaries(14)).any(axis=1).mean() == pytest.approx(0.05, abs=3 * error)
    assert (np.abs(walks) > 1.959964).any(axis=1).mean() == pytest.approx(0.22, abs=0.01)


def test_open_boundary_is_the_sequence_over_buckets() -> None:
    """Golden value of method 1d, and its formula at rho^2 = 7.93/G for any number of buckets G."""
    assert open_boundary(0.05) == pytest.approx(3.035, abs=5e-4)
    for g in (64, 256):
        rho2 = 7.93 / g
        half = math.sqrt(g) * math.sqrt(2 * (g * rho2 + 1) / (g**2 * rho2) * math.log(math.sqrt(g * rho2 + 1) / 0.05))
        assert open_boundary(0.05) == pytest.approx(half, rel=1e-5)


@pytest.mark.parametrize("looks", [2, 7, 14, 28, 90, 365])
def test_levels_fall_towards_the_end(looks: int) -> None:
    """Early looks are wide and finite; none is narrower than a single look; the last is the narrowest."""
    plan = LookPlan(kind="planned", planned=looks)
    levels = [plan.level(look) for look in range(1, looks + 1)]
    assert all(0.95 < level < 1 for level in levels)
    assert levels == sorted(levels, reverse=True)


def test_open_monitoring_has_one_level() -> None:
    """The same at every look, and wider than the last planned look."""
    plan = LookPlan(kind="open", confidence=0.95)
    assert plan.level(1) == plan.level(20) == plan.level(1000) == pytest.approx(0.9976, abs=5e-5)
    assert plan.level(14) > LookPlan(kind="planned", planned=14).level(14)


def test_extreme_levels_give_finite_wider_intervals() -> None:
    """At the first look of 14 every interval is finite, inside its bounds, and holds those of later looks."""
    rng = np.random.default_rng(6)
    size = rng.uniform(1, 9, BUCKETS)
    shares = RatioSums(numerator=size * rng.beta(1, 9, BUCKETS), denominator=size, n=2_000)
    dollars = RatioSums(numerator=-size * rng.lognormal(0, 1, BUCKETS), denominator=size, n=2_000)
    nothing = RatioSums(numerator=np.zeros(BUCKETS), denominator=size, n=2_000)
    plan = LookPlan(kind="planned", planned=14)
    ways: list[tuple[Callable[[RatioSums, float], Interval], RatioSums]] = [
        (lambda s, at: share_interval(s, clusters=200, level=at), shares),
        (lambda s, at: share_interval(s, clusters=200, level=at), nothing),
        (lambda s, at: t_interval(s, level=at), dollars),
        (lambda s, at: hall_ratio_interval(s, level=at), dollars),
    ]
    for make, sums in ways:
        looks = [make(sums, plan.level(look)) for look in range(1, 15)]
        assert all(math.isfinite(i.low) and math.isfinite(i.high) and i.low <= sums.value <= i.high for i in looks)
        for earlier, later in pairwise(looks):
            assert earlier.low <= later.low
            assert earlier.high >= later.high
        assert looks[0].high > looks[-1].high


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"kind": "planned"}, "planned looks must be 1 to"),
        ({"kind": "planned", "planned": 0}, "planned looks must be 1 to"),
        ({"kind": "open", "planned": 14}, "open monitoring has no planned looks"),
        ({"kind": "open", "confidence": 95}, "confidence must lie in"),
    ],
)
def test_impossible_plans_are_refused(plan: dict[str, object], message: str) -> None:
    """What does not fit is an error with the next step."""
    with pytest.raises(ValueError, match=message):
        LookPlan(**plan)  # type: ignore[arg-type]


@pytest.mark.parametrize("look", [0, 15])
def test_there_is_no_look_outside_the_plan(look: int) -> None:
    """After the planned end nothing is left to spend."""
    with pytest.raises(ValueError, match="look must be 1 to 14"):
        LookPlan(kind="planned", planned=14).level(look)
