"""The mechanism `learned`: a trained predictor estimates each model's chance of a good answer.

`shadowroute train` writes the artifact (docs/reference/policies/learned.md). Inference is a sum over hashed features in
plain Python, far below a millisecond, and needs only this file.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shadow.domain.policy import Candidate, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import PolicyError, UnknownFeatureError
from shadow.policies.hashed_features import READS, Features, FeatureSet, features_of
from shadow.policies.plan import Plan, Refused

LARGEST_LOGIT: Final = 50.0


@dataclass(frozen=True, slots=True)
class Scorer:
    """Success probability of one model."""

    model: str
    bias: float
    dense: tuple[float, ...]
    weights: array[float]

    def probability(self, features: Features) -> float:
        """Chance of a good answer of this model, in [0, 1]."""
        weights = self.weights
        logit = self.bias + self.dense[0] * features.dense[0] + self.dense[1] * features.dense[1]
        logit += sum([weights[bucket] for bucket in features.facts])
        logit += features.word_value * sum([weights[bucket] for bucket in features.words])
        return 1 / (1 + math.exp(-max(-LARGEST_LOGIT, min(LARGEST_LOGIT, logit))))


class Learned:
    """Uses the cheapest model whose predicted success is at most `threshold` below the best.

    Args:
        scorers: cheapest model first.
        features: that they read.
        buckets: of the hashed features.
        threshold: in [-1, 1]; 0 = only if no more expensive model is better, 1 = always the cheapest.
        reason: prefix of the reason of every decision.
    """

    def __init__(
        self, scorers: Sequence[Scorer], *, features: FeatureSet, buckets: int, threshold: float, reason: str = ""
    ) -> None:
        self._scorers = tuple(scorers)
        self._features = features
        self._buckets = buckets
        self._threshold = threshold
        self._prefix = f"{reason}: " if reason else ""
        self.models = tuple(scorer.model for scorer in scorers)
        self.reads: frozenset[str] | None = READS[features]

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:  # noqa: ARG002 - Chooser
        """The plan for this request.

        Raises:
            UnknownFeatureError: the prediction needs an unknown feature of the request.
            PolicyError: every model is refused.
        """
        if request.unknown:
            missing = sorted(request.unknown & READS[self._features])
            if missing:
                raise UnknownFeatureError(missing[0])
        predicted = self.predict(request)
        admitted = [place for place, model in enumerate(self.models) if not refused(model)]
        if not admitted:
            reasons = "; ".join(f"{model}: {refused(model)}" for model in self.models)
            raise PolicyError("learned", f"no model may get this request: {reasons}", error_type="no_candidate")
        best = max(predicted[place] for place in admitted)
        chosen = next(place for place in admitted if predicted[place] >= best - self._threshold)
        return Plan(
            steps=(Step(kind="primary", model=self.models[chosen]),),
            candidates=tuple(
                Candidate(
                    model=model,
                    score=predicted[place],
                    terms={"success": predicted[place], "below_best": best - predicted[place]},
                    rejected=self._rejection(place, chosen, refused(model)),
                )
                for place, model in enumerate(self.models)
            ),
            reason=f"{self._prefix}cheapest within {self._threshold:g} of the best predicted success",
            confidence=predicted[chosen],
        )

    def predict(self, request: Request) -> tuple[float, ...]:
        """Success probability of every model, cheapest model first."""
        found = features_of(request, self._features, self._buckets)
        return tuple([scorer.probability(found) for scorer in self._scorers])

    def _rejection(self, place: int, chosen: int, refusal: str) -> str:
        if refusal or place == chosen:
            return refusal
        return "dearer" if place > chosen else f"more than {self._threshold:g} below the best"
