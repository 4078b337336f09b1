"""Training: what is learned is true on requests that were not seen, and inference computes what was tested."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shadow.config import load_catalogue
from shadow.policies.learned import Learned
from shadow.policies.learned_artifact import read_artifact, scorers_of
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries.reader import Reader
from shadowroute.analysis.selection import Window
from shadowroute.analysis.training.examples import TooFewExamplesError
from shadowroute.analysis.training.fit import fit, log_loss, matrix
from shadowroute.analysis.training.from_outcomes import examples_from_outcomes
from shadowroute.analysis.training.from_store import examples_from_store
from shadowroute.analysis.training.held_out import calibration, chosen, cost_quality
from shadowroute.analysis.training.text import render
from shadowroute.analysis.training.train import artifact_json, train
from shadowroute.collector.price_books import book_prices
from shadowroute.collector.store import Store
from tests.support.decision_rows import DAY, insert
from tests.support.execution_rows import insert_executions
from tests.support.groups import ROOT, need_data
from tests.support.training_examples import CHEAP, DEAR, examples

AT = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
WINDOW = Window(DAY, DAY)


def test_a_policy_that_learned_something_beats_lots_at_the_same_cost() -> None:
    """Two kinds of requests that the text tells apart; only one of them needs the dear model."""
    trained = train(examples(), trained_at=AT)
    assert trained.curve is not None
    assert trained.curve.models == (CHEAP, DEAR)
    assert trained.curve.mean_interval.low > 0
    best = max(trained.curve.points, key=lambda point: point.advantage)
    assert 0.2 < best.shares[1] < 0.5  # a third is hard
    assert best.advantage > 0.05
    for each in trained.calibrations:
        assert each.mean_predicted == pytest.approx(each.mean_observed, abs=0.05)
        assert each.expected_error < 0.05
        assert each.brier <= each.brier_of_mean
    assert "better than a random mix" in render(trained)


def test_a_policy_that_cannot_learn_does_not_beat_lots() -> None:
    """Where the text says nothing, the interval holds 0 in at least 35 of 40 samples (95 % nominal, 3 se below)."""
    holds = 0
    for seed in range(40):
        made = examples(n=900, seed=seed, telling=False)
        rng = np.random.default_rng(1_000 + seed)  # not the stream that the examples were drawn from
        guess = {CHEAP: rng.uniform(0.5, 1, 900), DEAR: np.full(900, 0.95)}
        curve = cost_quality(made, guess, np.arange(900))
        holds += curve.mean_interval.low <= 0 <= curve.mean_interval.high
    assert holds >= 35


def test_inference_in_plain_python_is_what_was_fitted(tmp_path: Path) -> None:
    """The artifact holds 32-bit floats; otherwise both are the same sum."""
    made = examples(n=1_500)
    trained = train(made, trained_at=AT)
    file = tmp_path / "a.json"
    file.write_text(artifact_json(trained.artifact))
    artifact, _ = read_artifact(file)
    learned = Learned(
        scorers_of(artifact, file), features=artifact.features, buckets=artifact.buckets, threshold=artifact.threshold
    )
    train_rows, tune_rows, _ = made.parts()
    x = matrix(made.requests, made)
    for place, model in enumerate(made.models):
        fitted = fit(made, x, model, train_rows, tune_rows).probability(x)
        for row in range(0, 1_500, 97):
            assert learned.predict(made.requests[row])[place] == pytest.approx(fitted[row], abs=1e-6)


def test_a_second_training_gives_the_same_artifact() -> None:
    """Nothing is drawn: parts are decided by a hash of the user."""
    first, second = (artifact_json(train(examples(n=1_500), trained_at=AT).artifact) for _ in range(2))
    assert first == second


def test_a_user_is_in_one_part_only() -> None:
    """Else the test would see the same user's words again."""
    made = examples(n=1_500)
    parts = [{made.clusters[row] for row in part} for part in made.parts()]
    assert sum(map(len, parts)) == 1_500
    assert not (parts[0] & parts[1])
    assert not (parts[0] & parts[2])
    assert not (parts[1] & parts[2])
    assert len(parts[0]) == pytest.approx(900, abs=80)


def test_the_log_loss_by_hand() -> None:
    """-[0.25 log 0.75 + 0.75 log 0.25] for a score of 0.25 at a predicted 0.75."""
    logits, scores = np.array([np.log(3.0)]), np.array([0.25])
    by_hand = -(0.25 * np.log(0.75) + 0.75 * np.log(0.25))
    assert log_loss(logits, scores, np.array([2.0])) == pytest.approx(by_hand)


def test_calibration_by_hand() -> None:
    """Two bins of two answers: errors of 0.1 and 0.3, so 0.2 on average."""
    found = calibration("m", np.array([0.1, 0.1, 0.8, 0.8]), np.array([0.0, 0.4, 0.5, 0.5]), np.ones(4))
    assert [(b.n, b.predicted, b.observed) for b in found.bins] == [(2, pytest.approx(0.1), 0.2), (2, 0.8, 0.5)]
    assert found.expected_error == pytest.approx(0.2)
    assert found.brier == pytest.approx((0.01 + 0.09 + 0.09 + 0.09) / 4)


def test_the_cheapest_model_within_the_threshold_is_chosen() -> None:
    """Of three models, cheapest first."""
    predicted = np.array([[0.8, 0.5, 0.9], [0.84, 0.7, 0.2], [0.86, 0.75, 0.3]])
    assert chosen(predicted, 0.05).tolist() == [1, 1, 0]
    assert chosen(predicted, 1.0).tolist() == [0, 0, 0]
    assert chosen(predicted, 0.0).tolist() == [2, 2, 0]


def test_too_little_to_learn_from_says_how_much_is_needed() -> None:
    """A fit on a handful of answers would be noise."""
    with pytest.raises(TooFewExamplesError, match="at least 100 scored answers in the tuning part"):
        train(examples(n=300), trained_at=AT)


def test_stored_answers_with_a_signal_become_examples(store: Store) -> None:
    """Served answers count for what their propensity says; a run on purpose for the chance of its draw."""
    client = store.client()
    rows: list[dict[str, Any]] = [
        {"request_id": "r1", "propensity": 0.5, "sample_rate": 0.5},
        {"request_id": "r2", "propensity": 1.0, "cluster_key": "u2"},
        {"request_id": "r3", "contamination": ["fallback"], "propensity": None},
        {"request_id": "r4", "outcome_status": "partial", "propensity": None},
    ]
    insert(client, "decisions", rows)
    insert(
        client,
        "signals",
        [{"target": f"r{n}", "name": "resolved", "value": 1.0 if n == 1 else 0.0} for n in range(1, 5)],
    )
    insert_executions(client, [{"request_id": "r1", "policy": "", "model": "small", "inclusion_probability": 0.25}])
    insert(client, "price_books", [{}])
    prices = PriceTable(book_prices(client, "book"))
    made = examples_from_store(Reader(client, "p"), WINDOW, signal="resolved", prices=prices)
    assert made.clusters == ("u1", "u2")
    assert made.scores["big"].tolist() == [1.0, 0.0]
    assert made.weights["big"].tolist() == [4.0, 1.0]
    assert made.weights["small"][0] == 8.0
    assert made.scores["small"][0] == 1.0
    assert np.isnan(made.scores["small"][1])
    assert made.features == "metadata"
    assert made.requests[0].task == "code"
    assert (made.first, made.last) == ("2026-11-16", "2026-11-16")
    assert "1 of 3 answers are of the model that live chose for certain" in made.caveats[0]
    with pytest.raises(TooFewExamplesError, match="has the signal 'thumbs'"):
        examples_from_store(Reader(client, "p"), WINDOW, signal="thumbs", prices=prices)


@pytest.mark.data
def test_real_outcomes_are_learned_from() -> None:
    """GSM8K and CRUX: the curve of docs/reference/policies/learned.md, whatever it says, comes from this run."""
    queries, outcomes = need_data("queries_zeroeval.parquet", "outcomes_zeroeval.parquet")
    made = examples_from_outcomes(
        queries,
        outcomes,
        models=["gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18"],
        catalogue=load_catalogue(ROOT / "examples/backtest/zeroeval/prices.yaml"),
    )
    trained = train(made, trained_at=AT)
    assert trained.sizes == (891, 288, 296)
    assert trained.curve is not None
    assert trained.curve.n == 296
    assert trained.curve.models == ("gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06")
    mini, large = trained.curve.alone
    assert mini[1] == pytest.approx(0.8851, abs=5e-5)
    assert large[1] == pytest.approx(0.9426, abs=5e-5)
    page = (ROOT / "docs/reference/policies/learned.md").read_text()
    low, high = trained.curve.mean_interval.low * 100, trained.curve.mean_interval.high * 100
    assert f"{trained.curve.mean_advantage * 100:+.1f} points ({low:+.1f} to {high:+.1f})" in page
