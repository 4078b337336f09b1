"""Store addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow.errors import ConfigError
from shadowroute.collector.store.dsn import parse


def test_a_relative_folder_is_meant_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """chdb://.shadowroute/store is a folder below the working directory, with the default database."""
    monkeypatch.chdir(tmp_path)
    dsn = parse("chdb://.shadowroute/store")
    assert (dsn.path, dsn.database) == (tmp_path / ".shadowroute/store", "shadowroute")


def test_an_absolute_folder_and_a_database() -> None:
    """chdb:/// is absolute; the database is an option; a space may be written as %20."""
    dsn = parse("chdb:///var/lib/my%20store?database=other")
    assert (dsn.path, dsn.database) == (Path("/var/lib/my store"), "other")
    assert str(dsn) == "chdb:///var/lib/my store?database=other"


def test_a_server_has_port_and_database_by_default() -> None:
    """clickhouse:// means 8123, clickhouses:// means 8443 with TLS."""
    assert str(parse("clickhouse://db.internal")) == "clickhouse://db.internal:8123/shadowroute"
    assert parse("clickhouses://db.internal/x").port == 8443


def test_a_password_is_never_shown() -> None:
    """Neither repr nor str nor an error quotes the password."""
    dsn = parse("clickhouse://me:s%40cret@db:9000/x?cluster=main")
    assert (dsn.user, dsn.password, dsn.cluster) == ("me", "s@cret", "main")
    assert "s@cret" not in repr(dsn) + str(dsn)
    with pytest.raises(ConfigError) as caught:
        parse("clickhouse://me:s3cret@db:port/x")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "store",
        "/srv/store",
        "sqlite:///x",
        "chdb://",
        "chdb:///",
        "chdb://x?mode=ro",
        "clickhouse://",
        "clickhouse://h:0x",
        "clickhouse://h/a-b",
        "chdb://x?database=a;drop",
        "clickhouse://h/x?cluster=a'b",
        "clickhouse://h?ssl=1",
    ],
)
def test_what_is_no_address_is_refused_with_advice(text: str) -> None:
    """A malformed address is a ConfigError that says which forms there are, or which rule a name breaks."""
    with pytest.raises(ConfigError, match="must be"):
        parse(text)
