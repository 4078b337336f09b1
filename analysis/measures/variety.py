"""Whether requests differ in anything that a router could choose by; where they do not, one model serves all (R54)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.queries.rows import SegmentRow
from shadowroute.analysis.selection import SEGMENT_KEYS, Segment

UNIFORM: Final = 0.95
"""Share of the requests with the same value of a segment key, from which the key tells hardly any two apart."""
FEWEST_KEYS: Final = 2
"""Segment keys that must be known: of one alone nobody can tell that requests are alike."""


@dataclass(frozen=True, slots=True)
class Common:
    """A value that nearly all requests have, and their share."""

    segment: Segment
    share: float


def uniform(rows: Iterable[SegmentRow]) -> tuple[Common, ...]:
    """What nearly all requests have in common, per known key; empty if a known key tells them apart, or few are known.

    Args:
        rows: sizes of the segments of a shadow policy's decisions.
    """
    sizes: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.key in SEGMENT_KEYS:
            sizes.setdefault(row.key, {})[row.value] = row.weight
    found = []
    for key in (key for key in SEGMENT_KEYS if key in sizes):
        value = max(sizes[key], key=lambda value: sizes[key][value])
        share = sizes[key][value] / sum(sizes[key].values())
        if share < UNIFORM:
            return ()
        if value:  # nearly all without a value: the key is not known
            found.append(Common(Segment(key, value), share))
    return tuple(found) if len(found) >= FEWEST_KEYS else ()
