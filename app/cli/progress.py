"""Progress of long work, on stderr, so that stdout holds only the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A function that gets the phase, the amount done, and the total."""
    with _told((TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())) as told:
        yield told


@contextmanager
def call_progress() -> Iterator[Callable[[str, int, int], None]]:
    """The same with the amount done and the speed; a total of 0 is not known yet."""
    columns = (TextColumn("{task.description}"), BarColumn(), _Speed(), TimeElapsedColumn())
    with _told(columns) as told:
        yield told


class _Speed(ProgressColumn):
    """Records done, and per second."""

    def render(self, task: Task) -> Text:
        """`12,000 at 2,150/s`."""
        speed = task.finished_speed or task.speed
        return Text(f"{task.completed:,.0f}" + (f" at {speed:,.0f}/s" if speed else ""))


@contextmanager
def _told(columns: tuple[ProgressColumn, ...]) -> Iterator[Callable[[str, int, int], None]]:
    with Progress(*columns, console=Console(stderr=True)) as bars:
        phases: dict[str, TaskID] = {}

        def told(phase: str, done: int, total: int) -> None:
            if phase not in phases:
                phases[phase] = bars.add_task(phase, total=total or None)
            bars.update(phases[phase], completed=done, total=total or None)

        yield told
