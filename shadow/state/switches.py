"""Kill switches: names of models, providers and policies that must get no request, from calls and from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from shadow.catalogue import Catalogue

POLICY: Final = "policy:"
"""Before the name of a policy. A bare name means a model or a provider."""
BYTES_AT_MOST: Final = 65_536


class Switches:
    """What is switched off. Its owner holds a lock.

    Args:
        catalogue: tells which models a provider serves.
        file: one name a line, `#` begins a comment; absent or empty switches nothing off. None = no file.
    """

    def __init__(self, catalogue: Catalogue, file: Path | None) -> None:
        self._catalogue = catalogue
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._called: set[str] = set()
        self._filed: frozenset[str] = frozenset()

    def kill(self, name: str) -> None:
        """Switch a model, a provider or `policy:NAME` off."""
        self._called.add(name)

    def revive(self, name: str) -> None:
        """Undo `kill`. What the file names stays off."""
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
            Whether something else is off now.

        Raises:
            OSError: it is there and cannot be read. What it said before holds.
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
