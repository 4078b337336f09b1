"""What the routing worksheet reads: live requests by task, their plans and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from shadowroute.analysis.queries.reader import Reader, Record, days
from shadowroute.analysis.selection import Window
from shadowroute.analysis.stats.log_bins import BinRow


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
    """What a task's live requests cost, USD; too little where a model in `unpriced` has no price."""

    task: str
    usd: float
    unpriced: tuple[str, ...]
    days: frozenset[date]


def tasks(reader: Reader, window: Window) -> list[TaskRow]:
    """Live requests by task and bucket; their times are those of the sample."""
    times = {(record["task"], record["bucket"]): record for record in reader.select("worksheet_times", **days(window))}
    return [
        TaskRow(
            task=record["task"],
            bucket=record["bucket"],
            n=record["n"],
            token_n=record["token_n"],
            input_tokens=record["input_tokens"],
            output_tokens=record["output_tokens"],
            judged_n=record["judged_n"],
            refused_n=record["refused_n"],
            **_timed(record["bucket"], times.get((record["task"], record["bucket"]))),
        )
        for record in reader.select("worksheet_tasks", **days(window))
    ]


def _timed(bucket: int, record: Record | None) -> dict[str, Any]:
    bins, weights = (record["bins"], record["weights"]) if record else ((), ())
    counted = BinRow(bucket, np.asarray(bins, dtype=np.float64), np.asarray(weights, dtype=np.float64))
    return {"timed_n": record["timed_n"] if record else 0, "bins": counted}


def plans(reader: Reader, window: Window) -> list[PlanRow]:
    """The most frequent plans of each task, the first one first."""
    return [
        PlanRow(task=record["task"], model=record["model"], steps=record["steps"], n=record["n"])
        for record in reader.select("worksheet_plans", **days(window))
    ]


def costs(reader: Reader, window: Window, book: str) -> list[TaskCost]:
    """What each task cost."""
    return [
        TaskCost(
            task=record["task"],
            usd=record["usd"],
            unpriced=tuple(record["unpriced"]),
            days=frozenset(record["days"]),
        )
        for record in reader.select("worksheet_costs", book=book, **days(window))
    ]
