"""One import from the log to the store: look, price, send, roll up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client

from shadow.config import LiveSpec, Routing, load_catalogue, load_policy
from shadow.domain.policy import Policy
from shadow.domain.request import LABEL
from shadow.errors import ConfigError
from shadow.policies.composed import Composed
from shadow.prices.catalogue import MODELS_FILE, Catalogue
from shadowroute.collector.imports.call import Log
from shadowroute.collector.imports.gaps import Gaps
from shadowroute.collector.imports.send import LIMITS, send_log
from shadowroute.collector.imports.survey import Survey, survey
from shadowroute.collector.price_books import pin
from shadowroute.collector.serve import ingest, rollup_now
from shadowroute.collector.store import Store

SERVICE: Final = "import"
Progress = Callable[[str, int, int], None]
"""Called with a phase, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asked for.

    Attributes:
        live: name and version of the policy that served.
        shadows: policy files.
        prices: models and prices; None = models.yaml beside the first policy or one folder above, else the registry.
        days: how far back from the newest call.
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
    """What an import did.

    Attributes:
        first, last: UTC days of the imported calls.
        new: requests of the project that the store did not hold before.
        known: imported calls that it held already.
        observed: requests of those days that came in another way; they stand beside the imported ones.
        book: the price book that was pinned.
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
    seconds: float


def routing_of(wanted: Wanted, export_to: str = "") -> tuple[Routing, str]:
    """The settings of an import, and where its prices come from.

    Raises:
        ConfigError: a policy or the price file is wrong, or two shadows share a name.
    """
    catalogue, source = _catalogue(wanted)
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
        limits=LIMITS,
    )
    return routing, source


def labels_read(shadows: Sequence[Policy]) -> set[str]:
    """Keys of the labels that rules of the policies read."""
    reads = [policy.reads or frozenset() for policy in shadows if isinstance(policy, Composed)]
    return {name.removeprefix(LABEL) for each in reads for name in each if name.startswith(LABEL)}


def run(log: Log, wanted: Wanted, store: Store, progress: Progress = lambda *_: None) -> Imported:
    """Sends the log's calls, pins the prices and rolls up.

    Raises:
        ConfigError: a policy or price file is wrong, or the log holds no call.
        LostRecordsError: not everything that was sent arrived.
    """
    routing, source = routing_of(wanted)
    looked = survey(log, lambda records: progress("read", records, 0))
    progress("read", looked.records, looked.records)
    if looked.newest_us is None:
        raise ConfigError(_no_call(log, looked))
    client = store.client()
    before = _requests(client, wanted.project)
    started = datetime.now(UTC)
    with ingest(store) as endpoint:
        gaps = send_log(
            log,
            looked,
            routing,
            endpoint,
            days=wanted.days,
            absent=wanted.absent,
            told=lambda done, of: progress("send", done, of),
        )
    seconds = (datetime.now(UTC) - started).total_seconds()
    progress("roll up", 0, 1)
    models = {routing.catalogue.canonical(model, "") for model in looked.models}
    for policy in routing.shadows:
        models |= set(policy.models) if isinstance(policy, Composed) else set()
    book = routing.catalogue.book_id
    pin(client, wanted.project, list(routing.catalogue.price_rows(sorted(models))), book, source)
    rollup_now(store, labels=sorted(routing.labels))
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
        observed=_observed(client, wanted.project, first, last),
        book=book,
        seconds=seconds,
    )


def _catalogue(wanted: Wanted) -> tuple[Catalogue, str]:
    folders = [wanted.shadows[0].parent, wanted.shadows[0].parent.parent] if wanted.shadows else []
    beside = next((folder / MODELS_FILE for folder in folders if (folder / MODELS_FILE).exists()), None)
    file = wanted.prices or beside
    return load_catalogue(file), "registry" if file is None else file.name


def _no_call(log: Log, looked: Survey) -> str:
    if not looked.records:
        return f"{log.name}: must hold at least one call, got no record"
    reasons = "; ".join(f"{skipped.reason} (first: {skipped.place})" for skipped in looked.first_skipped)
    return f"{log.name}: must hold at least one call, got {looked.records:,} records and none of them is one: {reasons}"


def _requests(client: Client, project: str) -> int:
    ((n,),) = client.query(
        "SELECT uniqExact(request_id) FROM decisions WHERE project = {project:String} AND role = 'live'",
        parameters={"project": project},
    ).result_rows
    return int(n)


def _observed(client: Client, project: str, first: date, last: date) -> int:
    ((n,),) = client.query(
        "SELECT uniqExact(request_id) FROM decisions WHERE project = {project:String} AND role = 'live'"
        " AND origin != 'import' AND toDate(ts) BETWEEN {first:Date} AND {last:Date}",
        parameters={"project": project, "first": first, "last": last},
    ).result_rows
    return int(n)


def _day(time_us: int) -> date:
    return datetime.fromtimestamp(time_us / 1e6, UTC).date()
