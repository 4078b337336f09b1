"""A request with unknown features, for a function of the user: reading an unknown feature raises.

A rule of a policy file declares what it reads, a function does not. Without the exception, it would take the empty
default of an unknown prompt for an easy question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from shadow.domain.request import LABEL, Request
from shadow.errors import UnknownFeatureError

HIDDEN_BY: Final = {
    "messages": ("messages", "text", "complexity", "complexity_band"),
    "input_tokens": ("input_tokens", "input_tokens_known", "input_band"),
    "task": ("task",),
    "user_tier": ("user_tier",),
    "user": ("user_key",),
    "session": ("session_key",),
    "has_tools": ("has_tools",),
    "has_images": ("has_images",),
    "wants_json": ("wants_json",),
    "max_output_tokens": ("max_output_tokens",),
}
"""Features that may be unknown, and the fields of a request that depend on them."""
FEATURE_OF: Final = MappingProxyType({name: feature for feature, names in HIDDEN_BY.items() for name in names})


class PartlyKnown(Request):
    """A request whose unknown fields raise `UnknownFeatureError` when they are read."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        feature = FEATURE_OF.get(name)
        if feature is not None and feature in object.__getattribute__(self, "unknown"):
            raise UnknownFeatureError(feature)
        return object.__getattribute__(self, name)


class PartlyKnownLabels(Mapping[str, str]):
    """Labels of which some are unknown: reading one of these raises."""

    def __init__(self, known: Mapping[str, str], unknown: frozenset[str]) -> None:
        self._known = known
        self._unknown = unknown

    def __getitem__(self, key: str) -> str:
        if LABEL + key in self._unknown:
            raise UnknownFeatureError(LABEL + key)
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def partly_known(request: Request) -> Request:
    """The request with its unknown features hidden."""
    hidden = object.__new__(PartlyKnown)
    for each in fields(Request):
        object.__setattr__(hidden, each.name, getattr(request, each.name))
    if any(feature.startswith(LABEL) for feature in request.unknown):
        object.__setattr__(hidden, "labels", PartlyKnownLabels(request.labels, request.unknown))
    return hidden
