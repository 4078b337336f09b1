"""`weighted` in a policy file."""

from __future__ import annotations

from shadow.config.mechanism_documents import WeightedDocument
from shadow.config.mechanisms.building import Building
from shadow.config.mechanisms.candidates import pool_of
from shadow.config.source import Place
from shadow.policies.weighted import Override, Weighted, Weights


def build_weighted(building: Building, document: WeightedDocument, place: Place, reason: str) -> Weighted:
    """The chooser of a weighted score."""
    weights = document.resolved()
    overrides = []
    for number, each in enumerate(document.overrides, 1):
        for key in each.labels:
            building.label(key, (*place, "overrides", number - 1, "labels", key))
        own = each.resolved()
        name = f"{own.name}, override {number}"
        own = Weights(latency=own.latency, cost=own.cost, quality=own.quality, name=name)
        overrides.append(Override({key: frozenset(values) for key, values in each.labels.items()}, own))
    priced = any(each.cost > 0 for each in (weights, *(override.weights for override in overrides)))
    pool = pool_of(building, document.among, place, output_tokens=document.output_tokens, priced=priced)
    return Weighted(pool, weights, overrides, reason=reason)
