"""How much another model writes: against closed forms, and against answers that both models really gave."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np
import pandas as pd
import pytest

from shadowroute.analysis.cost_cube import CostCube, Dollars, Line
from shadowroute.analysis.measures.change import change_of
from shadowroute.analysis.measures.length import MINIMUM_SAMPLES, SAME_TOKENS, Lengths, at_bound, lengths_of
from shadowroute.analysis.queries.executions import ExecutedAnswer
from shadowroute.analysis.results import Estimate, Undefined
from shadowroute.analysis.selection import Segment
from shadowroute.analysis.stats.length import LengthSums, fit_log_log, total_error
from shadowroute.analysis.summaries import BUCKETS, Buckets, Floats, RatioSums, spread
from tests.support.groups import need_data

SPLITS: Final = 200
REPLAYS: Final = 200
PAIRS: Final = [
    ("gpt-4-1106-preview", "mixtral-8x7b-instruct-v0.1"),
    ("mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"),
]


def answer(number: int, **changed: object) -> ExecutedAnswer:
    """One executed answer of `small` to a request of `big`: 100 tokens became 150."""
    made = ExecutedAnswer(
        request_id=f"r{number}",
        day=dt.date(2026, 11, 16),
        bucket=number % BUCKETS,
        cluster_key=f"u{number}",
        weight=1.0,
        sample="draw",
        inclusion_probability=0.1,
        stratum="",
        live_model="big",
        shadow_model="small",
        escalation_model="",
        served_model="big",
        model="small",
        is_whole_plan=False,
        needs_execution=True,
        status="ok",
        signal="",
        scorer="",
        score=None,
        live_score=None,
        cost_usd=0.001,
        input_tokens=1100,
        output_tokens=150,
        escalated=None,
        seen_escalated=None,
        latency_s=None,
        live_calls=(),
        live_input_tokens=1000,
        live_cache_read_tokens=0,
        live_cache_write_tokens=0,
        live_output_tokens=100,
        live_latency_s=None,
        task="",
        user_tier="",
        complexity_band="",
        input_band="",
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # fields of the test's own choice


def samples(buckets: Buckets, other: Floats, own: Floats) -> LengthSums:
    ratio = RatioSums(numerator=spread(buckets, other), denominator=spread(buckets, own), n=len(own))
    return LengthSums(output=ratio, input=ratio)


def test_unequal_chances_are_weighted_back() -> None:
    """Long answers drawn ten times as often count a tenth each: (1 x 300 + 10 x 100) / (1 x 100 + 10 x 100)."""
    drawn = [
        answer(n, inclusion_probability=1.0, output_tokens=300) if n % 2 else answer(n, output_tokens=100)
        for n in range(200)
    ]
    lengths = lengths_of(drawn)
    (fit,) = lengths.fits
    assert isinstance(fit.output, Estimate)
    assert fit.output.value == pytest.approx(1300 / 1100)
    assert isinstance(fit.input, Estimate)
    assert fit.input.value == pytest.approx(1.1)
    assert fit.output.interval.low < 1300 / 1100 < fit.output.interval.high


def test_copies_failures_and_unknown_tokens_do_not_count() -> None:
    """An answer that was scored twice is one answer; one without tokens is none; live's own model needs no fit."""
    drawn = [answer(n) for n in range(MINIMUM_SAMPLES)]
    noise = [
        answer(0, signal="judge", output_tokens=9_999),
        answer(900, status="error"),
        answer(901, output_tokens=None),
        answer(902, model="big", output_tokens=9_999),
    ]
    assert [fit.n for fit in lengths_of([*drawn, *noise]).fits] == [MINIMUM_SAMPLES]


def test_too_few_samples_take_the_wider_fit() -> None:
    """A thin segment is predicted with the length of all traffic, and says so; without any it stays at same tokens."""
    wide = lengths_of([answer(n) for n in range(100)])
    thin = [answer(n, output_tokens=400) for n in range(10)]
    narrow = lengths_of(thin, scope=Segment("task", "chat"), wider=wide)
    assert [(fit.scope, fit.n) for fit in narrow.fits] == [("all", 100)]
    assert narrow.fitted == wide.fitted
    alone = lengths_of(thin)
    assert isinstance(alone.fits[0].output, Undefined)
    assert "10 executed answers of small in place of big" in alone.fits[0].output.reason
    line = Line("big", "small", "shadow", "primary", "small")
    assert alone.factors(line) == SAME_TOKENS.factors(line)
    assert at_bound(alone, 2.5)(line).output == 2.5
    assert at_bound(wide, 2.5)(line).output == pytest.approx(1.5)


def test_log_log_recovers_its_own_line() -> None:
    """Lognormal residuals around a known line: slopes, and the smearing factor exp(s^2 / 2)."""
    rng = np.random.default_rng(20261124)
    own, asked = rng.lognormal(5, 0.6, 20_000), rng.lognormal(6, 1.0, 20_000)
    other = np.exp(0.4 + 0.7 * np.log(own) + 0.1 * np.log(asked) + rng.normal(0, 0.5, 20_000))
    line = fit_log_log(own, asked, other, np.ones(20_000))
    assert (line.on_output, line.on_input) == (pytest.approx(0.7, abs=0.02), pytest.approx(0.1, abs=0.01))
    assert line.smearing == pytest.approx(math.exp(0.125), rel=0.02)
    assert line.predict(own, asked).sum() == pytest.approx(other.sum(), rel=0.02)
    with pytest.raises(ValueError, match="at least 4"):
        fit_log_log(own[:3], asked[:3], other[:3], np.ones(3))


def test_the_error_of_a_total_is_v_times_its_dollars_squared() -> None:
    """Total var = V_R (sum of X p_out)^2 for one pair; pairs that share buckets add before they are squared."""
    rng = np.random.default_rng(3)
    buckets, own = rng.integers(0, BUCKETS, 300), rng.lognormal(5, 0.5, 300)
    sums = samples(buckets, own * rng.lognormal(0.2, 0.4, 300), own)
    one = total_error(sums.moved(0.0, 1.0), sums.output.denominator).variance
    assert total_error(sums.moved(0.0, 250.0), sums.output.denominator).variance == pytest.approx(250**2 * one)
    assert total_error(sums.moved(3.0, 4.0), sums.output.denominator).variance == pytest.approx(49 * one)


def test_the_error_of_the_fit_is_inside_the_interval() -> None:
    """The same dollars with a fitted length of 1 and spread answers: same value, wider interval, and it says why."""
    rng = np.random.default_rng(4)
    dollars = rng.lognormal(0, 0.3, BUCKETS)
    nothing = np.zeros(BUCKETS)
    cell = Dollars(
        n=2560,
        unpriced_n=0,
        weight=np.full(BUCKETS, 10.0),
        input_usd=nothing,
        cache_usd=nothing,
        cold_usd=nothing,
        output_usd=dollars,
    )
    cheap = replace(cell, output_usd=dollars * rng.uniform(0.2, 0.3, BUCKETS))
    cube = CostCube(
        book="b",
        cells={
            Line("big", "small", "live", "primary", "big"): cell,
            Line("big", "small", "shadow", "primary", "small"): cheap,
        },
    )
    drawn = [
        answer(n, output_tokens=100 + 60 * (n % 3 - 1), live_output_tokens=100, input_tokens=1000) for n in range(201)
    ]
    fitted = lengths_of(drawn)
    same = change_of(cube, SAME_TOKENS, None).relative(lambda: 200.0)
    moved = change_of(cube, fitted, None).relative(lambda: 200.0)
    assert isinstance(same, Estimate)
    assert isinstance(moved, Estimate)
    assert moved.value == pytest.approx(same.value)
    assert moved.interval.high - moved.interval.low > 2 * (same.interval.high - same.interval.low)
    assert "with the error of what was executed" in moved.method
    error = fitted.error(cube.only(lambda line: line.side == "shadow"))
    assert error is not None
    variance = {key: sums.moved(0.0, float(cheap.output_usd.sum())) for key, sums in fitted.fitted.items()}
    assert error.variance == pytest.approx(
        total_error(variance["big", "small"], fitted.fitted["big", "small"].output.denominator).variance
    )
    assert isinstance(fitted, Lengths)


@cache
def gsm8k(live: str, other: str) -> tuple[Floats, Floats, Floats]:
    """Input and output tokens of one model, and output tokens of another, on the same GSM8K prompts."""
    queries, outcomes = need_data("queries_routellm.parquet", "outcomes_routellm.parquet")
    tasks = pd.read_parquet(queries).set_index("query_id")["task"]
    rows = pd.read_parquet(outcomes)
    rows = rows[rows["query_id"].map(tasks) == "gsm8k"]
    wide = rows.pivot_table(index="query_id", columns="model", values=["input_tokens", "output_tokens"])
    kept = wide[[("input_tokens", live), ("output_tokens", live), ("output_tokens", other)]].dropna().to_numpy(float)
    kept = kept[(kept > 0).all(axis=1)]
    return kept[:, 0], kept[:, 1], kept[:, 2]


@pytest.mark.parametrize(("live", "other"), PAIRS)
def test_replays_predict_the_total_of_answers_that_were_really_given(live: str, other: str) -> None:
    """From 200 replays the total is within 7 % in 95 % of 200 splits; same tokens and the mean of ratios are not."""
    asked, own, written = gsm8k(live, other)
    rng = np.random.default_rng(8)
    misses: dict[str, list[float]] = {"ratio": [], "smeared": [], "mean of ratios": [], "covered": []}
    for _ in range(SPLITS):
        drawn = rng.choice(own.size, REPLAYS, replace=False)
        sums = samples(rng.integers(0, BUCKETS, REPLAYS), written[drawn], own[drawn])
        predicted = sums.output.value * own.sum()
        line = fit_log_log(own[drawn], asked[drawn], written[drawn], np.ones(REPLAYS))
        error = total_error(sums.moved(0.0, own.sum()), sums.output.denominator)
        misses["ratio"].append(predicted / written.sum() - 1)
        misses["smeared"].append(line.predict(own, asked).sum() / written.sum() - 1)
        misses["mean of ratios"].append(np.mean(written[drawn] / own[drawn]) * own.sum() / written.sum() - 1)
        misses["covered"].append(abs(predicted - written.sum()) <= error.quantile(0.95) * error.standard_error)
    within = {name: float(np.mean(np.abs(found) <= 0.07)) for name, found in misses.items()}
    assert within["ratio"] >= 0.95
    assert within["smeared"] >= 0.95
    assert within["mean of ratios"] < 0.95
    assert np.mean(misses["mean of ratios"]) > 0.05
    assert abs(np.mean(misses["ratio"])) < 0.01
    assert np.mean(misses["covered"]) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / SPLITS)
    assert abs(own.sum() / written.sum() - 1) > 0.15, "the same tokens miss by more than any split does"
