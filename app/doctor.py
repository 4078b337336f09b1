"""Checks of the connections and of the reliability of the figures, each with its finding and the next step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, Final, Literal

from shadowroute.analysis.format import age, as_of, count, counted, percent
from shadowroute.analysis.measures.completeness import BY_DESIGN, completeness_of, losses, unknowns
from shadowroute.analysis.measures.rates import KNOWN_CLUSTERS
from shadowroute.analysis.next_steps import PIN_PRICES, STATE_SHADOWS
from shadowroute.analysis.queries import Queries, projects
from shadowroute.analysis.queries.rows import Freshness
from shadowroute.analysis.selection import Window
from shadowroute.collector.errors import StoreUnreachableError
from shadowroute.collector.price_books import current_book
from shadowroute.collector.store import Store, owner_client
from shadowroute.collector.store.migrate import status as migration_status

Level = Literal["ok", "warn", "FAIL"]

RECENT_DAYS: Final = 7
STALE_S: Final = 3600.0
LATE_S: Final = 120.0
"""Age of the figures above which newer requests that wait are a warning: twice what the worker promises."""
FEW: Final = 0.01
"""Shares above this are worth a warning: failed shadows, requests without an outcome."""
_POLL_S: Final = 0.5
_MOST_SPANS: Final = 12
"""Spans of hours with missing decisions that are named per policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding.

    Attributes:
        level: ok, warn, or FAIL for what makes figures wrong or absent.
        name: stable word.
        fix: next step; empty if there is nothing to do.
    """

    level: Level
    name: str
    text: str
    fix: str = ""

    @classmethod
    def ok(cls, name: str, text: str) -> Check:
        """All is well."""
        return cls(level="ok", name=name, text=text)

    @classmethod
    def warn(cls, name: str, text: str, fix: str) -> Check:
        """Figures exist, but are less reliable or less complete."""
        return cls(level="warn", name=name, text=text, fix=fix)

    @classmethod
    def fail(cls, name: str, text: str, fix: str) -> Check:
        """Figures are wrong or absent."""
        return cls(level="FAIL", name=name, text=text, fix=fix)


def examine(store: Store, project: str, *, wait_s: float = 0.0) -> list[Check]:
    """Every check that applies.

    Args:
        store: open.
        project: empty means the one with most decisions.
        wait_s: how long to wait for a first request, seconds.
    """
    found = [_sdk(), _store(store)]
    receiver = receiver_status(store)
    queries = _wait_for_traffic(store, project, wait_s)
    if queries is None:
        return [*found, _nothing(receiver)]
    fresh = queries.freshness()
    found.append(_last_request(queries, fresh))
    found += _waiting(queries, fresh)
    found += _refused(receiver)
    window = queries.window_available()
    if window is None:
        text = "decisions are stored, but no figures exist yet"
        return [*found, Check.warn("rollup", text, "shadowroute rollup, or wait a minute where `up` runs")]
    recent = Window.ending(window.last, min(window.days, RECENT_DAYS))
    return found + [check for look in _LOOKS for check in look(queries, recent)]


def receiver_status(store: Store) -> dict[str, Any] | None:
    """Counts of the receiver of a running `up`; None if none runs on this store or it does not answer."""
    if store.owner is None:
        return None
    try:
        return owner_client.status(store.owner)
    except StoreUnreachableError:
        return None


def _wait_for_traffic(store: Store, project: str, wait_s: float) -> Queries | None:
    """Reads of the project as soon as it holds a decision; None if none came in time."""
    until = time.monotonic() + wait_s
    while True:
        known = projects(store.reader())
        if known and (not project or project in known):
            return Queries(store.reader(), project or known[0])
        if time.monotonic() >= until:
            return None
        time.sleep(_POLL_S)


def _sdk() -> Check:
    """Whether `import shadow` is ours: another package of that name exists."""
    try:
        distribution("shadow")
    except PackageNotFoundError:
        return Check.ok("sdk", f"shadowroute {distribution('shadowroute').version}")
    return Check.fail(
        "sdk",
        'the installed package "shadow" is not part of shadowroute and hides `import shadow`',
        "pip uninstall shadow && pip install --force-reinstall shadowroute",
    )


def _store(store: Store) -> Check:
    number = max((entry.number for entry in migration_status(store.client()) if entry.applied), default=0)
    owner = f", owner pid {store.owner.pid}" if store.owner else ""
    return Check.ok("store", f"store {store.dsn}, schema {number}{owner}")


def _nothing(receiver: dict[str, Any] | None) -> Check:
    """No decision at all: the receiver's refusals usually show the reason."""
    if receiver is None:
        text = "0 requests, and no receiver runs on this store"
        return Check.fail("traffic", text, "shadowroute up, then send traffic; or shadowroute demo")
    minutes = max(1.0, (time.time() - receiver["started_at"]) / 60)
    refused = receiver["refused"]
    seen = f"Last refused: {refused_text(refused[0])}." if refused else "Nothing was refused: no sender reaches it."
    fix = "export.to in routing/shadow.yaml must name this receiver: OTLP/HTTP, not gRPC (:4317)"
    return Check.fail("traffic", f"0 requests in {minutes:.0f} min. {seen}", fix)


def refused_text(entry: Mapping[str, Any]) -> str:
    """One kind of refusal: `415 application/grpc ..., 12 times`."""
    often = "once" if entry["count"] == 1 else f"{count(entry['count'])} times"
    return f"{entry['status']} {entry['reason']}, {often}"


def _refused(receiver: dict[str, Any] | None) -> Iterator[Check]:
    for entry in (receiver or {}).get("refused", [])[:3]:
        yield Check.warn("refused", f"the receiver refused: {refused_text(entry)}", "see the sender's log")


def _last_request(queries: Queries, fresh: Freshness) -> Check:
    arrived = fresh.newest_arrival
    if arrived is None:
        return Check.fail("traffic", f"project {queries.project} has no decisions", "send traffic")
    seconds = max(0.0, (datetime.now(UTC) - arrived).total_seconds())
    text = f"project {queries.project}: last request arrived {age(seconds)} ago"
    if seconds > STALE_S:
        return Check.warn("traffic", text, "check that the service is up and still exports")
    return Check.ok("traffic", text)


def _waiting(queries: Queries, fresh: Freshness) -> Iterator[Check]:
    """Requests that are in no figure yet; many for a short time are usual, any for long are not."""
    if fresh.rolled_up_to is None:
        return
    seconds = max(0.0, (datetime.now(UTC) - fresh.rolled_up_to).total_seconds())
    waiting = queries.waiting()
    text = as_of(fresh.rolled_up_to, waiting)
    if waiting and seconds > LATE_S:
        fix = "is `shadowroute up` running? docs/operations.md says how many requests a day its worker keeps up with"
        yield Check.warn("fresh", f"figures stand still for {age(seconds)}: {text}", fix)
    else:
        yield Check.ok("fresh", f"figures {text}")


def _completeness(queries: Queries, window: Window) -> Iterator[Check]:
    """Shadow decisions against those that were meant, with the hours in which some are missing."""
    found = completeness_of(queries.completeness(window))
    if not found:
        yield Check.warn("shadows", "no shadow policy decided", "add one under shadows in routing/shadow.yaml")
    for policy, complete in found.items():
        if complete.missing:
            text = f"{policy}: decisions are missing, {losses(complete, most=_MOST_SPANS)}"
            fix = "observer.stats says what was shed or dropped in the service"
            yield Check.ok("shadows", text) if complete.is_complete else Check.warn("shadows", text, fix)
        if complete.unknown_share:
            yield Check.warn("shadows", f"{policy}: {unknowns(complete)}", STATE_SHADOWS)
        elif not complete.missing:
            yield Check.ok("shadows", f"{policy}: {percent(complete.share or 0.0)} of its decisions are there")
        if complete.absent_by_design > BY_DESIGN:
            text = f"{policy}: not meant for {percent(complete.absent_by_design)} of live requests, absent by design"
            yield Check.ok("shadows", text)


def _failures(queries: Queries, window: Window) -> Iterator[Check]:
    totals = {row.policy: row.n for row in queries.policies(window) if not row.is_live}
    for row in queries.failures(window):
        share = row.n / totals[row.policy] if row.policy in totals else 1.0
        text = f"{row.policy}: {percent(share)} of its decisions failed ({row.status}: {row.error_type or 'no reason'})"
        if row.error_type == "switched_off":
            yield Check.warn("failed", text, "it overran its budget three times and was switched off; make it faster")
        elif share > FEW:
            yield Check.warn("failed", text, "see the first error of each kind in the service's log")


def _ids(queries: Queries, window: Window) -> Iterator[Check]:
    share = queries.known_clusters_share(window)
    if share is None:
        return
    text = f"user or session id on {percent(share)} of requests"
    if share >= KNOWN_CLUSTERS:
        yield Check.ok("ids", text)
    else:
        text += ": repeat users cannot be recognised, intervals are too narrow"
        yield Check.warn("ids", text, "from_request.session in routing/shadow.yaml")


def _id_keys(queries: Queries, window: Window) -> Iterator[Check]:
    """Without SHADOW_ID_KEY the figures are right, but the hashes protect ids less than expected."""
    public = [service for service, kind in queries.id_keys(window).items() if kind == "public"]
    if public:
        text = f"{', '.join(public)}: user and session ids are hashed with a public salt; a guessed id can be confirmed"
        yield Check.warn("id key", text, "set SHADOW_ID_KEY to a secret in the service, the same in every process")


def _prices(queries: Queries, window: Window) -> Iterator[Check]:
    book = current_book(queries.client, queries.project) or ""
    unpriced = queries.models_unpriced(window, book)
    if unpriced and not book:
        text = f"no price book is pinned for project {queries.project}: no figure of money exists"
        yield Check.fail("prices", text, PIN_PRICES)
        return
    if not unpriced:
        yield Check.ok("prices", f"0 models without a price in book {book}" if book else "nothing to price yet")
    total = max(1, sum(row.n for row in queries.policies(window) if row.is_live))
    for model, n in unpriced.items():
        yield Check.fail(
            "prices",
            f'no price for "{model}" ({percent(min(1.0, n / total))} of requests)',
            "models.yaml: add it under aliases of a model, or give price_usd_per_million;"
            " then shadowroute up --prices models.yaml",
        )


def _outcomes(queries: Queries, window: Window) -> Iterator[Check]:
    ended = queries.outcomes(window)
    share = ended.get("unreported", 0) / max(1, sum(ended.values()))
    if share > FEW:
        text = f"{percent(share)} of requests never reported an outcome; their cost is unknown"
        yield Check.warn("outcomes", text, "call request.served(...), or return what was served")


def _review_flags(queries: Queries, window: Window) -> Iterator[Check]:
    """Routers flag requests for a person, so doctor reports them."""
    flags = queries.review_flags(window)
    if flags:
        told = ", ".join(f"{count(n)} {reason.replace('_', ' ')}" for reason, n in flags.items())
        text = f"routers flagged requests for a person: {told}"
        fix = "on the Requests page choose: only flagged; docs/reference/policies/cascade.md has the reasons"
        yield Check.warn("review", text, fix)


def _reloads(queries: Queries, _window: Window) -> Iterator[Check]:
    for service, error in queries.reload_errors().items():
        text = f"{service} still uses its old configuration: {error}"
        yield Check.warn(
            "reload",
            text,
            "correct the named file; reload.watch reads it again, without it call reload()",
        )


def _spans(queries: Queries, _window: Window) -> Iterator[Check]:
    number, name = queries.unusable_spans()
    if number:
        text = f"{counted(number, 'span lacks', 'spans lack')} a required decision attribute, for example {name!r}"
        yield Check.warn("spans", text, "docs/reference/spans.md lists the required ones")


def _orphans(queries: Queries, _window: Window) -> Iterator[Check]:
    """Signals that judge nothing: their target never arrived, or they were sent for another project."""
    for row in queries.orphan_signals(datetime.now(UTC) - timedelta(days=RECENT_DAYS)):
        names = "signal names" if row.n == 1 else "signals name"
        text = (
            f"project {row.project}: {count(row.n)} {names} what has not arrived, as {row.example[:100]!r}; kept, and"
            " counted when it does"
        )
        fix = 'is the id right, and does the signal say its service\'s project ("project": "shop")?'
        yield Check.warn("signals", text, fix)


_LOOKS: Final = (
    _completeness, _failures, _ids, _id_keys, _prices, _outcomes, _review_flags, _reloads, _spans, _orphans,
)  # fmt: skip
