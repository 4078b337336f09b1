"""Kill switches: names of models, providers and policies that must get no request, from calls and from a file."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

from shadow.prices.catalogue import Catalogue

POLICY: Final = "policy:"
"""Prefix of the name of a policy. A bare name means a model or a provider."""
BYTES_AT_MOST: Final = 65_536
CHECK_EVERY_S: Final = 1.0


class Switches:
    """The kill switches. Their owner holds a lock.

    Args:
        catalogue: has the models of each provider.
        file: one name per line, `#` begins a comment; an absent or empty one has no switch on. None = no file.
    """

    def __init__(self, catalogue: Catalogue, file: Path | None) -> None:
        self._catalogue = catalogue
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._called: set[str] = set()
        self._filed: frozenset[str] = frozenset()

    def adopt(self, catalogue: Catalogue, file: Path | None) -> None:
        """Use other models and another file, which is read at the next look."""
        self._catalogue = catalogue
        if file != self._file:
            self._file, self._stamp = file, None
            self._filed = frozenset() if file is None else self._filed

    def kill(self, name: str) -> None:
        """Switch a model, a provider or `policy:NAME` off."""
        self._called.add(name)

    def revive(self, name: str) -> None:
        """Undo `kill`. Names in the file stay off."""
        self._called.discard(name)

    @property
    def names(self) -> frozenset[str]:
        """Everything that is off: given names, and the models of given providers by their own names."""
        given = self._filed.union(self._called)
        models = (
            m.name for m in self._catalogue.models.values() if given.intersection((m.provider, m.name, *m.aliases))
        )
        return given.union(models)

    def read_file(self) -> bool:
        """Read the file if it changed.

        Returns:
            Whether a switch changed.

        Raises:
            OSError: it exists and cannot be read. The earlier names stay off.
        """
        if self._file is None:
            return False
        try:
            stat = self._file.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except FileNotFoundError:
            stamp = None
        if stamp == self._stamp:
            return False
        filed = frozenset() if stamp is None else _names(self._file)
        self._stamp = stamp
        changed = filed != self._filed
        self._filed = filed
        return changed


def _names(file: Path) -> frozenset[str]:
    with file.open("rb") as opened:
        text = opened.read(BYTES_AT_MOST).decode("utf-8", "replace")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return frozenset(line for line in lines if line)


class FileWatcher:
    """Reads the file once a second, on its own daemon thread: a slow disk must not delay a request.

    Args:
        look: bound method that reads the file; the thread ends when its object is gone. It must not raise.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = weakref.WeakMethod(look)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=_look_again, args=(self._look,), name="shadowroute-kill-file", daemon=True
            )
            self._thread.start()

    def forget_thread(self) -> None:
        """In a forked child the thread does not exist."""
        self._thread = None


def _look_again(method: weakref.WeakMethod[Callable[[], None]]) -> None:
    pause = threading.Event()
    while (look := method()) is not None:
        look()
        del look  # so that the object may be freed during the pause
        pause.wait(CHECK_EVERY_S)
