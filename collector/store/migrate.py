"""Numbered SQL files, applied once and checksummed.

A file is valid SQL as it stands, for one engine. For a cluster, engines become their Replicated twins and
`/*ON_CLUSTER*/` becomes `ON CLUSTER name`; nothing else is substituted. Statements are idempotent (IF NOT EXISTS),
so an interrupted migration is simply run again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from shadowroute.collector.errors import MigrationError

_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_ENGINE: Final = re.compile(r"ENGINE = (?=\w*MergeTree\b)")
_RECORD: Final = """CREATE TABLE IF NOT EXISTS schema_migrations /*ON_CLUSTER*/ (
  number UInt32 COMMENT 'of the file',
  name String COMMENT 'of the file',
  sha256 String COMMENT 'of its content when it was applied',
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'UTC'
) ENGINE = ReplacingMergeTree ORDER BY number"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Checksum of the file's text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """A shipped migration, and whether a store has it."""

    number: int
    name: str
    applied: bool


def migrations() -> list[Migration]:
    """Every file that ships with the package, by number."""
    folder = files("shadowroute.collector") / "migrations"
    found = [entry for entry in folder.iterdir() if _NAME.fullmatch(entry.name)]
    return sorted(
        (Migration(int(entry.name[:4]), entry.name, entry.read_text()) for entry in found), key=lambda m: m.number
    )


def statements(sql: str, *, cluster: str = "") -> list[str]:
    """The statements of a file, ready to run on one engine or on a cluster."""
    text = "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
    if cluster:
        text = _ENGINE.sub("ENGINE = Replicated", text)
    text = text.replace("/*ON_CLUSTER*/", f"ON CLUSTER {cluster}" if cluster else "")
    return [part.strip() for part in re.split(r";\s*(?:\n|$)", text) if part.strip()]


def migrate(client: Client, *, cluster: str = "") -> list[str]:
    """Apply what is missing, in order, in the client's database.

    Returns:
        Names of the files that were applied now; empty if there was nothing to do.

    Raises:
        MigrationError: a file differs from the one that was applied, or a statement failed.
    """
    (record,) = statements(_RECORD, cluster=cluster)
    client.command(record)
    done = _applied(client)
    applied = []
    for migration in migrations():
        if migration.number in done:
            _verify(migration, done[migration.number])
            continue
        _apply(client, migration, cluster)
        applied.append(migration.name)
    return applied


def status(client: Client) -> list[MigrationStatus]:
    """Every shipped migration and whether the client's database has it; changes nothing."""
    done = _applied(client) if client.command("EXISTS TABLE schema_migrations") else {}
    return [MigrationStatus(m.number, m.name, applied=m.number in done) for m in migrations()]


def _applied(client: Client) -> dict[int, str]:
    rows = client.query("SELECT number, sha256 FROM schema_migrations FINAL ORDER BY number").result_rows
    return {int(number): str(checksum) for number, checksum in rows}


def _verify(migration: Migration, checksum: str) -> None:
    if migration.sha256 != checksum:
        raise MigrationError(
            migration.number,
            f"{migration.name} differs from the file that was applied to this store; "
            "restore it, and put the change into a new migration",
        )


def _apply(client: Client, migration: Migration, cluster: str) -> None:
    for statement in statements(migration.sql, cluster=cluster):
        try:
            client.command(statement)
        except ClickHouseError as error:
            raise MigrationError(migration.number, f"{migration.name}: {error}") from error
    client.insert(
        "schema_migrations",
        [[migration.number, migration.name, migration.sha256]],
        column_names=["number", "name", "sha256"],
    )
