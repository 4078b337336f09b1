"""Fits one calibrated logistic regression per model on hashed features.

Weights come from the training part, their strength (L2) and the calibration (Platt 1999: a line through the logits)
from the tuning part. The calibration is a line, so it is folded into the weights and inference stays one sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix

from shadow.domain.request import Request
from shadow.policies.hashed_features import DENSE, features_of
from shadowroute.analysis.summaries import Floats
from shadowroute.analysis.training.examples import Examples, Rows, TooFewExamplesError

BUCKETS: Final = 4096
STRENGTHS: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse L2 strengths (`C`) that are tried."""
MINIMUM_EXAMPLES: Final = 100
"""Scored answers of a model in each of the three parts, below which nothing is fitted."""
STEPS_AT_MOST: Final = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A calibrated regression: logit = bias + x @ weights, where x has the buckets first and `DENSE` last.

    Attributes:
        strength: the `C` that was chosen.
    """

    model: str
    bias: float
    weights: Floats
    strength: float

    def probability(self, x: csr_matrix) -> Floats:
        """Success probability of each row, (n,)."""
        logits: Floats = x @ self.weights + self.bias
        probabilities: Floats = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
        return probabilities


def matrix(requests: Sequence[Request], examples: Examples) -> csr_matrix:
    """The features of requests, (n, BUCKETS + len(DENSE)), read by the function that inference reads them with."""
    columns: list[int] = []
    values: list[float] = []
    starts = [0]
    for request in requests:
        found = features_of(request, examples.features, BUCKETS)
        columns += [*found.facts, *found.words, *range(BUCKETS, BUCKETS + len(DENSE))]
        values += [1.0] * len(found.facts) + [found.word_value] * len(found.words) + list(found.dense)
        starts.append(len(columns))
    shape = (len(requests), BUCKETS + len(DENSE))
    x = csr_matrix((np.array(values), np.array(columns), np.array(starts)), shape=shape)
    x.sum_duplicates()
    return x


def fit(examples: Examples, x: csr_matrix, model: str, train: Rows, tune: Rows) -> Fitted:
    """The regression of one model.

    Raises:
        TooFewExamplesError: too few scored answers, or all of them equal.
        ConfigError: scikit-learn is not installed.
    """
    train, tune = _scored(examples, model, train, "training"), _scored(examples, model, tune, "tuning")
    best: tuple[float, float, Any] | None = None
    for strength in STRENGTHS:
        regression = _regression(x[train], examples.scores[model][train], examples.weights[model][train], strength)
        logits = np.asarray(regression.decision_function(x[tune]))
        loss = log_loss(logits, examples.scores[model][tune], examples.weights[model][tune])
        if best is None or loss < best[0]:
            best = (loss, strength, regression)
    if best is None:
        raise AssertionError("there are strengths to try")
    _, strength, regression = best
    logits = np.asarray(regression.decision_function(x[tune]))
    line = _regression(logits[:, None], examples.scores[model][tune], examples.weights[model][tune], 1e6)
    slope, shift = max(float(line.coef_[0, 0]), 0.0), float(line.intercept_[0])
    return Fitted(
        model=model,
        bias=slope * float(regression.intercept_[0]) + shift,
        weights=slope * np.asarray(regression.coef_[0], dtype=np.float64),
        strength=strength,
    )


def log_loss(logits: Floats, scores: Floats, weights: Floats) -> float:
    """Weighted mean of -[y log p + (1 - y) log(1 - p)] for scores y in [0, 1]."""
    losses = np.logaddexp(0, logits) - scores * logits
    return float((weights * losses).sum() / weights.sum())


def _regression(x: Any, scores: Floats, weights: Floats, strength: float) -> Any:
    """A score between 0 and 1 counts as a part of a good answer and a part of a bad one."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an extra that only training needs

    good, bad = weights * scores, weights * (1 - scores)
    stacked = np.concatenate([x, x]) if isinstance(x, np.ndarray) else _stack(x)
    labels = np.concatenate([np.ones(len(scores)), np.zeros(len(scores))])
    counted = np.concatenate([good, bad])
    kept = counted > 0
    regression = LogisticRegression(C=strength, max_iter=STEPS_AT_MOST)
    regression.fit(stacked[kept], labels[kept], sample_weight=counted[kept])
    return regression


def _stack(x: csr_matrix) -> csr_matrix:
    from scipy.sparse import vstack  # noqa: PLC0415 - beside its only use

    return csr_matrix(vstack([x, x]))


def _scored(examples: Examples, model: str, rows: Rows, part: str) -> Rows:
    scores = examples.scores[model]
    kept = rows[np.isfinite(scores[rows])]
    if len(kept) < MINIMUM_EXAMPLES:
        raise TooFewExamplesError(
            f"{model} must have at least {MINIMUM_EXAMPLES} scored answers in the {part} part, got {len(kept)}; "
            "give more outcomes, or leave the model out with --model",
        )
    if scores[kept].min() == scores[kept].max():
        raise TooFewExamplesError(
            f"scores of {model} must differ, got {scores[kept][0]:g} for all of the {part} part; nothing can be learned"
        )
    return kept
