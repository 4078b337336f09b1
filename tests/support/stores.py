"""Embedded stores for tests: one engine folder per test session, a fresh database per test.

One process can open one engine folder, so tests that need a second owner start a subprocess.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shadowroute.collector.store import Store, open_store

_numbers = itertools.count(1)


def database_dsn(folder: Path) -> str:
    """Address of a database that no other test has used."""
    return f"chdb://{folder}?database=test_{next(_numbers)}"


@contextmanager
def fresh_store(folder: Path) -> Iterator[Store]:
    """A migrated store in a database of its own; the database is dropped at the end."""
    opened = open_store(database_dsn(folder), own=True)
    try:
        yield opened
    finally:
        opened.client().command(f"DROP DATABASE {opened.dsn.database} SYNC")
        opened.close()
