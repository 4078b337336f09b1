"""`among` in a policy file: the models that a mechanism compares."""

from __future__ import annotations

from collections.abc import Sequence

from shadow.config.mechanism_documents import MODELS_AT_MOST
from shadow.config.mechanisms.building import Building
from shadow.config.source import Place
from shadow.domain.ids import canonical_id
from shadow.policies.pool import Pool


def pool_of(building: Building, among: Sequence[str] | None, place: Place, *, output_tokens: int, priced: bool) -> Pool:
    """The models of `among`, else all of models.yaml. Their expected values are part of the version.

    Args:
        building: the policy.
        among: names or aliases.
        place: of the mechanism.
        output_tokens: expected tokens of an answer for models without a value in the catalogue.
        priced: a model without a price is a problem.
    """
    if among is None:
        names = list(building.catalogue.models)
        if not 0 < len(names) <= MODELS_AT_MOST:
            building.problem(
                f"among must be given, got nothing and {len(names)} models in models.yaml; name the models to compare",
                place,
            )
    else:
        names = [building.model(name, (*place, "among", at)) for at, name in enumerate(among)]
    names = [name for name in dict.fromkeys(names) if name in building.catalogue]
    pool = Pool(names, building.catalogue, output_tokens=output_tokens)
    # A later expectation is appended only where a model has one: other versions must stay as they are.
    expected = {}
    for name in names:
        model = building.catalogue.get(name)
        if model is not None:
            expected[name] = [model.provider, model.latency_s, model.quality, model.output_tokens]
    building.artifact(f"models of {'.'.join(map(str, place))}", canonical_id(expected, length=64))
    for name in pool.costing.unpriced if priced else ():
        at = among.index(name) if among is not None and name in among else None
        building.problem(
            f'"{name}" must have a price to be compared by cost, got none; add price_usd_per_million to models.yaml',
            place if at is None else (*place, "among", at),
        )
    return pool
