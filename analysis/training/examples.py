"""Training data of a learned policy: requests, and the scores of each model's answers to them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shadow.domain.request import Request
from shadow.errors import ShadowError
from shadow.policies.hashed_features import FeatureSet
from shadowroute.analysis.summaries import Floats

TRAINED: Final = 0.6
TUNED: Final = 0.2
"""Shares of users (or sessions, or requests) that fit the weights and that choose their strength; the rest tests."""

Rows = NDArray[np.int64]


class TooFewExamplesError(ShadowError):
    """There is not enough to learn from, or nothing to learn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Requests with the scores of some models; all arrays have one place per request.

    Attributes:
        requests: frozen.
        clusters: user, session or request key, never split between training and test.
        scores: by model, (n,), in [0, 1]; NaN where the model's answer was not scored.
        costs: by model, (n,), USD of the answer; NaN where it is not known.
        weights: by model, (n,), requests that each score stands for.
        features: readable parts of a request.
        target: the scored quantity, for example `score` or the name of a signal.
        data: its source, for people.
        first: first day of the data, ISO; empty where it has no days.
        last: last day of it.
        caveats: its limits, one sentence each.
    """

    requests: tuple[Request, ...]
    clusters: tuple[str, ...]
    scores: Mapping[str, Floats]
    costs: Mapping[str, Floats]
    weights: Mapping[str, Floats]
    features: FeatureSet
    target: str
    data: str
    first: str = ""
    last: str = ""
    caveats: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """Cheapest first, by the weighted mean cost of their answers."""
        return tuple(sorted(self.scores, key=lambda model: (self.mean_usd(model), model)))

    def mean_usd(self, model: str) -> float:
        """Weighted mean cost of an answer, USD; infinite where no cost is known."""
        known = np.isfinite(self.costs[model])
        weights = self.weights[model][known]
        return float((self.costs[model][known] * weights).sum() / weights.sum()) if weights.sum() else float("inf")

    def buckets(self) -> Rows:
        """Hash bucket of each request, 0 to 255, as everywhere: the unit of analysis."""
        return np.array([_digest(key)[0] for key in self.clusters], dtype=np.int64)

    def parts(self) -> tuple[Rows, Rows, Rows]:
        """Places of the requests that train, tune and test; decided by a hash, so that a second run splits alike."""
        place = np.array([int.from_bytes(_digest("train:" + key)[:8], "big") / 2**64 for key in self.clusters])
        rows = np.arange(len(place), dtype=np.int64)
        trains, tunes = place < TRAINED, (place >= TRAINED) & (place < TRAINED + TUNED)
        return rows[trains], rows[tunes], rows[~trains & ~tunes]


def _digest(text: str) -> bytes:
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
