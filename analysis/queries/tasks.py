"""Data of the routing worksheet: live requests by task, their plans and their cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from shadowroute.analysis.queries.reader import Reader, days
from shadowroute.analysis.queries.records import row_of
from shadowroute.analysis.selection import Window
from shadowroute.analysis.stats.log_bins import BinRow

_UNTIMED: Final = {"timed_n": 0, "bins": (), "weights": ()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskRow:
    """Live requests of one task in one bucket.

    Attributes:
        n: requests. token_n: of these, with known tokens, which the token sums are of.
        judged_n: cascades whose first answer was judged. refused_n: of these, refused.
        timed_n: requests of the sample with a known time; `bins` holds it.
    """

    task: str
    bucket: int
    n: int
    token_n: int
    input_tokens: float
    output_tokens: float
    judged_n: int
    refused_n: int
    timed_n: int
    bins: BinRow


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A plan that live made for a task, as JSON steps."""

    task: str
    model: str
    steps: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCost:
    """Cost of a task's live requests, USD; too low if a model in `unpriced` has no price."""

    task: str
    usd: float
    unpriced: tuple[str, ...]
    days: frozenset[date]


def tasks(reader: Reader, window: Window) -> list[TaskRow]:
    """Live requests by task and bucket; their times are those of the sample."""
    times = {(record["task"], record["bucket"]): record for record in reader.select("worksheet_times", **days(window))}
    return [
        row_of(TaskRow, {**record, **times.get((record["task"], record["bucket"]), _UNTIMED)})
        for record in reader.select("worksheet_tasks", **days(window))
    ]


def plans(reader: Reader, window: Window) -> list[PlanRow]:
    """The most frequent plans of each task, the first one first."""
    return [row_of(PlanRow, record) for record in reader.select("worksheet_plans", **days(window))]


def costs(reader: Reader, window: Window, book: str) -> list[TaskCost]:
    """Cost of each task."""
    return [row_of(TaskCost, record) for record in reader.select("worksheet_costs", book=book, **days(window))]
