"""`learned` in a policy file."""

from __future__ import annotations

import hashlib

from shadow.config.mechanism_documents import LearnedDocument
from shadow.config.mechanisms.building import Building
from shadow.config.noted_files import read_bytes
from shadow.config.source import Place
from shadow.errors import ConfigError
from shadow.policies.learned import Learned
from shadow.policies.learned_artifact import read_artifact, scorers_of
from shadow.policies.plan import Chooser
from shadow.policies.static import Static


def build_learned(building: Building, document: LearnedDocument, place: Place, reason: str) -> Chooser:
    """The chooser of an artifact. Its digest is part of the policy's version."""
    file = building.folder / document.artifact
    try:
        artifact, body = read_artifact(file, read_bytes)
        scorers = scorers_of(artifact, file)
    except ConfigError as error:
        building.problem(error.message, (*place, "artifact"))
        return Static("unbuilt")
    building.artifact(f"learned {document.artifact}", hashlib.sha256(body).hexdigest())
    return Learned(
        [
            type(scorer)(building.model(scorer.model, (*place, "artifact")), scorer.bias, scorer.dense, scorer.weights)
            for scorer in scorers
        ],
        features=artifact.features,
        buckets=artifact.buckets,
        threshold=artifact.threshold if document.threshold is None else document.threshold,
        reason=reason,
    )
