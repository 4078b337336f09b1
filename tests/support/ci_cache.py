"""What is dear to make and outlives a clone lies in `~/.cache/shadowroute-ci`, or where `SHADOWROUTE_CI_CACHE` says.

An entry is made under a temporary name and renamed when it is whole, so one that is there can be used; its name holds a
hash of what it was made from. Nothing needs an entry to be there, and all may be deleted at any time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.groups import ROOT

KEPT = 4
"""Entries of one kind that stay: those that were used last."""

Fill = Callable[[Path], object]
"""Fills an empty folder, which is moved afterwards: nothing in it may hold its own path."""


def cache_folder() -> Path:
    """Where the entries lie; made if it is not there."""
    named = os.environ.get("SHADOWROUTE_CI_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    made = Path(named) if named else Path(home) / "shadowroute-ci"
    made.mkdir(parents=True, exist_ok=True)
    return made


def place_of(kind: str, *made_of: str) -> Path:
    """The folder of an entry, which need not be there. It also depends on the interpreter and on the lock file."""
    lock = (ROOT / "requirements" / "dev.lock").read_text()
    everything = repr((made_of, platform.python_version(), sys.base_prefix, lock))
    return cache_folder() / f"{kind}-{hashlib.sha256(everything.encode()).hexdigest()[:16]}"


def found_or_made(kind: str, *made_of: str, make: Fill) -> Path:
    """The entry of a kind that was made of this; made now if there is none."""
    place = place_of(kind, *made_of)
    with _alone(kind):
        if not place.exists():
            _put(place, make)
        _used(place, kind)
    return place


def replace(kind: str, *made_of: str, make: Fill) -> None:
    """Make the entry anew."""
    place = place_of(kind, *made_of)
    with _alone(kind):
        _put(place, make)
        _used(place, kind)


@contextmanager
def _alone(kind: str) -> Iterator[None]:
    """Test processes run side by side, and so do runs of other clones."""
    with (cache_folder() / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _put(place: Path, make: Fill) -> None:
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=place.parent) as folder:
        made = Path(folder) / "made"
        made.mkdir()
        make(made)
        if place.exists():
            place.rename(Path(folder) / "old")
        made.rename(place)


def _used(place: Path, kind: str) -> None:
    os.utime(place)
    by_use = sorted(place.parent.glob(f"{kind}-*"), key=lambda each: each.stat().st_mtime, reverse=True)
    for old in by_use[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
