"""Latency: quantiles from bins, and what a shadow would make of them, against the same computation on plain values."""

from __future__ import annotations

import numpy as np
import pytest

from shadowroute.analysis.measures.latency import latency_of
from shadowroute.analysis.measures.latency_quantiles import quantiles_of
from shadowroute.analysis.queries.times import ExecutedTimes
from shadowroute.analysis.results import Estimate, Range, Undefined
from shadowroute.analysis.stats.log_bins import DOUBLED, RESOLUTION, Axis, added, bin_of, by_bucket, quantile_s
from tests.support.timed import live, pairs, rows_of

RNG = np.random.default_rng(3)
N = 20_000
BUCKET = RNG.integers(0, 256, N)
BIG = np.exp(RNG.normal(1.0, 0.6, N))
SMALL = np.exp(RNG.normal(0.0, 0.4, N))


def estimate(value: object) -> Estimate:
    assert isinstance(value, Estimate), value
    return value


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.99])
def test_quantiles_from_bins_are_within_the_resolution(share: float) -> None:
    """A quantile of binned times lies within 2 % of the quantile of the times."""
    rows = rows_of(BUCKET, BIG)
    axis = Axis.over(rows)
    binned = float(quantile_s(by_bucket(rows, axis).sum(axis=0), axis, share))
    assert binned == pytest.approx(float(np.quantile(BIG, share)), rel=RESOLUTION)


def test_a_sum_of_two_times() -> None:
    """The distribution of first plus second call is that of sums of independent values."""
    first, second = rows_of(BUCKET, SMALL), rows_of(BUCKET, BIG)
    axis = Axis.over([*first, *second], room=DOUBLED)
    one, two = (by_bucket(rows, axis).sum(axis=0) for rows in (first, second))
    both = one @ added(two, axis)
    assert both.sum() == pytest.approx(N)
    assert float(quantile_s(both, axis, 0.95)) == pytest.approx(
        float(np.quantile(SMALL + RNG.permutation(BIG), 0.95)), rel=0.04
    )


def test_live_quantiles_hold_what_they_are_made_of() -> None:
    """p50 < p95 < p99, each with an interval around it; p99 of few requests is refused."""
    made = quantiles_of(rows_of(BUCKET, BIG), N)
    p50, p95, p99 = (estimate(each) for each in (made.p50_s, made.p95_s, made.p99_s))
    assert p50.value < p95.value < p99.value
    for each in (p50, p95, p99):
        assert each.interval.low < each.value < each.interval.high
        assert each.unit == "s"
    few = quantiles_of(rows_of(BUCKET[:300], BIG[:300]), 300)
    assert isinstance(few.p99_s, Undefined)
    assert "500 needed" in few.p99_s.reason
    assert isinstance(quantiles_of([], 0).p50_s, Undefined)


def test_a_wider_level_gives_a_wider_interval() -> None:
    """`level` reaches the interval."""
    narrow, wide = (quantiles_of(rows_of(BUCKET, BIG), N, level=level).p95_s for level in (0.95, 0.998))
    assert estimate(wide).interval.low < estimate(narrow).interval.low
    assert estimate(wide).interval.level == 0.998


def test_the_shadow_takes_the_times_of_the_model_it_would_call() -> None:
    """Half of the requests move to `small`, the rest keep their own time: the mixture's quantile, within the bins."""
    half = N // 2
    seen = [*live("big", BUCKET, BIG), *live("small", BUCKET, SMALL)]
    moved = [*pairs(BUCKET[:half], BIG[:half], first="small"), *pairs(BUCKET[half:], BIG[half:])]
    made = latency_of(seen, moved)
    truth = np.quantile(np.concatenate((SMALL[:half], BIG[half:])), 0.95) - np.quantile(BIG, 0.95)
    delta = estimate(made.p95_delta_s)
    assert delta.value == pytest.approx(truth, abs=2 * RESOLUTION * np.quantile(BIG, 0.95))
    assert delta.interval.low < truth < delta.interval.high
    assert made.assumptions == ()
    assert made.n == N
    assert list(made.by_model) == ["big", "small"]


def test_the_same_plan_changes_nothing() -> None:
    """An A/A shadow has a change of 0, and an interval for the share that may have gone unseen."""
    made = latency_of(live("big", BUCKET, BIG), pairs(BUCKET, BIG))
    delta = estimate(made.p95_delta_s)
    assert delta.value == 0.0
    assert delta.interval.low < 0.0 < delta.interval.high
    assert "unseen" in delta.method


def test_a_model_that_nobody_timed_is_named() -> None:
    """No time is guessed; the reason names the model and both ways out."""
    made = latency_of(live("big", BUCKET, BIG), pairs(BUCKET, BIG, first="mini"))
    assert isinstance(made.p95_delta_s, Undefined)
    assert "mini" in made.p95_delta_s.reason
    assert "models.yaml" in made.p95_delta_s.next_step


def test_a_prior_is_an_assumption() -> None:
    """An expected time from models.yaml gives the median; the spread is live's, and it is said."""
    made = latency_of(live("big", BUCKET, BIG), pairs(BUCKET, BIG, first="mini"), priors={"mini": 1.1})
    assert made.assumptions == ("mini is assumed to take 1.1 s (models.yaml), spread like live's answers",)
    spread = float(np.quantile(BIG, 0.95) / np.quantile(BIG, 0.5))
    assert estimate(made.shadow_p95_s).value == pytest.approx(1.1 * spread, rel=0.05)


def test_executed_answers_come_before_a_prior() -> None:
    """Executed answers of the model alone give its times; too few of them do not."""

    def ran(n: int) -> list[ExecutedTimes]:
        return [ExecutedTimes(model="mini", is_whole_plan=False, bin=bin_of(2.0), n=n, weight=10.0 * n)]

    seen, moved = live("big", BUCKET, BIG), pairs(BUCKET, BIG, first="mini")
    made = latency_of(seen, moved, ran(30), priors={"mini": 9.0})
    assert estimate(made.shadow_p95_s).value == pytest.approx(2.0, rel=RESOLUTION)
    assert "executed" in made.assumptions[0]
    assert "9 s" in latency_of(seen, moved, ran(29), priors={"mini": 9.0}).assumptions[0]


def test_another_band_stands_in_and_is_said() -> None:
    """A model that live never called on such inputs takes its times from its other requests."""
    seen = [*live("big", BUCKET, BIG), *live("small", BUCKET, SMALL, band="1k-4k")]
    made = latency_of(seen, pairs(BUCKET, BIG, first="small"))
    assert estimate(made.shadow_p95_s).value == pytest.approx(np.quantile(SMALL, 0.95), rel=RESOLUTION)
    assert "lt1k" in made.assumptions[0]


def test_an_escalation_that_nobody_saw_is_a_range() -> None:
    """From never to always: small alone, or small and then big; seen ones are a point."""
    seen = [*live("big", BUCKET, BIG), *live("small", BUCKET, SMALL)]
    unknown = latency_of(seen, pairs(BUCKET, BIG, "small", "big", "unknown")).shadow_p95_s
    assert isinstance(unknown, Range)
    assert unknown.low == pytest.approx(np.quantile(SMALL, 0.95), rel=RESOLUTION)
    twice = float(np.quantile(SMALL + RNG.permutation(BIG), 0.95))
    assert unknown.high == pytest.approx(twice, rel=0.04)
    assert unknown.interval is not None
    certain = estimate(latency_of(seen, pairs(BUCKET, BIG, "small", "big", "yes")).shadow_p95_s)
    assert certain.value == pytest.approx(unknown.high)


def test_few_clusters_are_refused() -> None:
    """Twenty buckets give no interval, so no figure."""
    few = BUCKET % 20
    made = latency_of(live("big", few, BIG), pairs(few, BIG, first="big"))
    assert isinstance(made.p95_delta_s, Undefined)
    assert "clusters" in made.p95_delta_s.reason
