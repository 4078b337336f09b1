"""Ids of rows: the same row has the same id in every import, and two calls never share one.

A row without an id is named by its content, and equal rows by how often the row was there before. An id that stands at
several times names several calls, as those of servers that count from 1 at every start: the earliest keeps it, the
others get their time.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from shadowroute.collector.replay.readers import values


class RowIds:
    """Ids of one log. Rows are noticed once, and then read as often as wanted."""

    def __init__(self) -> None:
        self._earliest: dict[int, int] = {}
        self._seen: Counter[str] = Counter()

    def notice(self, told: str, time_us: int | None) -> None:
        """One row with an id, before any is read."""
        if told and time_us is not None:
            key = _key(told)
            self._earliest[key] = min(time_us, self._earliest.get(key, time_us))

    def begin(self) -> None:
        """Another pass over the rows begins."""
        self._seen.clear()

    def of(self, told: str, row: Mapping[str, Any], time_us: int) -> str:
        """The id of a row that is a call."""
        if told:
            earliest = self._earliest.get(_key(told), time_us)
            return told if time_us == earliest else f"{told}@{time_us}"
        plain = values.row_id(row)
        number = self._seen[plain]
        self._seen[plain] += 1
        return f"{plain}-{number}" if number else plain


def _key(told: str) -> int:
    return int.from_bytes(hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).digest())
