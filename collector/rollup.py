"""The rollup worker: daily sums per hash bucket and counts, rebuilt from deduplicated rows and swapped in whole.

A day of a project is rebuilt after each arrival, small days of it together, into private stage tables, and takes the
place of the old partition in one step. So redelivery changes nothing, a reader never sees half a day, and two workers
on one server cannot mix their rows.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from shadowroute.collector.errors import StoreError
from shadowroute.collector.model_names import learn
from shadowroute.collector.moments import EPOCH, utc
from shadowroute.collector.store import Store

_log = logging.getLogger(__name__)

TABLES: Final = (
    "pair_daily",
    "cost_daily",
    "signal_daily",
    "count_hourly",
    "count_daily",
    "meant_hourly",
    # Asks count_daily how many requests the day has, so it comes after it.
    "request_sample",
    "task_daily",
    "task_plan_daily",
    "task_token_daily",
    "cache_daily",
    # Out of the stages of tables above, so they come after them.
    "pair_overall",
    "cost_overall",
    "signal_overall",
    "cache_overall",
)
MOST_SEGMENT_VALUES: Final = 50
"""Values of one segment key that get sums of their own in a project; the rest is summed as `other`."""
MOST_SAMPLED: Final = 50_000
"""Requests of a project-day that are kept one by one, roughly; of more, one in so many by the hash of its id."""
MOST_ROWS_AT_ONCE: Final = 200_000
"""Decisions of the days that are summed by one statement: to plan one takes longer than to sum a small day."""
MOST_DAYS_AT_ONCE: Final = 14
"""Of those days: a worker that is to stop does so between two such statements."""
REBUILD_DAYS: Final = 393
"""Age of a day's oldest row up to which the day is rebuilt: decisions live 400 days after arrival, less a week."""

_OVERLAP: Final = timedelta(minutes=5)
"""A row's arrival time is set before it can be read; this much later it can."""
_SHARE_OF_TIME: Final = 0.1
_FRESH_S: Final = 60.0
"""A request is in the figures so long after its arrival, at most, while a run takes a third of that or less."""
_PAUSE_S: Final = 5.0
_LONGEST_PAUSE_S: Final = 30.0
_AT_LEAST_EVERY_S: Final = 60.0
_PAUSE_AFTER_ERROR_S: Final = 30.0

_locks: dict[str, threading.Lock] = {}
_locks_guard = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupResult:
    """Result of a run.

    Attributes:
        days: project-days rebuilt.
        rows: rows written into the rollups.
        seconds: duration.
        as_of: everything that arrived before this is in the rollups, by the store's clock.
    """

    days: int
    rows: int
    seconds: float
    as_of: datetime


@dataclass(frozen=True, slots=True)
class _Day:
    """A project-day that may have changed."""

    project: str
    day: date
    sealed: bool
    arrived: int
    stored: int


class _StoppedError(Exception):
    """The worker was stopped between two batches of days; the run is not recorded, so that the next one repeats it."""


class Rollup:
    """Keeps the rollups of a store up to date.

    Args:
        store: embedded in this process, or a server's.
        labels: request labels that are segments. A label stays a segment in this store, so that a run
            without the option keeps its figures.
    """

    def __init__(self, store: Store, *, labels: Sequence[str] = ()) -> None:
        self._store = store
        self._declared = frozenset(labels)
        self._seen: Any = None
        with _locks_guard:
            self._lock = _locks.setdefault(str(store.dsn), threading.Lock())

    def run_once(self) -> RollupResult:
        """Apply late outcomes and rebuild every day that changed since the last run; waits for a run under way.

        Raises:
            clickhouse_connect.driver.exceptions.Error: the store failed; the next run does the work again.
        """
        with self._lock:
            return self._run(self._store.client(), threading.Event())

    def run_forever(self, stop: threading.Event) -> None:
        """Run soon after something arrived, else once a minute, until `stop` is set; failures are logged."""
        last_run = -math.inf
        while not stop.is_set():
            began = time.monotonic()
            try:
                with self._lock:
                    client = self._store.client()
                    due = began - last_run >= _AT_LEAST_EVERY_S
                    if due or self._arrivals(client, _last_start(client)) != self._seen:
                        self._run(client, stop)
                        last_run = began
                pause = pause_after(time.monotonic() - began)
            except _StoppedError:
                return
            except (Error, StoreError):  # the second comes where a thread's first connection fails
                _log.exception(
                    "rollup failed; requests and records are unaffected, figures stay as of the last run; "
                    "check the store; next try in 30 s"
                )
                pause = _PAUSE_AFTER_ERROR_S
            stop.wait(pause)

    def _run(self, client: Client, stop: threading.Event) -> RollupResult:
        began = time.monotonic()
        last_start = _last_start(client)
        since = _text(last_start - _OVERLAP)
        started = utc(client.query("SELECT now64(3, 'UTC')").result_rows[0][0])
        # Taken first: what arrives during the run makes the next one necessary.
        seen = self._arrivals(client, started)
        client.command(_sql("late_outcomes"), parameters={"since": since})
        if _has_unnamed_signals(client):
            client.command(_sql("adopt_signals"), parameters={"since": since})
        labels, new_labels = self._labels(client)
        renamed = learn(client, since)
        found = _dirty_days(client, since=since, last_start=_text(last_start), new_labels=new_labels, renamed=renamed)
        open_days = [day for day in found if not day.sealed]
        rows = 0
        if open_days:
            with _stages(client) as stages:
                rows = sum(_rebuild(client, stages, days, labels) for days in _until(stop, _together(open_days)))
        seconds = time.monotonic() - began
        late = sum(day.arrived for day in found if day.sealed)
        client.insert(
            "rollup_runs",
            [[started, seconds, len(open_days), rows, late]],
            column_names=["started_at", "seconds", "days", "rows", "late_after_seal"],
        )
        self._seen = seen
        return RollupResult(days=len(open_days), rows=rows, seconds=seconds, as_of=started)

    def _arrivals(self, client: Client, last_start: datetime) -> Any:
        """A mark that changes when something arrives; counts rows, because a slow insert shows up late."""
        since = _text(last_start - _OVERLAP)
        return client.query(_sql("arrivals"), parameters={"since": since}).result_rows[0]

    def _labels(self, client: Client) -> tuple[list[str], list[str]]:
        """Labels that are segments, and those of them that are new to this store."""
        known = {
            name for (name,) in client.query(
                "SELECT DISTINCT substring(segment_key, 7) FROM segment_values WHERE startsWith(segment_key, 'label:')"
            ).result_rows
        }  # fmt: skip
        return sorted(known | self._declared), sorted(self._declared - known)


def pause_after(seconds: float) -> float:
    """How long to rest after a run that took so long.

    A tenth of the time is spent, unless that would hold figures back. A request that arrives just after a run began
    waits for its end, the pause and the next run, which is a little longer; so the pause is what these leave of
    `_FRESH_S`. Where they leave nothing, half of the time is spent, and no pause is longer than `_LONGEST_PAUSE_S`.
    """
    sparing = seconds * (1 / _SHARE_OF_TIME - 1)
    fresh = _FRESH_S - 2 * seconds - _PAUSE_S
    return max(_PAUSE_S, min(sparing, max(fresh, seconds), _LONGEST_PAUSE_S))


def _last_start(client: Client) -> datetime:
    """Start of the newest finished run; the epoch if there was none."""
    ((newest, runs),) = client.query("SELECT max(started_at), count() FROM rollup_runs").result_rows
    return utc(newest) if runs else EPOCH + _OVERLAP


def _has_unnamed_signals(client: Client) -> bool:
    """Whether there is a signal that may be of another project than it was sent for."""
    ((signals, owners),) = client.query(
        "SELECT (SELECT count() FROM (SELECT 1 FROM signals WHERE project = 'default' LIMIT 1)),"
        " (SELECT count() FROM (SELECT 1 FROM decisions WHERE project != 'default' AND origin = 'production' LIMIT 1))"
    ).result_rows
    return bool(signals and owners)


def _dirty_days(
    client: Client, *, since: str, last_start: str, new_labels: Sequence[str], renamed: Sequence[str]
) -> list[_Day]:
    found = client.query(
        _sql("dirty_days"),
        parameters={
            "since": since,
            "last_start": last_start,
            "new_labels": new_labels,
            "renamed": renamed,
            "rebuild_days": REBUILD_DAYS,
        },
    )
    return [
        _Day(project, day, bool(sealed), arrived, stored) for project, day, sealed, arrived, stored in found.result_rows
    ]


def _together(days: Sequence[_Day]) -> Iterator[list[_Day]]:
    """Days of one project that are summed at once: few rows together, or a single day."""
    batch: list[_Day] = []
    for day in days:
        rows = sum(each.stored for each in batch) + day.stored
        is_full = rows > MOST_ROWS_AT_ONCE or len(batch) == MOST_DAYS_AT_ONCE
        if batch and (is_full or day.project != batch[0].project):
            yield batch
            batch = []
        batch.append(day)
    if batch:
        yield batch


def _until(stop: threading.Event, batches: Iterator[list[_Day]]) -> Iterator[list[_Day]]:
    for days in batches:
        if stop.is_set():
            raise _StoppedError
        yield days


@contextmanager
def _stages(client: Client) -> Iterator[dict[str, str]]:
    """Empty private copies of the rollup tables; dropped afterwards, with the copies of a killed run."""
    left = client.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND match(name, '_stage_[0-9a-f]{8}$')"
        " AND metadata_modification_time < now() - INTERVAL 1 HOUR"
    ).result_rows
    run = secrets.token_hex(4)
    stages = {table: f"{table}_stage_{run}" for table in TABLES}
    try:
        for table, stage in stages.items():
            client.command(f"CREATE TABLE {stage} AS {table}")
        yield stages
    finally:
        for stage in [*stages.values(), *(name for (name,) in left)]:
            client.command(f"DROP TABLE IF EXISTS {stage} SYNC")


def _rebuild(client: Client, stages: dict[str, str], days: Sequence[_Day], labels: Sequence[str]) -> int:
    """Swap in new sums of days of one project; returns their rows."""
    project = days[0].project
    dates = [day.day for day in days]
    for day in dates:
        first_seen = {"project": project, "day": day, "labels": labels, "most": MOST_SEGMENT_VALUES}
        client.command(_sql("segment_values"), parameters=first_seen)
    given: dict[str, Any] = {"project": project, "days": dates, "labels": labels, **stages}
    rows = 0
    for table, stage in stages.items():
        client.command(f"TRUNCATE TABLE {stage}")
        client.command(_sql(table), parameters={**given, "stage": stage, "most_requests": MOST_SAMPLED})
        found = client.query(f"SELECT day, count() FROM {stage} GROUP BY day").result_rows  # noqa: S608  # our own name
        written: dict[date, int] = dict(map(tuple, found))
        for day in dates:
            # The engine refuses to replace a partition by an empty one.
            change = f"REPLACE PARTITION ({{project:String}}, {{day:Date}}) FROM {stage}" if day in written else (
                "DROP PARTITION ({project:String}, {day:Date})"
            )  # fmt: skip
            client.command(f"ALTER TABLE {table} {change}", parameters={"project": project, "day": day})
        rows += sum(written.values())
    return rows


@cache
def _sql(name: str) -> str:
    """A statement of `collector/sql`, without its header."""
    text = (files("shadowroute.collector") / "sql" / f"{name}.sql").read_text()
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip().rstrip(";")


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]
