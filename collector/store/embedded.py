"""The embedded ClickHouse engine of this process: one folder at a time, shared by every store on it.

The engine is a library: a second folder in one process, or a second process on one folder, is refused by it with
an error that names neither. Here both are checked first, and the last store that closes closes the engine.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from shadowroute.collector.errors import StoreBusyError, StoreError
from shadowroute.collector.store.owner import Holder, command_of, holder_of, read_owner

_lock = threading.Lock()
_anchor: Client | None = None
_folder: Path | None = None
_users = 0


def acquire(path: Path) -> None:
    """Open the engine on a folder, or share it if this process has it open.

    Raises:
        StoreBusyError: another process has the folder open.
        StoreError: this process has another folder open, or the folder is not a store.
    """
    global _anchor, _folder, _users  # noqa: PLW0603  # the engine itself is one per process
    folder = path.resolve()
    with _lock:
        if _folder != folder:
            _refuse_busy(path)
            if _folder is not None:
                raise StoreError(
                    f"one process opens one embedded store: {_folder} is open, got {folder}; close it first"
                )
            _anchor = _open(path, folder)
            _folder = folder
        _users += 1


def release() -> None:
    """Release an engine of `acquire`; the last release closes it."""
    global _anchor, _folder, _users  # noqa: PLW0603  # see acquire
    with _lock:
        _users -= 1
        if _users == 0 and _anchor is not None:
            _anchor.close()
            _anchor = _folder = None


def exists(path: Path) -> bool:
    """Whether the folder is an engine's: it keeps its databases' definitions in `metadata`. Opens nothing."""
    return is_open_here(path) or (path / "metadata").is_dir()


def is_open_here(path: Path) -> bool:
    """Whether this process has the folder open."""
    return _folder is not None and _folder == path.resolve()


def connect(path: Path, database: str = "default", settings: Mapping[str, Any] | None = None) -> Client:
    """A new handle with its own settings and database. Handles serialise their calls: one per thread."""
    return clickhouse_connect.get_client(
        interface="chdb", path=str(path.resolve()), database=database, settings=dict(settings or {})
    )


def busy_message(path: Path, holder: Holder) -> str:
    """The process that has the store open, its start, and the next step."""
    command = command_of(holder.pid) if holder.pid else ""
    facts = ", ".join(filter(None, [command, f"since {holder.since}" if holder.since else ""]))
    owner = read_owner(path)
    served = owner if owner is not None and owner.pid == holder.pid else None
    use = f"Use it: {served.ui_url or served.clickhouse_url}, or stop that process." if served else ""
    who = f"pid {holder.pid}" if holder.pid else "another process"
    advice = use or "Stop that process, or name another --store."
    return f"{_shown(path)} is open in {who}{f' ({facts})' if facts else ''}. {advice}"


def _open(path: Path, folder: Path) -> Client:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"store must be a writable folder, got {path} ({error.strerror}); name another --store"
        raise StoreError(reason) from error
    try:
        return connect(folder)
    except ClickHouseError as error:
        _refuse_busy(path)
        reason = f"{_shown(path)} cannot be opened as an embedded store ({error}); name another --store"
        raise StoreError(reason) from error


def _refuse_busy(path: Path) -> None:
    holder = holder_of(path)
    if holder is not None:
        raise StoreBusyError(busy_message(path, holder), pid=holder.pid)


def _shown(path: Path) -> str:
    """The path for messages: relative if it lies below the working directory."""
    working = Path.cwd()
    return str(path.relative_to(working)) if path.is_relative_to(working) else str(path)
