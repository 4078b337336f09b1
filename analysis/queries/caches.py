"""What prompt caches held: of live's calls as they were billed, of a shadow's as far as its sessions tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from shadowroute.analysis.cost_cube import Line
from shadowroute.analysis.queries.reader import Reader, days, of_policy
from shadowroute.analysis.queries.records import Record, by_value, grouped, policy_of, row_of
from shadowroute.analysis.selection import ALL, PolicyRef, Segment, Slice, Window
from shadowroute.analysis.summaries import Floats, spread

LATER: Final = ("minute", "five_minutes", "hour", "later")
"""States of a call whose session called the model before, the shortest time first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveCalls:
    """Paid calls of one model in one state, (256,) each; tokens are weighted by 1/sample_rate.

    Attributes:
        n: calls.
        input: tokens of the prompts.
        reach: of these, at most as many as the last call of the model had; 0 without one.
        start: of these, at most as many as the session's first turn had.
        read, write: tokens read from the cache and written into it.
    """

    n: Floats
    input: Floats
    reach: Floats
    start: Floats
    read: Floats
    write: Floats

    def __add__(self, other: LiveCalls) -> LiveCalls:
        return LiveCalls(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})


LiveCaches = Mapping[tuple[str, str, str], LiveCalls]
"""(model, state, task) to its calls."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CacheCell:
    """Calls of a shadow that stand alike in their caches, (256,) each, at the prices of one book.

    Attributes:
        tokens: of the prompts.
        prompt_read_usd: what the prompts would cost less if all of them were read.
        start_read_usd: the same of what the session's first turn may share with other sessions.
        reach_read_usd: the same of what the last call of the model may have left.
        prompt_write_usd, start_write_usd, reach_write_usd: what the same tokens would cost more if they were written.
        known_usd: what live was billed after the same last turn, less what the cost cube takes for kept.
    """

    tokens: Floats
    prompt_read_usd: Floats
    start_read_usd: Floats
    reach_read_usd: Floats
    prompt_write_usd: Floats
    start_write_usd: Floats
    reach_write_usd: Floats
    known_usd: Floats


CacheCells = Mapping[Line, Mapping[tuple[str, str | None], CacheCell]]
"""Line of the cost cube to (state, task) to its calls; None for calls of several tasks."""


def live_caches(reader: Reader, window: Window) -> LiveCaches:
    """What live's calls found in their caches, on all traffic."""
    return {
        (record["model"], record["state"], record["named_task"]): LiveCalls(
            **{name: np.array(record[column], dtype=np.float64) for name, column in _LIVE.items()}
        )
        for record in reader.select("live_caches", **days(window))
    }


_LIVE: Final = {
    "n": "n",
    "input": "input_tokens",
    "reach": "reach_tokens",
    "start": "start_tokens",
    "read": "read_tokens",
    "write": "write_tokens",
}


def cache_cells(reader: Reader, window: Window, policy: PolicyRef, book: str, where: Slice = ALL) -> CacheCells:
    """Calls of a shadow policy in a slice, by line, state and task; a segment of another key does not tell tasks."""
    if where == ALL:
        records = (r for r in reader.select("caches_overall", book=book, **days(window)) if policy_of(r) == policy)
        return _cells(records, lambda record: str(record["named_task"]))
    params = {**of_policy(policy), "book": book, **days(window)}
    return _cells(reader.in_slice("cache_cells", "cache_cells_rows", where, **params), _task_in(where))


def cache_cells_by_value(
    reader: Reader, window: Window, policy: PolicyRef, book: str, key: str
) -> dict[str, CacheCells]:
    """The same for every value of a segment key."""
    records = reader.per_value("cache_cells", key, **of_policy(policy), book=book, **days(window))
    return by_value(records, lambda rows: _cells(rows, _task_in(Segment(key, ""))))


def _task_in(where: Slice) -> Callable[[Record], str | None]:
    if isinstance(where, Segment) and where.key != "task":
        return lambda _: None
    return lambda record: str(record["segment_value"])


def _cells(records: Iterable[Record], task_of: Callable[[Record], str | None]) -> CacheCells:
    kept = ({**record, "side": "shadow"} for record in records)
    lines = grouped(kept, "live_model", "shadow_model", "kind", "model", "contaminated")
    return {
        _line(group[0]): {(record["state"], task_of(record)): _cell(record) for record in group}
        for group in lines.values()
    }


def _line(record: Record) -> Line:
    return row_of(Line, record, is_contaminated=bool(record["contaminated"]))


def _cell(record: Record) -> CacheCell:
    return CacheCell(**{each.name: spread(record["buckets"], record[each.name]) for each in fields(CacheCell)})
