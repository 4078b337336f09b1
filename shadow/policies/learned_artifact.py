"""The artifact of `shadowroute train` for a policy file: weights, and a report on their training."""

from __future__ import annotations

import base64
import binascii
import json
import math
import sys
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shadow.errors import ConfigError
from shadow.policies.hashed_features import DENSE, FeatureSet
from shadow.policies.learned import Scorer

SCHEMA: Final = "shadowroute/learned/1"


class ArtifactModel(BaseModel):
    """One model's part of an artifact: the weights of a logistic regression, already calibrated."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str
    bias: float
    dense: Annotated[list[float], Field(min_length=len(DENSE), max_length=len(DENSE))]
    weights: str
    """Base64 of little-endian 32-bit floats, one per bucket."""


class Artifact(BaseModel):
    """The content of an artifact.

    Attributes:
        trained_from, trained_to: days of the data, empty if it has none.
        data: description of the training data, for readers.
        models: cheapest first, by their mean cost in the training data.
        threshold: largest predicted loss of success probability for a cheaper model.
        report: measurements on held-out data, for readers and for the worksheet; decisions do not use it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_: Literal["shadowroute/learned/1"] = Field(alias="schema")
    trained_at: str
    trained_from: str = ""
    trained_to: str = ""
    data: str = ""
    target: str
    features: FeatureSet
    buckets: Annotated[int, Field(ge=2, le=2**20)]
    models: Annotated[list[ArtifactModel], Field(min_length=2, max_length=50)]
    threshold: Annotated[float, Field(ge=-1, le=1)]
    report: dict[str, object] = Field(default_factory=dict)


def read_artifact(file: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> tuple[Artifact, bytes]:
    """A checked artifact and the bytes of its file.

    Args:
        file: that `shadowroute train` wrote.
        read: gives its content; loading a routing folder notes the files to watch.

    Raises:
        ConfigError: the file cannot be read or is no artifact.
    """
    try:
        body = read(file)
    except OSError as error:
        raise ConfigError(
            f"learned must name a readable file, got {file} ({error.strerror}); run shadowroute train"
        ) from None
    try:
        artifact = Artifact.model_validate(json.loads(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{file} must be an artifact of shadowroute train: {where}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} must be an artifact of shadowroute train: {error}") from None
    if artifact.buckets & (artifact.buckets - 1):
        raise ConfigError(f"{file}: buckets must be a power of two, got {artifact.buckets}")
    return artifact, body


def scorers_of(artifact: Artifact, file: Path) -> list[Scorer]:
    """The scorers of an artifact.

    Raises:
        ConfigError: the weights of a model do not fit `buckets`.
    """
    return [
        Scorer(each.model, each.bias, tuple(each.dense), _decoded(each.weights, artifact.buckets, file, each.model))
        for each in artifact.models
    ]


def encoded(weights: Sequence[float]) -> str:
    """Weights as text of an artifact."""
    values = array("f", weights)
    if sys.byteorder == "big":
        values.byteswap()
    return base64.b64encode(values.tobytes()).decode()


def _decoded(text: str, buckets: int, file: Path, model: str) -> array[float]:
    values: array[float] = array("f")
    try:
        values.frombytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ConfigError(f"{file}: weights of {model} must be base64 of 32-bit floats; train again") from None
    if sys.byteorder == "big":
        values.byteswap()
    if len(values) != buckets or not all(map(math.isfinite, values)):
        raise ConfigError(
            f"{file}: weights of {model} must be {buckets} finite numbers, got {len(values)}; train again"
        )
    return values
