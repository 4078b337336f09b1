"""Opening stores: who owns a folder, what a second process is told, migrations."""

from __future__ import annotations

from collector.migrate import migrations, status
from collector.store import Store


def test_a_fresh_store_has_every_migration(store: Store) -> None:
    """Opening a store applies what is missing; a second look finds nothing to do."""
    names = store.client().query("SELECT name FROM schema_migrations ORDER BY number").result_rows
    assert [name for (name,) in names] == [migration.name for migration in migrations()]
    assert all(entry.applied for entry in status(store.client()))


def test_every_column_is_explained(store: Store) -> None:
    """A column of a table has a comment: its meaning and unit."""
    bare = store.client().query(
        "SELECT table, name FROM system.columns WHERE database = {database:String} AND comment = ''"
        " AND (database, table) IN (SELECT database, name FROM system.tables WHERE engine LIKE '%MergeTree')",
        parameters={"database": store.dsn.database},
    )
    assert bare.result_rows == []
