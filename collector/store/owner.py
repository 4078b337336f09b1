"""The owner of an embedded store: `<store>.owner.json`, readable by its user only.

One process owns an embedded store. The process that serves it writes its addresses and a random token beside the
store, so that every other command given the same address finds its way in.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

_PID: Final = re.compile(r"^PID: (\d+)$", re.MULTILINE)
_STARTED: Final = re.compile(r"^Started at: \S+ (\d\d:\d\d)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that serves a store.

    Attributes:
        since: start, local time `HH:MM`.
        clickhouse_url: ClickHouse HTTP interface, `http://127.0.0.1:8123`; empty if not served.
        otlp_url: OTLP receiver, `http://127.0.0.1:4318`.
        ui_url: review app; empty if not served.
        token: password of both, random per start; never in `repr`.
    """

    pid: int
    since: str
    clickhouse_url: str = ""
    otlp_url: str = ""
    ui_url: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds the engine's lock, as written by the engine."""

    pid: int | None
    since: str


def owner_file(path: Path) -> Path:
    """The file beside the store folder."""
    return path.with_name(path.name + ".owner.json")


def write_owner(path: Path, owner: Owner) -> None:
    """Write the file atomically, mode 0600 from its first byte."""
    target = owner_file(path)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(owner), file)
    temporary.replace(target)


def remove_owner(path: Path) -> None:
    """Remove the file on a clean stop; only if it is this process's own."""
    owner = read_owner(path)
    if owner is not None and owner.pid == os.getpid():
        owner_file(path).unlink(missing_ok=True)


def read_owner(path: Path) -> Owner | None:
    """The file's content; None if there is no file, or it is not an owner file."""
    try:
        document = json.loads(owner_file(path).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(document, Mapping) or not isinstance(document.get("pid"), int):
        return None
    texts = {name: str(document.get(name, "")) for name in ("since", "clickhouse_url", "otlp_url", "ui_url", "token")}
    return Owner(pid=document["pid"], **texts)


def holder_of(path: Path) -> Holder | None:
    """The process that has the engine of this folder open; None if it is free.

    The engine keeps an flock on `<path>/status` and removes the file when it closes. Must not be asked for a store
    that this process has open: its own lock would answer.
    """
    try:
        descriptor = os.open(path / "status", os.O_RDONLY)
    except OSError:  # absent or not readable: opening the engine reports it
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        text = os.read(descriptor, 4096).decode(errors="replace")
        pid, started = _PID.search(text), _STARTED.search(text)
        return Holder(int(pid[1]) if pid else None, started[1] if started else "")
    finally:
        os.close(descriptor)
    return None


def command_of(pid: int) -> str:
    """How a process was started, at most two words (`shadowroute up`); empty if the system does not report it."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    words = [Path(word.decode(errors="replace")).name for word in raw.split(b"\0") if word]
    if len(words) > 1 and words[0].startswith("python"):
        words = [word for word in words[1:] if not word.startswith("-")] or words
    return " ".join(words[:2])
