"""Evaluation of a learned policy on requests that it was not trained on.

Two questions. Are its probabilities true (calibration)? And does it choose better than a **random mix of single models
that costs the same**? A router can always buy quality with money; only its gain over that mix is the value of its
choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from shadowroute.analysis.results import Interval
from shadowroute.analysis.stats.frontier import hull
from shadowroute.analysis.stats.survey import Jackknife, jackknife
from shadowroute.analysis.summaries import Floats, effective_number, spread
from shadowroute.analysis.training.examples import Examples, Rows, TooFewExamplesError

POINTS: Final = 21
"""Points of the curve: from always the cheapest model to always the one with the best prediction."""
BINS: Final = 10
MINIMUM_TESTED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Test answers with predictions between `low` and `high`: their number, mean prediction and mean score."""

    low: float
    high: float
    n: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Calibration of the probabilities of one model.

    Attributes:
        n: scored test answers.
        mean_predicted: mean prediction.
        mean_observed: mean score.
        brier: mean squared difference of prediction and score; smaller is better.
        brier_of_mean: the same for a constant prediction of the mean score.
        expected_error: mean over bins of |predicted - observed|, weighted by their size (ECE, 10 equal-width bins).
    """

    model: str
    n: int
    mean_predicted: float
    mean_observed: float
    brier: float
    brier_of_mean: float
    expected_error: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The learned policy at one threshold, on the test part.

    Attributes:
        threshold: largest predicted loss that is accepted for a cheaper model.
        shares: of requests by model, in the order of the curve's models.
        usd: mean cost per request.
        score: mean score.
        random_score: of the random mix of single models that costs the same.
        advantage: `score` minus `random_score`, and its interval.
    """

    threshold: float
    shares: tuple[float, ...]
    usd: float
    score: float
    random_score: float
    advantage: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Cost against quality on the test requests to which every model has a scored answer of known cost.

    Attributes:
        models: cheapest first.
        alone: mean (USD, score) of each model alone.
        points: by rising cost.
        mean_advantage: mean of the points' advantages; above 0 = the choice has value.
        mean_interval: of that mean; one number, so that no best of many points is picked.
        n: requests.
    """

    models: tuple[str, ...]
    alone: tuple[tuple[float, float], ...]
    points: tuple[Point, ...]
    mean_advantage: float
    mean_interval: Interval
    n: int


def calibration(model: str, predicted: Floats, observed: Floats, weights: Floats) -> Calibration:
    """Compare predictions with scores, both (n,) in [0, 1]."""
    total = float(weights.sum())
    mean_observed = float((weights * observed).sum()) / total
    place = np.minimum((predicted * BINS).astype(np.int64), BINS - 1)
    bins = []
    for number in range(BINS):
        inside = place == number
        size = float(weights[inside].sum())
        if size:
            bins.append(
                Bin(
                    low=number / BINS,
                    high=(number + 1) / BINS,
                    n=int(inside.sum()),
                    predicted=float((weights * predicted)[inside].sum()) / size,
                    observed=float((weights * observed)[inside].sum()) / size,
                )
            )
    sizes = np.array([weights[place == number].sum() for number in range(BINS)])
    errors = np.array([abs(each.predicted - each.observed) for each in bins])
    return Calibration(
        model=model,
        n=len(predicted),
        mean_predicted=float((weights * predicted).sum()) / total,
        mean_observed=mean_observed,
        brier=float((weights * np.square(predicted - observed)).sum()) / total,
        brier_of_mean=float((weights * np.square(mean_observed - observed)).sum()) / total,
        expected_error=float((sizes[sizes > 0] * errors).sum()) / total,
        bins=tuple(bins),
    )


def chosen(predicted: Floats, threshold: float) -> Rows:
    """The place of the model that the policy uses, (n,): the first within `threshold` of the best.

    Args:
        predicted: (models, n), success probabilities, cheapest model first.
        threshold: as in the artifact.
    """
    good = predicted >= predicted.max(axis=0) - threshold
    return np.asarray(good.argmax(axis=0), dtype=np.int64)


def thresholds(predicted: Floats) -> list[float]:
    """Thresholds that move about equally many requests each, from always the cheapest to never a worse prediction."""
    loss = predicted.max(axis=0) - predicted[0]
    places = np.quantile(loss, np.linspace(1, 0, POINTS))
    return [float(place) for place in np.unique(places)[::-1]]


def cost_quality(examples: Examples, predicted: Mapping[str, Floats], rows: Rows, *, level: float = 0.95) -> Curve:
    """The learned policy's curve against random mixes of the same cost.

    Args:
        examples: with the scores and costs of all models.
        predicted: success probability by model, (all requests,).
        rows: test requests.
        level: nominal coverage of the intervals, which are a delete-one-bucket jackknife over users or sessions.

    Raises:
        TooFewExamplesError: fewer than 100 test requests have a score and a cost of every model.
    """
    models = examples.models
    whole = rows[np.all([np.isfinite(examples.scores[m][rows] + examples.costs[m][rows]) for m in models], axis=0)]
    if len(whole) < MINIMUM_TESTED:
        raise TooFewExamplesError(
            f"the comparison needs {MINIMUM_TESTED} test requests that every model answered, with score and cost; "
            f"got {len(whole)}"
        )
    score = np.stack([examples.scores[model][whole] for model in models])
    usd = np.stack([examples.costs[model][whole] for model in models])
    success = np.stack([predicted[model][whole] for model in models])
    buckets, n = examples.buckets()[whole], len(whole)
    alone = [(float(usd[place].mean()), float(score[place].mean())) for place in range(len(models))]
    corners = _corners(alone)
    mix = np.stack([spread(buckets, usd[c]) for c in corners] + [spread(buckets, score[c]) for c in corners])
    size = spread(buckets, np.ones(n))
    effective = effective_number(size)
    points, moved = [], []
    for threshold in thresholds(success):
        use = chosen(success, threshold)
        own_usd, own_score = usd[use, np.arange(n)], score[use, np.arange(n)]
        totals = np.concatenate([np.stack([spread(buckets, own_usd), spread(buckets, own_score), size]), mix])
        found = jackknife(totals, _advantage)
        value = float(own_score.mean())
        points.append(
            Point(
                threshold=threshold,
                shares=tuple(float((use == place).mean()) for place in range(len(models))),
                usd=float(own_usd.mean()),
                score=value,
                random_score=value - found.value,
                advantage=found.value,
                interval=found.interval(effective, level),
            )
        )
        moved.append(found.moved)
    mean = float(np.mean([point.advantage for point in points]))
    return Curve(
        models=models,
        alone=tuple(alone),
        points=tuple(points),
        mean_advantage=mean,
        mean_interval=Jackknife(mean, np.mean(moved, axis=0)).interval(effective, level),
        n=n,
    )


def _corners(alone: Sequence[tuple[float, float]]) -> list[int]:
    """Models that random mixes are made of: the corners of the hull of single models, cheapest first."""
    costs, quality = hull([usd for usd, _ in alone], [score for _, score in alone])
    wanted = list(zip(costs.tolist(), quality.tolist(), strict=True))
    return [place for place, point in enumerate(alone) if point in wanted]


def _advantage(totals: Floats) -> Floats:
    """Mean score minus that of the mix, from (3 + 2k, m) totals: cost, score, requests, then k costs and k scores."""
    usd, score, size = totals[0] / totals[2], totals[1] / totals[2], totals[2]
    k = (len(totals) - 3) // 2
    costs, scores = totals[3 : 3 + k] / size, totals[3 + k :] / size
    mixed = np.array([np.interp(usd[column], costs[:, column], scores[:, column]) for column in range(totals.shape[1])])
    return np.asarray(score - mixed, dtype=np.float64)
