"""The filter `capability`: a model that cannot or must not serve a request never gets it."""

from __future__ import annotations

from shadow.domain.request import LABEL, Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import UnknownFeatureError
from shadow.prices.catalogue import Catalogue, Model

LANGUAGE, REGION = "language", "region"
"""Labels with the required language of the answer, and the required region."""
NEEDS = (("has_tools", "tools"), ("has_images", "vision"), ("wants_json", "json"))
"""Needs of a request, and the capabilities for them."""
WORDS = {"tools": "tools", "vision": "images", "json": "structured output"}


class Capability:
    """Refuses models whose context is too short, that lack a capability, or that are in another region.

    A capability that the catalogue does not state counts as fulfilled, because a wrong guess fails visibly at the
    provider; but not a region, because data in a wrong region would go unnoticed. `strict` requires every statement.

    Args:
        catalogue: capabilities of the models.
        strict: refuse a model without a statement on a needed capability.
        region: required for every request; empty = the request's label, if it has one.
    """

    def __init__(self, catalogue: Catalogue, *, strict: bool = False, region: str = "") -> None:
        self._catalogue = catalogue
        self._strict = strict
        self._region = region
        self.reads = self._reads()

    def refusal(self, request: Request, snapshot: Snapshot, model: str) -> str:  # noqa: ARG002 - Filter
        """Why this model must not get this request; empty if it may.

        Raises:
            UnknownFeatureError: it needs an unknown feature of the request.
        """
        known = self._catalogue.get(model) or Model(name=model)
        unknown = request.unknown
        supports = known.supports
        for field, capability in NEEDS:
            lacks = self._strict if supports is None else capability not in supports
            if lacks and (getattr(request, field) or field in unknown):
                _need(field, unknown)
                return f"no {WORDS[capability]}" if supports is not None else f"{WORDS[capability]} not stated"
        return self._context(request, known) or self._residency(request, known) or self._language(request, known)

    def _context(self, request: Request, model: Model) -> str:
        limit = model.context_tokens
        if limit is None:
            return "context not stated" if self._strict else ""
        _need("input_tokens", request.unknown)
        if request.input_tokens > limit:
            return "context too short for the prompt"
        _need("max_output_tokens", request.unknown)
        if request.max_output_tokens is not None and request.input_tokens + request.max_output_tokens > limit:
            return "context too short for prompt and answer"
        return ""

    def _residency(self, request: Request, model: Model) -> str:
        region = self._region
        if not region:
            _need(LABEL + REGION, request.unknown)
            region = request.labels.get(REGION, "")
        if not region or region in model.regions:
            return ""
        return f"not in region {region}" if model.regions else "region not stated"

    def _language(self, request: Request, model: Model) -> str:
        if not model.languages and not self._strict:
            return ""
        _need(LABEL + LANGUAGE, request.unknown)
        language = request.labels.get(LANGUAGE, "")
        if not language or language in model.languages:
            return ""
        return f"not in language {language}" if model.languages else "language not stated"

    def _reads(self) -> frozenset[str]:
        """Features that matter with this catalogue."""
        models = self._catalogue.models.values()
        reads = set() if self._region else {LABEL + REGION}
        for field, capability in NEEDS:
            if any(self._strict if each.supports is None else capability not in each.supports for each in models):
                reads.add(field)
        if any(each.context_tokens is not None for each in models):
            reads |= {"input_tokens", "max_output_tokens"}
        if self._strict or any(each.languages for each in models):
            reads.add(LABEL + LANGUAGE)
        return frozenset(reads)


def _need(feature: str, unknown: frozenset[str]) -> None:
    if feature in unknown:
        raise UnknownFeatureError(feature)
