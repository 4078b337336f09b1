"""Opening stores: who owns a folder, what a second process is told, migrations."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from shadowroute.collector.errors import (
    MigrationError,
    StoreBusyError,
    StoreError,
    StoreMissingError,
    StoreUnreachableError,
)
from shadowroute.collector.store import Store, embedded, open_store
from shadowroute.collector.store.migrate import migrate, migrations, statements, status
from shadowroute.collector.store.owner import Owner, owner_file, read_owner, remove_owner, write_owner
from tests.support.groups import ROOT


@contextmanager
def other_process(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Runs code until it prints a line; ended by closing its input."""
    program = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        try:
            yield process
        finally:
            if process.poll() is None:
                process.communicate("stop\n", timeout=60)


HOLD = """
    import sys
    from shadowroute.collector.store import open_store
    with open_store(sys.argv[1]):
        print("ready", flush=True)
        sys.stdin.readline()
"""
SERVE = """
    import sys
    from shadowroute.collector.store import open_store
    from shadowroute.collector.serve import CollectorServer
    with open_store(sys.argv[1]) as store, CollectorServer(store, otlp_port=0, clickhouse_port=0, ui_url="http://127.0.0.1:8501"):
        print("ready", flush=True)
        sys.stdin.readline()
"""


def test_a_fresh_store_has_every_migration(engine_folder: Path) -> None:
    """Opening a store applies what is missing and says so; a second look finds nothing to do."""
    with open_store(f"chdb://{engine_folder}?database=fresh") as store:
        assert store.applied == [migration.name for migration in migrations()]
        assert all(entry.applied for entry in status(store.client()))
        assert migrate(store.client()) == []


def test_an_unmigrated_database_is_looked_at_without_being_changed(engine_folder: Path) -> None:
    """status() creates nothing."""
    with open_store(f"chdb://{engine_folder}?database=empty", migrate=False) as opened:
        assert not any(entry.applied for entry in status(opened.client()))
        assert opened.client().query("SHOW TABLES").result_rows == []


def test_an_edited_migration_is_refused(store: Store) -> None:
    """What was applied may not change under it: the error names the file and what to do."""
    store.client().command(
        "ALTER TABLE schema_migrations UPDATE sha256 = 'x' WHERE number = 2 SETTINGS mutations_sync = 2"
    )
    with pytest.raises(MigrationError, match=r"migration 0002: .*differs from the file that was applied") as caught:
        migrate(store.client())
    assert caught.value.number == 2


def test_a_migration_that_was_cut_off_is_run_again(store: Store) -> None:
    """Statements are idempotent: a missing record means run all of the file."""
    store.client().command("ALTER TABLE schema_migrations DELETE WHERE number = 3 SETTINGS mutations_sync = 2")
    assert migrate(store.client()) == [migrations()[2].name]


def test_numbers_of_migrations_have_no_gap() -> None:
    """Append-only: 1, 2, 3 and so on."""
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_on_a_cluster_tables_are_replicated() -> None:
    """The same files, with two substitutions and nothing else."""
    texts = [text for migration in migrations() for text in statements(migration.sql, cluster="main")]
    created = [text for text in texts if text.startswith("CREATE")]
    assert all(" ON CLUSTER main" in text for text in created)
    assert all("ENGINE = Replicated" in text for text in created if "ENGINE" in text)
    assert "ENGINE = ReplicatedReplacingMergeTree(revision)" in "".join(created)


def test_every_column_is_explained(store: Store) -> None:
    """A column of a table has a comment: its meaning and unit."""
    bare = store.client().query(
        "SELECT table, name FROM system.columns WHERE database = {database:String} AND comment = ''"
        " AND (database, table) IN (SELECT database, name FROM system.tables WHERE engine LIKE '%MergeTree')",
        parameters={"database": store.dsn.database},
    )
    assert bare.result_rows == []


def test_stores_of_one_folder_share_the_engine(engine_folder: Path, store: Store) -> None:
    """Two databases of one folder are open at once; closing one leaves the other."""
    with open_store(f"chdb://{engine_folder}?database=neighbour") as other:
        assert other.kind == "embedded"
    assert store.client().command("SELECT 1") == 1


def test_another_folder_in_the_same_process_is_refused(store: Store, tmp_path: Path) -> None:
    """The engine allows one; the error says which is open."""
    with pytest.raises(StoreError, match="one process opens one embedded store"):
        open_store(f"chdb://{tmp_path}/second")
    assert store.client().command("SELECT 1") == 1


def test_a_reader_cannot_write(store: Store) -> None:
    """Pages and reports read; a mistake in them changes nothing."""
    for statement in (
        "INSERT INTO price_book_pins VALUES ('', 'b', now(), '')",
        "DROP TABLE signals",
        "SET max_threads = 1",
    ):
        with pytest.raises(ClickHouseError):
            store.reader().command(statement)
    assert store.reader().query("SELECT count() FROM price_book_pins").result_rows == [(0,)]


def test_each_thread_has_its_own_client_and_it_dies_with_the_thread(store: Store) -> None:
    """Clients serialise their calls, and a page's thread lives for one run only."""
    seen: list[object] = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: seen.append(id(store.client())))
        thread.start()
        thread.join()
    assert id(store.client()) not in seen
    assert store.client() is store.client()
    assert len(list(store._handles)) == 1


def test_a_busy_folder_names_its_process_and_what_to_do(tmp_path: Path) -> None:
    """Another process has it open and does not serve it: pid, since when, advice."""
    dsn = f"chdb://{tmp_path}/store"
    with other_process(HOLD, dsn) as holder:
        with pytest.raises(StoreBusyError) as caught:
            open_store(dsn)
        assert caught.value.pid == holder.pid
        assert f"is open in pid {holder.pid} (" in str(caught.value)
        assert "since " in str(caught.value)
        assert str(caught.value).endswith("Stop that process, or name another --store.")


def test_a_served_folder_is_reached_through_its_owner(tmp_path: Path) -> None:
    """The same address works while another process has it open: reads and inserts go over HTTP."""
    dsn = f"chdb://{tmp_path}/store"
    with other_process(SERVE, dsn) as owner:
        with open_store(dsn) as opened:
            assert (opened.kind, opened.owner is not None and opened.owner.pid) == ("owner", owner.pid)
            opened.client().insert("price_book_pins", [["p", "b", "2026-01-01 00:00:00", "x"]])
            assert opened.reader().query("SELECT project, book FROM price_book_pins").result_rows == [("p", "b")]
        with pytest.raises(StoreBusyError, match=r"Use it: http://127\.0\.0\.1:8501, or stop that process"):
            open_store(dsn, own=True)
        assert owner_file(tmp_path / "store").stat().st_mode & 0o777 == 0o600
    assert not owner_file(tmp_path / "store").exists()


def test_an_owner_file_that_outlived_its_process_is_ignored(tmp_path: Path) -> None:
    """After a crash the folder is free again: it is opened, not reached over HTTP."""
    dsn = f"chdb://{tmp_path}/store"
    with other_process(SERVE, dsn) as owner:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    assert owner_file(tmp_path / "store").exists()
    code = "import sys; from shadowroute.collector.store import open_store; print(open_store(sys.argv[1]).kind)"
    done = subprocess.run([sys.executable, "-c", code, dsn], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "embedded"


def test_a_server_that_is_not_there_is_named() -> None:
    """The address without its password, the reason, and what to do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        StoreUnreachableError, match=rf"store clickhouse://127\.0\.0\.1:{port}/x does not answer"
    ) as caught:
        open_store(f"clickhouse://me:s3cret@127.0.0.1:{port}/x")
    assert "s3cret" not in str(caught.value)


def test_an_owner_file_is_private_complete_and_only_removed_by_its_process(tmp_path: Path) -> None:
    """The token is readable by its user only, and not in repr."""
    mine = Owner(
        pid=os.getpid(), since="09:12", clickhouse_url="http://127.0.0.1:8123", otlp_url="o", ui_url="u", token="t0k"
    )
    write_owner(tmp_path / "store", mine)
    assert read_owner(tmp_path / "store") == mine
    assert "t0k" not in repr(mine)
    write_owner(tmp_path / "store", Owner(pid=1, since=""))
    remove_owner(tmp_path / "store")
    assert owner_file(tmp_path / "store").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', "\x00"])
def test_a_broken_owner_file_is_no_owner(tmp_path: Path, text: str) -> None:
    """Half a file or another one is ignored."""
    owner_file(tmp_path / "store").write_text(text)
    assert read_owner(tmp_path / "store") is None


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    """Not the engine's text, but the folder and what to do."""
    (tmp_path / "file").write_text("x")
    code = "import sys; from shadowroute.collector.store import open_store; open_store(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, f"chdb://{tmp_path}/file/store"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "StoreError: store must be a writable folder, got" in done.stderr


def test_the_engine_closes_with_its_last_user(tmp_path: Path) -> None:
    """Afterwards another process can open the folder."""
    code = """
        import sys
        from shadowroute.collector.store import embedded
        from shadowroute.collector.store import open_store
        first, second = open_store(sys.argv[1]), open_store(sys.argv[1])
        path = first.dsn.path
        first.close(); first.close()
        assert embedded.is_open_here(path)
        second.close()
        assert not embedded.is_open_here(path)
        assert not (path / "status").exists()
        with open_store(sys.argv[1]): pass
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), f"chdb://{tmp_path}/store"], cwd=ROOT, check=True)
    assert not embedded.is_open_here(tmp_path / "store")


def test_a_database_that_is_missing_is_not_made(engine_folder: Path) -> None:
    """Without `create`, a wrong folder and a wrong database are refused, and neither exists afterwards."""
    beside = engine_folder.with_name("beside")
    with pytest.raises(StoreMissingError, match=f"none at chdb://{beside}; correct --store"):
        open_store(f"chdb://{beside}", create=False)
    assert not beside.exists()
    with pytest.raises(StoreMissingError, match=r"\?database=mistyped; correct --store"):
        open_store(f"chdb://{engine_folder}?database=mistyped", create=False)
    with embedded.connect(engine_folder) as root:
        assert not root.command("SELECT count() FROM system.databases WHERE name = 'mistyped'")
