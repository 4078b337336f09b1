"""Lets mypy of a fresh clone begin where an earlier clone ended: `take` before `make check`, `keep` after it.

mypy compares what it finds with the sources by their hashes, so an entry of another commit makes it quicker and never
wrong.
"""

from __future__ import annotations

import shutil
import sys

from tests.support import ci_cache
from tests.support.groups import ROOT

HERE = ROOT / ".mypy_cache"


def take() -> None:
    """Copy the entry, if there is one, to where mypy looks; a copy that fails leaves nothing."""
    entry = ci_cache.place_of("mypy")
    if entry.exists() and not HERE.exists():
        try:
            shutil.copytree(entry, HERE)
        except (OSError, shutil.Error):
            shutil.rmtree(HERE, ignore_errors=True)


def keep() -> None:
    """Make what mypy left the entry."""
    if HERE.exists():
        ci_cache.replace("mypy", make=lambda folder: shutil.copytree(HERE, folder, dirs_exist_ok=True))


if __name__ == "__main__":
    {"take": take, "keep": keep}[sys.argv[1]]()
