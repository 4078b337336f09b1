"""Hashes of the inputs of figures, named in a packet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Final

from shadowroute.analysis.queries.reader import Reader, days
from shadowroute.analysis.queries.records import Record
from shadowroute.analysis.selection import Window
from shadowroute.collector.price_books import book_prices

HEX: Final = 16


def traffic_digest(reader: Reader, window: Window) -> str:
    """16 hex characters for the decisions, tokens and signals of a window; the same after a rebuild of the rollups."""
    return _digest(
        record
        for file in ("traffic_digest", "tokens_digest", "caches_digest", "signals_digest")
        for record in reader.select(file, **days(window))
    )


def executions_digest(reader: Reader) -> str:
    """16 hex characters for the executed answers of a project; empty without any."""
    record = reader.one("executions_digest")
    return _digest([record]) if record["n"] else ""


def book_digest(reader: Reader, book: str) -> str:
    """16 hex characters for the prices of a book; empty where it has none."""
    rows = book_prices(reader.client, book)
    return _digest({"row": repr(row)} for row in rows) if rows else ""


def _digest(records: Iterable[Record]) -> str:
    hashed = hashlib.sha256()
    for record in records:
        hashed.update(json.dumps(dict(record), sort_keys=True, default=str).encode())
    return hashed.hexdigest()[:HEX]
