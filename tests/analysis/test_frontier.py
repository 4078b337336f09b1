"""Frontier and savings of samples whose answer can be computed apart from the code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from shadowroute.analysis.measures.frontier import frontier_of
from shadowroute.analysis.measures.savings import savings_of
from shadowroute.analysis.queries.model_answers import Trials
from shadowroute.analysis.results import Estimate, Measured, Undefined
from tests.support.groups import need_data

BOTH, STRONG_ONLY, WEAK_ONLY, NEITHER = 747, 383, 95, 94


def estimate(value: Measured) -> Estimate:
    assert isinstance(value, Estimate), value
    return value


def of(weak: np.ndarray, strong: np.ndarray, picks_strong: np.ndarray, confidence: np.ndarray) -> Trials:
    """Live is the strong model; every request was run by both. The weak answer costs 1, the strong one 10."""
    n = weak.size
    return Trials(
        sample="s",
        bucket=np.arange(n) % 256,
        stands_for=np.ones(n),
        chance=np.ones(n),
        live_score=strong,
        live_usd=np.full(n, 10.0),
        score={"weak": weak, "strong": strong},
        usd={"weak": np.ones(n), "strong": np.full(n, 10.0)},
        live_model=("strong",) * n,
        shadow_model=tuple("strong" if each else "weak" for each in picks_strong),
        cascades=np.zeros(n),
        confidence=confidence,
    )


def gsm8k() -> tuple[np.ndarray, np.ndarray]:
    kinds = [(1, 1)] * BOTH + [(0, 1)] * STRONG_ONLY + [(1, 0)] * WEAK_ONLY + [(0, 0)] * NEITHER
    shuffled = np.random.default_rng(2).permutation(np.array(kinds, dtype=float))
    return shuffled[:, 0], shuffled[:, 1]


def test_an_oracle_with_a_confidence_has_the_published_figures() -> None:
    """A shadow that knows the scores: the published oracle of GSM8K, each figure inside its own interval."""
    weak, strong = gsm8k()
    gain = strong - weak
    made = frontier_of(of(weak, strong, gain > 0, np.where(gain == 0, 0.5, 1.0)), 1319)
    assert (made.weak, made.strong) == ("weak", "strong")
    assert estimate(made.call_share_50).value == pytest.approx(0.109174, abs=5e-7)
    assert estimate(made.call_share_80).value == pytest.approx(0.174678, abs=5e-7)
    assert estimate(made.average_gap_recovered).value == pytest.approx(1.124905, abs=5e-7)
    assert estimate(made.oracle_share).value == pytest.approx(1.0)
    points = {point.name: (estimate(point.cost_usd).value, estimate(point.quality).value) for point in made.points}
    assert points["live"] == points["strong"] == (10.0, pytest.approx(0.856710, abs=5e-7))
    assert points["weak"] == (1.0, pytest.approx(0.638362, abs=5e-7))
    assert points["shadow"][1] == pytest.approx(0.928734, abs=5e-7)
    assert estimate(made.gap_recovered).value == pytest.approx((0.928734 - 0.638362) / (0.856710 - 0.638362), abs=1e-4)
    assert estimate(made.aiq).value == pytest.approx((0.638362 + 0.856710) / 2, abs=1e-6)
    for value in (made.call_share_50, made.average_gap_recovered, made.gap_recovered, made.aiq):
        each = estimate(value)
        assert each.interval.low < each.value < each.interval.high


def test_savings_of_the_oracle_are_all_of_them() -> None:
    """The oracle makes the whole saving, and above 80 % the warning is printed; live alone makes none."""
    weak, strong = gsm8k()
    # The oracle pays the dearest model where no answer is good, so it keeps strong there too.
    oracle = savings_of(of(weak, strong, weak < 0.5, np.ones(weak.size)), 1319)
    assert estimate(oracle.share).value == pytest.approx(1.0)
    assert oracle.band == "above"
    assert "bar" in oracle.warning
    none = savings_of(of(weak, strong, np.ones(weak.size, dtype=bool), np.ones(weak.size)), 1319)
    assert estimate(none.share).value == pytest.approx(0.0)
    assert (none.band, none.warning) == ("below", "")
    by_hand = 9 * (BOTH + WEAK_ONLY)
    half = np.flatnonzero(weak > 0.5)[: (BOTH + WEAK_ONLY) // 2]
    keeps = np.ones(weak.size, dtype=bool)
    keeps[half] = False
    made = savings_of(of(weak, strong, keeps, np.ones(weak.size)), 1319)
    assert estimate(made.share).value == pytest.approx(9 * half.size / by_hand)


def test_what_is_undefined_is_said() -> None:
    """No sample, no confidence, one model, a cascade: a reason, never a number."""
    weak, strong = gsm8k()
    drawn = of(weak, strong, weak < 0.5, np.full(weak.size, np.nan))
    assert isinstance(frontier_of(None, 10).aiq, Undefined)
    silent = frontier_of(drawn, 1319)
    assert isinstance(silent.average_gap_recovered, Undefined)
    assert "confidence" in silent.average_gap_recovered.reason
    assert isinstance(silent.gap_recovered, Estimate)
    one = replace(drawn, score={"strong": strong}, usd={"strong": drawn.usd["strong"]}, shadow_model=drawn.live_model)
    alone = frontier_of(one, 1319)
    assert isinstance(alone.gap_recovered, Undefined)
    assert "the cheapest and the best" in alone.gap_recovered.reason
    assert isinstance(alone.aiq, Undefined)
    assert isinstance(savings_of(one, 1319).share, Undefined)
    elsewhere = frontier_of(drawn, 9_999)
    assert isinstance(elsewhere.gap_recovered, Undefined)
    assert "stands for 1,319 of 9,999" in elsewhere.gap_recovered.reason
    cascade = frontier_of(replace(drawn, cascades=np.ones(weak.size)), 1319)
    assert isinstance(cascade.gap_recovered, Undefined)


def test_the_oracle_of_the_shared_answers() -> None:
    """The rows of RouteLLM's GSM8K that are shared, against a plain count of the four kinds of answers."""
    (outcomes,) = need_data("outcomes_routellm.parquet")
    rows = pq.read_table(outcomes, columns=["query_id", "task", "model", "score"]).to_pylist()
    answers: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["task"] == "gsm8k":
            answers.setdefault(row["query_id"], {})[row["model"]] = row["score"]
    strong = np.array([each["gpt-4-1106-preview"] for each in answers.values()])
    weak = np.array([each["mixtral-8x7b-instruct-v0.1"] for each in answers.values()])
    n = len(answers)
    only_strong, only_weak = int(((strong == 1) & (weak == 0)).sum()), int(((strong == 0) & (weak == 1)).sum())
    gap = only_strong - only_weak
    drawn = of(weak, strong, strong > weak, np.where(strong == weak, 0.5, 1.0))
    made = frontier_of(drawn, n)
    flat = n - only_strong - only_weak
    area = only_strong**2 / 2 + only_strong * flat + only_weak * (only_strong + gap) / 2
    assert estimate(made.call_share_50).value == pytest.approx(gap / 2 / n)
    assert estimate(made.average_gap_recovered).value == pytest.approx(area / n / gap)
