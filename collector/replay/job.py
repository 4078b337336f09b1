"""One import from the log to the store: survey, price, send, roll up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client

from shadow.config import LiveSpec, Routing, load_policy
from shadow.config.check import models_file_of
from shadow.domain.policy import Policy
from shadow.domain.request import LABEL
from shadow.errors import ConfigError
from shadow.policies.composed import Composed
from shadowroute.collector.model_names import declare, named_models
from shadowroute.collector.moments import DAY_US
from shadowroute.collector.price_books import catalogue_of, pin
from shadowroute.collector.progress import Progress, silent, watched
from shadowroute.collector.replay.checked import CheckedLog
from shadowroute.collector.replay.gaps import Gaps
from shadowroute.collector.replay.logged import LoggedFeed
from shadowroute.collector.replay.record import Log, Skipped, place_of
from shadowroute.collector.replay.survey import Survey, survey
from shadowroute.collector.serve import IngestEndpoint, ingest, rollup_now
from shadowroute.collector.store import Store

SERVICE: Final = "import"
OBSERVED: Final = "origin != 'import' AND toDate(ts) BETWEEN {first:Date} AND {last:Date}"
"""Requests of these days from another source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Options of an import.

    Attributes:
        live: name and version of the serving policy.
        shadows: policy files.
        prices: models and prices; None = models.yaml beside the first policy or one folder above, else the registry.
        days: number of days back from the newest call.
        labels: further labels to keep as segments.
        absent: features that the service does not have, so that rules see none instead of unknown.
    """

    live: LiveSpec
    shadows: tuple[Path, ...]
    project: str
    prices: Path | None = None
    days: int = 30
    labels: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Result of an import.

    Attributes:
        first, last: UTC days of the imported calls.
        new: requests of the project that the store did not hold before.
        known: imported calls that the store held already.
        observed: requests of those days from another source, stored beside the imported ones.
        book: the price book that was pinned.
        notes: what was concluded from the whole log.
        seconds: time of sending alone.
    """

    project: str
    survey: Survey
    gaps: Gaps
    first: date
    last: date
    new: int
    known: int
    observed: int
    book: str
    notes: tuple[str, ...]
    seconds: float


def routing_of(wanted: Wanted, export_to: str = "") -> tuple[Routing, str]:
    """The settings of an import, and the source of its prices.

    Raises:
        ConfigError: a policy or the price file is wrong, or two shadows share a name.
    """
    beside = models_file_of(wanted.shadows[0]) if wanted.shadows else None
    catalogue, source = catalogue_of(wanted.prices or beside)
    shadows = tuple(load_policy(path, catalogue) for path in wanted.shadows)
    routing = Routing.of(
        service=SERVICE,
        project=wanted.project,
        origin="import",
        live=wanted.live,
        shadows=shadows,
        catalogue=catalogue,
        export_to=export_to or "http://127.0.0.1:4318",
        labels=labels_read(shadows) | set(wanted.labels),
    )
    return routing, source


def labels_read(shadows: Sequence[Policy]) -> set[str]:
    """Keys of the labels that rules of the policies read."""
    reads = [policy.reads or frozenset() for policy in shadows if isinstance(policy, Composed)]
    return {name.removeprefix(LABEL) for each in reads for name in each if name.startswith(LABEL)}


def run(log: Log, wanted: Wanted, store: Store, progress: Progress = silent) -> Imported:
    """Send the log's calls, pin the prices and roll up.

    Raises:
        ConfigError: a policy or price file is wrong, or the log holds no call.
        LostRecordsError: some sent records did not arrive.
    """
    routing, source = routing_of(wanted)
    log = CheckedLog(log, time.time_ns() // 1_000)
    looked = survey(watched(log.calls(), progress, "read"))
    if looked.newest_us is None:
        raise ConfigError(_no_call(log, looked))
    client = store.client()
    before = _requests(client, wanted.project)
    started = time.monotonic()
    with ingest(store) as endpoint:
        gaps = send_log(log, looked, wanted, routing, endpoint, progress=progress)
    seconds = time.monotonic() - started
    progress("roll up", 0, 1)
    catalogue = routing.catalogue
    chosen = {model for policy in routing.shadows if isinstance(policy, Composed) for model in policy.models}
    pin(client, wanted.project, catalogue.price_rows(sorted(chosen)), catalogue.book_id, source)
    declare(client, wanted.project, catalogue, source)
    rollup_now(store, labels=sorted(routing.labels))
    keys = {row.price_key or row.family for row in named_models(client, wanted.project)}
    pin(client, wanted.project, catalogue.price_rows(sorted(keys)), catalogue.book_id, source)
    progress("roll up", 1, 1)
    new = _requests(client, wanted.project) - before
    first, last = _day(gaps.oldest_us), _day(looked.newest_us)
    return Imported(
        project=wanted.project,
        survey=looked,
        gaps=gaps,
        first=first,
        last=last,
        new=new,
        known=gaps.calls - new,
        observed=_requests(client, wanted.project, OBSERVED, first=first, last=last),
        book=catalogue.book_id,
        notes=tuple(log.notes),
        seconds=seconds,
    )


def send_log(
    log: Log, looked: Survey, wanted: Wanted, routing: Routing, endpoint: IngestEndpoint, *, progress: Progress = silent
) -> Gaps:
    """Send every call of a log; calls beyond the number of days are skipped and counted.

    Args:
        log: the log.
        looked: result of the survey.
        wanted: number of days, and the absent features.
        routing: names the live policy and the shadows.
        endpoint: for the spans.
        progress: gets the number of calls.

    Raises:
        LostRecordsError: some sent records did not arrive.
    """
    gaps = Gaps(sessions_made_up=looked.made_up)
    oldest_us = 0 if looked.newest_us is None else looked.newest_us - wanted.days * DAY_US
    with LoggedFeed(routing, endpoint, absent=wanted.absent) as feed:
        for read in watched(log.calls(), progress, "send", looked.records):
            if isinstance(read, Skipped):
                gaps.skip(read)
            elif read.time_us < oldest_us:
                gaps.skip(Skipped(place_of(read), f"more than {wanted.days} days before the newest call"))
            else:
                call = replace(read, session=None) if looked.made_up else read
                gaps.note(call, feed.send(call).unknown)
        feed.finish()
        failures = feed.failures()
    for policy in routing.shadows:
        gaps.cost_of(policy, failures.get(policy.name, {}))
    return gaps


def _no_call(log: Log, looked: Survey) -> str:
    if not looked.records:
        return f"{log.name}: must hold at least one call, got no record"
    reasons = "; ".join(f"{skipped.reason} (first: {skipped.place})" for skipped in looked.first_skipped)
    return f"{log.name}: must hold at least one call, got {looked.records:,} records, none of them a call: {reasons}"


def _requests(client: Client, project: str, which: str = "1", **values: object) -> int:
    ((n,),) = client.query(
        "SELECT uniqExact(request_id) FROM decisions"  # noqa: S608  # our own condition
        f" WHERE project = {{project:String}} AND role = 'live' AND {which}",
        parameters={"project": project, **values},
    ).result_rows
    return int(n)


def _day(time_us: int) -> date:
    return datetime.fromtimestamp(time_us / 1e6, UTC).date()
