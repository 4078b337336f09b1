"""Off-policy estimators against published figures, full enumeration, and a plain loop."""

from __future__ import annotations

import csv
import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest

from shadowroute.analysis.stats.off_policy import FOLDS, GroupedSums
from shadowroute.analysis.summaries import BUCKETS, Floats, effective_number
from tests.support.off_policy_rows import direct, doubly_robust, ips, snips

OBD = Path(__file__).parents[1] / "data" / "obd"
ON_POLICY = 42 / 10_000
"""Clicks of the evaluated policy's own sample, campaign all; see tests/data/obd/README.md."""


def bandit(campaign: str) -> tuple[Floats, Floats]:
    """Weights of Thompson sampling on the random policy's decisions, and clicks.

    The action distribution is simulated as the package does it: 100,000 draws per position with RandomState(12345).
    """
    with gzip.open(OBD / f"random_{campaign}.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    with (OBD / "prior.csv").open() as file:
        prior = [(float(r["alpha"]), float(r["beta"])) for r in csv.DictReader(file) if r["campaign"] == campaign]
    alpha, beta = np.array(prior).T
    rng, draws, parts = np.random.RandomState(12345), 100_000, 20
    count = np.zeros((len(prior), 3))
    for _ in range(parts):
        best = np.argsort(rng.beta(alpha, beta, size=(draws // parts, len(prior))), axis=1)[:, ::-1]
        for place in range(3):
            count[:, place] += np.bincount(best[:, place], minlength=len(prior))
    item = np.array([int(row["item"]) for row in rows])
    position = np.array([int(row["position"]) - 1 for row in rows])
    propensity = np.array([float(row["propensity"]) for row in rows])
    return count[item, position] / draws / propensity, np.array([float(row["click"]) for row in rows])


def test_open_bandit_all() -> None:
    """The package's quickstart: IPW .004553, 1.198126 of the random policy's clicks, relative error .084019."""
    weights, clicks = bandit("all")
    value = ips(weights, clicks)
    assert value == pytest.approx(0.004553, abs=5e-7)
    assert value / clicks.mean() == pytest.approx(1.198126, abs=5e-7)
    assert abs(value - ON_POLICY) / ON_POLICY == pytest.approx(0.084019, abs=5e-7)
    rng = np.random.RandomState(12345)
    drawn = [rng.choice(weights * clicks, size=clicks.size).mean() for _ in range(10_000)]
    assert np.percentile(drawn, [2.5, 97.5]) == pytest.approx([0.001531, 0.009254], abs=5e-7)


def test_open_bandit_men() -> None:
    """Our own golden values of another campaign: IPW, self-normalised, effective size."""
    weights, clicks = bandit("men")
    value, interval = snips(weights, clicks)
    assert ips(weights, clicks) == pytest.approx(0.004534, abs=5e-7)
    assert value == pytest.approx(0.004604, abs=5e-7)
    assert effective_number(weights) == pytest.approx(2467, abs=0.5)
    assert interval.low < ips(weights, clicks) < interval.high


CONTEXTS = np.array([0.5, 0.3, 0.2])
LOGGING = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
EVALUATED = np.array([[0.1, 0.2, 0.7], [0.9, 0.1, 0.0], [0.3, 0.3, 0.4]])
MEANS = np.array([[0.2, 0.5, 0.9], [0.7, 0.1, 0.4], [0.3, 0.6, 0.8]])
VALUE = float((CONTEXTS[:, None] * EVALUATED * MEANS).sum())


def test_ips_is_unbiased_by_enumeration() -> None:
    """All samples of two requests, with 0 or 1 as reward: the expected estimate is the value to 1e-12."""
    outcomes = [
        (CONTEXTS[x] * LOGGING[x, a] * (MEANS[x, a] if r else 1 - MEANS[x, a]), EVALUATED[x, a] / LOGGING[x, a], r)
        for x, a, r in itertools.product(range(3), range(3), (0.0, 1.0))
    ]
    expected = sum(
        one[0] * other[0] * ips([one[1], other[1]], [one[2], other[2]])
        for one, other in itertools.product(outcomes, outcomes)
    )
    assert expected == pytest.approx(VALUE, abs=1e-12)


def test_the_shadows_own_draw_serves_as_its_probability() -> None:
    """The shadow is random too and only its draw is logged: 1{same} / propensity is unbiased, and its mean is 1."""
    value = mean = robust = 0.0
    guess = np.array([[0.5, 0.1, 0.3], [0.2, 0.9, 0.6], [0.0, 1.0, 0.4]])  # any prediction at all
    for x, a, drawn, r in itertools.product(range(3), range(3), range(3), (0.0, 1.0)):
        chance = CONTEXTS[x] * LOGGING[x, a] * EVALUATED[x, drawn] * (MEANS[x, a] if r else 1 - MEANS[x, a])
        weight = (a == drawn) / LOGGING[x, a]
        value += chance * weight * r
        mean += chance * weight
        robust += chance * (guess[x, drawn] + weight * (r - guess[x, a]))
    assert value == pytest.approx(VALUE, abs=1e-12)
    assert mean == pytest.approx(1, abs=1e-12)
    assert robust == pytest.approx(VALUE, abs=1e-12)


def test_errors_have_the_published_order() -> None:
    """10,000 requests, 30 actions, a logging policy of bad taste (beta -3), a model that ignores the context.

    Published for 30 runs: ipw .0095, snipw .0067, dr .0062, dm .074: self-normalising helps, the model alone is worst.
    """
    rng = np.random.default_rng(12345)
    errors: dict[str, list[float]] = {"ips": [], "snips": [], "dr": [], "dm": []}
    rows = np.arange(10_000)
    for _ in range(30):
        context = rng.normal(size=(rows.size, 5))
        means = 1 / (1 + np.exp(-(context @ rng.normal(size=(5, 30)) * 0.6 + rng.normal(size=30))))
        logging, evaluated = softmax(-3 * means), softmax(3 * means)
        action = (logging.cumsum(axis=1) > rng.random((rows.size, 1))).argmax(axis=1)
        reward = (rng.random(rows.size) < means[rows, action]).astype(float)
        truth = float((evaluated * means).sum(axis=1).mean())
        by_action = np.bincount(action, reward, 30) / np.bincount(action, minlength=30)
        predicted = np.tile(by_action, (rows.size, 1))
        weights = evaluated[rows, action] / logging[rows, action]
        expected = (evaluated * predicted).sum(axis=1)
        found = {
            "ips": ips(weights, reward),
            "snips": snips(weights, reward)[0],
            "dr": doubly_robust(weights, reward, taken=predicted[rows, action], expected=expected)[0],
            "dm": direct(evaluated, predicted),
        }
        for name, value in found.items():
            errors[name].append(abs(value - truth) / truth)
    mean = {name: float(np.mean(values)) for name, values in errors.items()}
    assert mean["dr"] < mean["ips"] < mean["dm"]
    assert mean["snips"] < mean["ips"]


def softmax(scores: Floats) -> Floats:
    powers = np.exp(scores)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def test_grouped_sums_give_what_rows_give() -> None:
    """The influence values summed by group equal those of a plain loop over requests."""
    rng = np.random.default_rng(3)
    n = 4_000
    bucket, cell = rng.integers(0, BUCKETS, n), rng.integers(0, 4, n)
    logged, evaluated = rng.integers(0, 3, n), rng.integers(0, 3, n)
    reward = (rng.random(n) < 0.3 + 0.2 * (logged == 2)).astype(float)
    weight = (logged == evaluated) * 3.0
    size = rng.choice([1.0, 2.0], n)
    keys, place = np.unique(np.stack([bucket, cell, logged, evaluated]), axis=1, return_inverse=True)

    def grouped(values: Floats) -> Floats:
        return np.bincount(place.ravel(), values, keys.shape[1]).astype(float)

    sums = GroupedSums(
        bucket=keys[0],
        cell=keys[1],
        logged=keys[2],
        evaluated=keys[3],
        n=n,
        size=grouped(size),
        reward=grouped(size * reward),
        weight=grouped(size * weight),
        weighted_reward=grouped(size * weight * reward),
    )
    means = np.zeros((FOLDS, 4, 3))
    for fold, x, a in itertools.product(range(FOLDS), range(4), range(3)):
        others = (bucket % FOLDS != fold) & (cell == x) & (logged == a)
        means[fold, x, a] = np.average(reward[others], weights=size[others])
    rows = [
        means[bucket[i] % FOLDS, cell[i], evaluated[i]]
        + weight[i] * (reward[i] - means[bucket[i] % FOLDS, cell[i], logged[i]])
        for i in range(n)
    ]
    found = sums.totals(sums.doubly_robust)
    assert found.value == pytest.approx(float(np.average(rows, weights=size)), rel=1e-12)
    assert sums.totals(sums.weight).value == pytest.approx(1, abs=0.1)


def test_what_was_never_seen_is_stood_in_for() -> None:
    """An action unseen in the cell takes its mean over cells; one never seen, the mean of everything."""
    zeros = np.zeros(3, dtype=np.int64)
    sums = GroupedSums(
        bucket=np.array([0, 1, 2]),
        cell=np.array([0, 0, 1]),
        logged=np.array([0, 1, 0]),
        evaluated=zeros + 2,
        n=6,
        size=np.array([2.0, 2.0, 2.0]),
        reward=np.array([0.0, 2.0, 1.0]),
        weight=np.zeros(3),
        weighted_reward=np.zeros(3),
    )
    # Each group's own fold is left out. The first takes action 0 from the other cell, the second from its own cell.
    assert sums.predicted(zeros) == pytest.approx([0.5, 0.0, 0.0])
    assert sums.predicted(zeros + 2) == pytest.approx([0.75, 0.25, 0.5])


@pytest.mark.parametrize(("weights", "rewards"), [([1.0], [1.0, 2.0]), ([], []), ([-1.0], [1.0]), ([np.inf], [1.0])])
def test_weights_that_mean_nothing_are_refused(weights: list[float], rewards: list[float]) -> None:
    """A propensity of 0 gives an infinite weight, and that is said."""
    with pytest.raises(ValueError, match="weights"):
        ips(weights, rewards)


def test_policies_that_never_agree_have_no_ratio() -> None:
    """Nothing to divide by."""
    with pytest.raises(ValueError, match="never agree"):
        snips([0.0, 0.0], [1.0, 0.0])
