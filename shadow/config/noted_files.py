"""Reads the files of a routing folder, and notes their paths and digests.

A reload watches these files, absent ones included, because they may be created.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

Digests = dict[Path, str]
"""File to the SHA-256 of its content; empty if it cannot be read."""

ABSENT: Final = ""
EVERYTHING: Final = -1

_notes: ContextVar[tuple[Digests, ...]] = ContextVar("shadowroute_files", default=())


@contextmanager
def noted_files() -> Iterator[Digests]:
    """Every file that is read inside the block, with its digest. Blocks may be nested."""
    digests: Digests = {}
    token = _notes.set((*_notes.get(), digests))
    try:
        yield digests
    finally:
        _notes.reset(token)


def read_bytes(file: Path, at_most: int = EVERYTHING) -> bytes:
    """The content of a file, up to a number of bytes.

    Raises:
        OSError: it cannot be read.
    """
    note_absent(file)
    with file.open("rb") as opened:
        body = opened.read(at_most)
    digest = hashlib.sha256(body).hexdigest()
    for digests in _notes.get():
        digests[file] = digest
    return body


def note_absent(file: Path) -> None:
    """Note an absent file that would be read if it existed."""
    for digests in _notes.get():
        digests.setdefault(file, ABSENT)


def digest_of(file: Path) -> str:
    """The current digest of a file, as in `noted_files`."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ABSENT
