"""`filter: {capability: ...}` in a policy file."""

from __future__ import annotations

from shadow.config.mechanism_documents import CapabilityDocument
from shadow.config.mechanisms.building import Building
from shadow.config.source import Place
from shadow.domain.ids import canonical_id
from shadow.policies.capability import LANGUAGE, REGION, Capability


def build_capability(building: Building, document: CapabilityDocument, place: Place) -> Capability:
    """The filter. The capabilities of the catalogue's models are part of the version."""
    models = building.catalogue.models
    # What is stated later is appended only where a model states it: other versions must stay as they are.
    stated = {
        name: [
            model.context_tokens,
            None if model.supports is None else sorted(model.supports),
            sorted(model.languages),
            sorted(model.regions),
        ]
        for name, model in models.items()
    }
    building.artifact("capabilities", canonical_id(stated, length=64))
    if document.region is None and any(model.regions for model in models.values()):
        building.label(REGION, place)
    if any(model.languages for model in models.values()):
        building.label(LANGUAGE, place)
    known = {region for model in models.values() for region in model.regions}
    if document.region is not None and document.region not in known:
        building.problem(
            f"region must be one that a model has, got {document.region!r}; "
            f"known: {', '.join(sorted(known)) or 'none, add regions to models.yaml'}",
            (*place, "region"),
        )
    return Capability(building.catalogue, strict=document.strict, region=document.region or "")
