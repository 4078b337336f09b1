"""Opens a store: embedded in this process, owned by another one, or a ClickHouse server."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final, Literal, Self

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from shadowroute.collector.errors import StoreBusyError, StoreMissingError, StoreUnreachableError, said_first
from shadowroute.collector.store import embedded, owner_client
from shadowroute.collector.store.dsn import Dsn, parse
from shadowroute.collector.store.migrate import migrate as apply_migrations
from shadowroute.collector.store.owner import Owner, holder_of, read_owner

Kind = Literal["embedded", "owner", "server"]
Connect = Callable[[Mapping[str, Any]], Client]

WRITER_SETTINGS: Final[Mapping[str, Any]] = {"max_partitions_per_insert_block": 0}
"""A batch may span many months (imports): without this the engine refuses the whole insert."""

READER_LIMITS: Final[Mapping[str, Any]] = {"max_execution_time": 60, "max_memory_usage": 4_000_000_000}
"""Seconds and bytes per query of a reader."""


class _Handle:
    """Owner of one thread's client; it dies with the thread, and closes the client then."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.close = weakref.finalize(self, client.close)


class Store:
    """An open store. `client()` and `reader()` give each thread its own connection; do not share it.

    Keep the store as long as you use its clients: they close with it.

    Attributes:
        dsn: the address it was opened with.
        kind: embedded (this process owns the engine), owner (another process does, reached over its ClickHouse HTTP
            interface) or server.
        owner: of an embedded store; None for a server, and for an embedded one until it is served.
        applied: migrations that opening it applied.
    """

    def __init__(self, dsn: Dsn, kind: Kind, connect: Connect, *, owner: Owner | None = None) -> None:
        self.dsn = dsn
        self.kind = kind
        self.owner = owner
        self.applied: list[str] = []
        self._connect = connect
        self._local = threading.local()
        self._lock = threading.Lock()
        self._handles: weakref.WeakSet[_Handle] = weakref.WeakSet()
        self._closed = False

    def client(self) -> Client:
        """This thread's client for reads and writes."""
        return self._cached("writer", {} if self.kind == "owner" else WRITER_SETTINGS)

    def reader(self) -> Client:
        """This thread's client for reads, limited in time and memory; the embedded one cannot write.

        A read-only embedded handle refuses every per-call setting: bind parameters only.
        """
        # Order counts: once readonly is set, no other setting can be.
        return self._cached("reader", {**READER_LIMITS, "readonly": 1} if self.kind == "embedded" else READER_LIMITS)

    def close(self) -> None:
        """Close every client; the last store on an embedded engine closes the engine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            handles = list(self._handles)
        for handle in handles:
            handle.close()
        if self.kind == "embedded":
            embedded.release()

    def _cached(self, role: str, settings: Mapping[str, Any]) -> Client:
        handle: _Handle | None = getattr(self._local, role, None)
        if handle is None:
            handle = _Handle(self._connect(settings))
            with self._lock:
                self._handles.add(handle)
            setattr(self._local, role, handle)
        return handle.client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(dsn: str | Dsn, *, own: bool = False, migrate: bool = True, create: bool = True) -> Store:
    """Open a store by its address.

    Args:
        dsn: `chdb://FOLDER` or `clickhouse://...`.
        own: the embedded store must be owned by this process; else another owner is reached over HTTP.
        migrate: apply missing migrations (never in a store that another process owns).
        create: create a missing store. Commands that only read do not: a mistyped path must not become an
            empty store.

    Raises:
        ConfigError: the address is malformed.
        StoreMissingError: there is no store at the address, and `create` is not set.
        StoreBusyError: another process has the folder open, and `own` is set or it does not serve it.
        StoreUnreachableError: the server does not answer or refuses the user.
        MigrationError: a migration was edited or failed.
    """
    parsed = parse(dsn) if isinstance(dsn, str) else dsn
    if parsed.path is None:
        return _server(parsed, migrate=migrate, create=create)
    if not create and not embedded.exists(parsed.path):
        raise StoreMissingError(parsed)
    if not own and not embedded.is_open_here(parsed.path):
        owner = _owner_of(parsed)
        if owner is not None:
            return _owned_elsewhere(parsed, owner)
    return _embedded(parsed, migrate=migrate, create=create)


def _owner_of(dsn: Dsn) -> Owner | None:
    """The serving owner of a busy folder; None if it is free. The file alone proves nothing: it survives a crash."""
    assert dsn.path is not None  # noqa: S101  # only embedded addresses come here
    holder = holder_of(dsn.path)
    if holder is None:
        return None
    owner = read_owner(dsn.path)
    if owner is None or owner.pid != holder.pid or not owner.clickhouse_url:
        raise StoreBusyError(embedded.busy_message(dsn.path, holder), pid=holder.pid)
    return owner


def _embedded(dsn: Dsn, *, migrate: bool, create: bool) -> Store:
    path = dsn.path
    assert path is not None  # noqa: S101  # only embedded addresses come here
    embedded.acquire(path)
    try:
        with embedded.connect(path) as root:
            if create:
                # Atomic: the engine's default database cannot swap partitions and tables as the rollups need.
                root.command(f"CREATE DATABASE IF NOT EXISTS {dsn.database} ENGINE = Atomic")
            else:
                _require_database(root, dsn)
        store = Store(dsn, "embedded", partial(embedded.connect, path, dsn.database))
        if migrate:
            store.applied = apply_migrations(store.client())
    except BaseException:
        embedded.release()
        raise
    return store


def _owned_elsewhere(dsn: Dsn, owner: Owner) -> Store:
    store = Store(dsn, "owner", partial(owner_client.clickhouse, owner, dsn.database), owner=owner)
    store.client()
    return store


def _require_database(root: Client, dsn: Dsn) -> None:
    """Require a migrated database; an existing name alone is not enough.

    Raises:
        StoreMissingError: it is not there.
    """
    found = root.query(
        "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'",
        parameters={"database": dsn.database},
    )
    if not found.result_rows[0][0]:
        raise StoreMissingError(dsn)


def _server(dsn: Dsn, *, migrate: bool, create: bool) -> Store:
    if migrate or not create:
        with _http(dsn, database="default")({}) as root:
            if create:
                on_cluster = f" ON CLUSTER {dsn.cluster}" if dsn.cluster else ""
                root.command(f"CREATE DATABASE IF NOT EXISTS {dsn.database}{on_cluster}")
            else:
                _require_database(root, dsn)
    # The receiver batches by itself; a server's own batching would answer before the rows are stored.
    connect = _http(dsn)
    store = Store(dsn, "server", lambda settings: connect({**settings, "async_insert": 0}))
    client = store.client()
    if migrate:
        store.applied = apply_migrations(client, cluster=dsn.cluster)
    return store


def _http(dsn: Dsn, *, database: str | None = None) -> Connect:
    def connect(settings: Mapping[str, Any]) -> Client:
        try:
            return clickhouse_connect.get_client(
                host=dsn.host,
                port=dsn.port,
                username=dsn.user,
                password=dsn.password,
                database=database or dsn.database,
                secure=dsn.scheme == "clickhouses",
                settings=dict(settings),
                # Threads have their own clients; a server session would only add a lock.
                autogenerate_session_id=False,
            )
        except ClickHouseError as error:
            raise StoreUnreachableError(
                f"store {dsn} does not answer or refuses user {dsn.user!r} ({said_first(error)}); start it, or use"
                " another --store"
            ) from error

    return connect
