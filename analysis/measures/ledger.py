"""What changing to a shadow policy would do to the monthly bill, line by line, hidden lines included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.measures.cost import Samples
from analysis.queries import Queries
from analysis.results import Measured, Undefined
from analysis.selection import ALL, PolicyRef, Slice, Window

LineKey = Literal["provider", "length", "cache", "escalation", "retries", "router", "evaluation", "bad_answers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What no price book knows; the plan's `costs:` mapping.

    Attributes:
        router_usd_per_decision: classifier or router, per request, that live does not already pay.
        running_usd_per_month: keeping it running: hosts, people, licences.
        bad_answer_usd: what one bad answer costs (retry, support, churn); None leaves the line out.
    """

    router_usd_per_decision: float = 0.0
    running_usd_per_month: float = 0.0
    bad_answer_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One line; signed, negative saves.

    Attributes:
        key: stable word.
        usd_per_month: shadow minus live.
        source: what it rests on, one sentence with its amounts.
        is_assumed: whether it is a stated assumption rather than something measured or configured.
    """

    key: LineKey
    label: str
    usd_per_month: Measured
    source: str
    is_assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The lines and their sum.

    Attributes:
        lines: in the order in which they are read; their values add up to `net`.
        net: shadow minus live, USD per month; its interval is that of the sum, not a sum of intervals.
        live_usd_per_month: what the compared requests cost now; None if it is unknown.
        requests_per_month: all decisions of the shadow, at the rate of the days that had requests.
        days: these days.
        book: the price book.
    """

    lines: tuple[LedgerLine, ...]
    net: Measured
    live_usd_per_month: float | None
    requests_per_month: float
    days: int
    book: str


def ledger(
    q: Queries,
    policy: PolicyRef,
    window: Window,
    segment: Slice = ALL,
    *,
    book: str,
    costs: Costs = Costs(),
    quality_change: Measured | None = None,
    samples: Samples | None = None,
    level: float = 0.95,
) -> Ledger:
    """The net ledger of a shadow policy in a window and a slice.

    Args:
        q: reads the project.
        policy: a shadow policy.
        window: UTC days.
        segment: slice of the requests.
        book: price book.
        costs: what no price book knows.
        quality_change: mean score of the shadow minus live over all requests, for the price of bad answers.
        samples: what executed answers say about cost; None reads them.
        level: nominal coverage of all intervals.
    """
    del q, policy, window, segment, costs, quality_change, samples, level
    nothing = Undefined(reason="not computed yet")
    return Ledger(lines=(), net=nothing, live_usd_per_month=None, requests_per_month=0.0, days=0, book=book)


def most_that_routing_could_save(q: Queries, window: Window, book: str, *, level: float = 0.95) -> Measured:
    """An upper bound of what any policy over the models of the window could save, USD per month (R54)."""
    del q, window, book, level
    return Undefined(reason="not computed yet")
