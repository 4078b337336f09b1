"""Progress of long work: the phase, the amount done, and the total."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

Progress = Callable[[str, int, int], None]
"""Called with the phase, the amount done, and the total; 0 = not known yet."""

TOLD_EVERY: Final = 200
"""Items between two reports."""
T = TypeVar("T")


def silent(phase: str, done: int, total: int) -> None:
    """For work without a progress display."""


def watched(items: Iterable[T], progress: Progress, phase: str, total: int = 0) -> Iterator[T]:
    """The items; progress is reported at intervals and at the end."""
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        if done % TOLD_EVERY == 0:
            progress(phase, done, total)
    progress(phase, done, done)
