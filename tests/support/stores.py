"""Embedded stores for tests: one engine folder per test session, an empty database per test.

One process can open one engine folder, so tests that need a second owner start a subprocess. Migrating a database costs
more than most tests do: one that is as its migrations left it, but for rows, is emptied and given to a later test.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shadowroute.collector.store import Store, open_store

_numbers = itertools.count(1)
_empty: dict[Path, list[str]] = {}
"""Addresses of migrated databases without a row, by engine folder."""

_TABLES = """
SELECT name, engine, create_table_query, total_rows > 0 FROM system.tables
WHERE database = currentDatabase() ORDER BY name
"""
_UNFINISHED = "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND NOT is_done"
_MIGRATIONS = "schema_migrations"


def database_dsn(folder: Path) -> str:
    """Address of a database that no other test has used."""
    return f"chdb://{folder}?database=test_{next(_numbers)}"


@contextmanager
def fresh_store(folder: Path) -> Iterator[Store]:
    """A migrated store without a row, in a database that no other test uses at the same time."""
    waiting = _empty.setdefault(folder, [])
    opened = open_store(waiting.pop() if waiting else database_dsn(folder), own=True)
    before = _schema(opened)
    try:
        yield opened
    finally:
        if _schema(opened) == before and not opened.client().command(_UNFINISHED):
            _delete_rows(opened)
            waiting.append(str(opened.dsn))
        else:
            opened.client().command(f"DROP DATABASE {opened.dsn.database} SYNC")
        opened.close()


def _schema(store: Store) -> list[tuple[str, str]]:
    rows = store.client().query(_TABLES).result_rows
    applied = store.client().query(f"SELECT toString(tuple(*)) FROM {_MIGRATIONS} FINAL ORDER BY number").result_rows
    return [*((name, query) for name, _, query, _ in rows), *((_MIGRATIONS, text) for (text,) in applied)]


def _delete_rows(store: Store) -> None:
    for name, engine, _, is_filled in store.client().query(_TABLES).result_rows:
        if is_filled and name != _MIGRATIONS and engine.endswith("MergeTree"):
            store.client().command(f"TRUNCATE TABLE {name} SYNC")
