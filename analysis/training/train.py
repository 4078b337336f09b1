"""The whole training: split, fit, calibrate, test, and write the artifact that a policy file points at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from shadow.errors import ConfigError
from shadow.policies.learned_artifact import SCHEMA, Artifact, ArtifactModel, encoded
from shadowroute.analysis.summaries import Floats
from shadowroute.analysis.training.examples import Examples, TooFewExamplesError
from shadowroute.analysis.training.fit import BUCKETS, Fitted, fit, matrix
from shadowroute.analysis.training.held_out import Calibration, Curve, calibration, cost_quality

DEFAULT_THRESHOLD: Final = 0.05

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A trained policy and its evaluation.

    Attributes:
        artifact: to be written.
        sizes: requests that trained, tuned and tested.
        calibrations: one per model, on the test part.
        curve: against random mixes of the same cost; None with the reason in `no_curve`.
        threshold: of the artifact.
        caveats: limits of the data.
    """

    artifact: Artifact
    sizes: tuple[int, int, int]
    calibrations: tuple[Calibration, ...]
    curve: Curve | None
    no_curve: str
    threshold: float
    caveats: tuple[str, ...]


def train(
    examples: Examples, *, trained_at: datetime, threshold: float = DEFAULT_THRESHOLD, progress: Progress | None = None
) -> Trained:
    """Fit a learned policy and test it on unseen requests.

    Args:
        examples: requests with scores of at least two models.
        trained_at: goes into the artifact.
        threshold: largest predicted loss of success that the policy accepts for a cheaper model.
        progress: gets the phases.

    Raises:
        TooFewExamplesError: too few scored answers of a model, or all alike.
        ConfigError: scikit-learn is not installed.
    """
    _require_sklearn()
    told = progress or (lambda *_: None)
    models = examples.models
    if len(models) < 2:
        raise TooFewExamplesError(f"training needs scores of at least two models, got {len(models)}")
    told("features", 0, 1)
    x = matrix(examples.requests, examples)
    told("features", 1, 1)
    train_rows, tune_rows, test_rows = examples.parts()
    fitted: list[Fitted] = []
    for done, model in enumerate(models):
        told("fit", done, len(models))
        fitted.append(fit(examples, x, model, train_rows, tune_rows))
    told("fit", len(models), len(models))
    predicted = {each.model: each.probability(x) for each in fitted}
    calibrations = tuple(_calibrated(examples, model, predicted[model], test_rows) for model in models)
    curve, no_curve = _curve(examples, predicted, test_rows)
    sizes = (len(train_rows), len(tune_rows), len(test_rows))
    report: dict[str, object] = {
        "sizes": sizes,
        "calibration": [asdict(each) for each in calibrations],
        "curve": None if curve is None else asdict(curve),
        "no_curve": no_curve,
        "caveats": examples.caveats,
    }
    return Trained(
        artifact=_artifact(examples, fitted, threshold, trained_at, report),
        sizes=sizes,
        calibrations=calibrations,
        curve=curve,
        no_curve=no_curve,
        threshold=threshold,
        caveats=examples.caveats,
    )


def artifact_json(artifact: Artifact) -> str:
    """The artifact as its file holds it; equal artifacts give equal bytes."""
    return json.dumps(artifact.model_dump(mode="json", by_alias=True), sort_keys=True, indent=1) + "\n"


def _calibrated(examples: Examples, model: str, predicted: Floats, rows: Any) -> Calibration:
    scored = rows[np.isfinite(examples.scores[model][rows])]
    if not len(scored):
        raise TooFewExamplesError(f"{model} must have scored answers in the test part, got none; give more outcomes")
    return calibration(model, predicted[scored], examples.scores[model][scored], examples.weights[model][scored])


def _curve(examples: Examples, predicted: Mapping[str, Floats], rows: Any) -> tuple[Curve | None, str]:
    try:
        return cost_quality(examples, predicted, rows), ""
    except TooFewExamplesError as error:
        return None, str(error)


def _artifact(
    examples: Examples, fitted: list[Fitted], threshold: float, trained_at: datetime, report: Mapping[str, object]
) -> Artifact:
    return Artifact(
        schema=SCHEMA,
        trained_at=trained_at.isoformat(timespec="seconds"),
        trained_from=examples.first,
        trained_to=examples.last,
        data=examples.data,
        target=examples.target,
        features=examples.features,
        buckets=BUCKETS,
        models=[
            ArtifactModel(
                model=each.model,
                bias=each.bias,
                dense=[float(weight) for weight in each.weights[BUCKETS:]],
                weights=encoded(each.weights[:BUCKETS].tolist()),
            )
            for each in fitted
        ],
        threshold=threshold,
        report=dict(report),
    )


def _require_sklearn() -> None:
    try:
        import sklearn  # noqa: F401, PLC0415 - an extra that only training needs
    except ImportError:
        raise ConfigError(
            'training needs scikit-learn, which is not installed; pip install "shadowroute-platform[train]"'
        ) from None
