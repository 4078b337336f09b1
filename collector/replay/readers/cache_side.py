"""On which side of the input a log counts cached tokens: one answer for all rows that one writer wrote.

More cached tokens than input prove that they stand beside it, and so does a total that holds them. What one row proves
holds for all: the next row of the same writer may have more input than cached tokens and prove nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

from shadow.domain.accounting import Counts

Told = Literal["", "inside", "outside"]
"""What the user says about all rows; empty = nothing."""


class CacheSide:
    """What the rows prove, by writer.

    Args:
        told: what the user says; it stands.
    """

    def __init__(self, told: Told = "") -> None:
        self._told = told
        self._proved: dict[Hashable, str] = {}
        self._without_cache_in_total: set[Hashable] = set()

    def notice(self, counts: Counts, writer: Hashable = "", place: str = "") -> None:
        """One row, before any is read."""
        if counts.total_says_outside:
            self._proved.setdefault(writer, place)
        elif counts.contradicts_inside:
            self._proved.setdefault(writer, place)
            if counts.beyond == 0:
                self._without_cache_in_total.add(writer)

    def of(self, counts: Counts, writer: Hashable = "") -> Counts:
        """The counts of a row with the side on which its cached tokens stand."""
        if not counts.cached:
            return counts
        if self._told:
            inside = self._told == "inside"
            misleading = counts.total_says_outside if inside else counts.beyond == 0
            return counts._replace(cache_inside=inside, total=None if misleading else counts.total)
        if counts.beyond == 0 and writer in self._without_cache_in_total:
            return counts._replace(cache_inside=False, total=None)
        if counts.beyond is None and writer in self._proved:
            return counts._replace(cache_inside=False)
        return counts

    @property
    def notes(self) -> list[str]:
        """What was concluded, for the user to see."""
        if self._told or not self._proved:
            return []
        place = next(iter(self._proved.values()))
        text = (
            f"cached tokens stand beside the input in this log ({place or 'a row'} proves it) and were added to it;"
            " --cache-tokens inside says that they are part of it"
        )
        return [text]
