"""`http` in a policy file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shadow.config.mechanism_documents import MODELS_AT_MOST, HttpDocument
from shadow.config.mechanisms.building import Building
from shadow.config.source import Place

if TYPE_CHECKING:
    from shadow.policies.http import Http


def build_http(building: Building, document: HttpDocument, place: Place) -> Http:
    """The chooser of a service."""
    from shadow.policies.http import Http  # noqa: PLC0415 - loads the HTTP client only if needed

    if building.is_live:
        building.problem(
            "http must be in a shadow, got it in the live policy, where every request would wait for the service; "
            "make the service the live router and observe it, or write its choice as another mechanism",
            place,
        )
    if document.among is None:
        names = tuple(building.catalogue.models)
        if not 0 < len(names) <= MODELS_AT_MOST:
            building.problem(
                f"among must be given, got nothing and {len(names)} models in models.yaml; name the candidates", place
            )
        building.artifact("http among", " ".join(names))
    else:
        names = tuple(building.model(name, (*place, "among", at)) for at, name in enumerate(document.among))
    return Http(
        building.name,
        document.url,
        tuple(dict.fromkeys(names)),
        building.catalogue,
        timeout_s=document.timeout_s,
        token_env=document.token_env,
    )
