"""The effect of a shadow policy on the monthly bill, line by line, hidden lines included."""

from __future__ import annotations

from dataclasses import dataclass

from shadowroute.analysis.cost_cube import CostCube
from shadowroute.analysis.measures.cost import Samples
from shadowroute.analysis.measures.ledger_lines import NO_COSTS, Book, Costs, LedgerLine
from shadowroute.analysis.measures.rates import Clusters
from shadowroute.analysis.results import Estimate, Measured, scaled
from shadowroute.analysis.selection import MONTH_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The lines and their sum.

    Attributes:
        lines: in the order in which they are read; their values add up to `net`, ends of ranges each for themselves.
        net: shadow minus live, USD per month; its interval is that of the sum, not a sum of intervals. `Undefined`
            where a line is.
        before_bad_answers: `net` without the price of bad answers, which may be unknown when the rest is not.
        live_usd_per_month: present cost of the compared requests; None if unknown.
        requests_per_month: all decisions of the shadow, at the rate of the days that had any.
        days: these days.
        book: the price book.
    """

    lines: tuple[LedgerLine, ...]
    net: Measured
    before_bad_answers: Measured
    live_usd_per_month: float | None
    requests_per_month: float
    days: int
    book: str


def ledger_of(
    cube: CostCube,
    samples: Samples,
    *,
    requests: float,
    days: int,
    clusters: Clusters,
    costs: Costs = NO_COSTS,
    quality_change: Measured | None = None,
    level: float = 0.95,
) -> Ledger:
    """The net ledger of a shadow policy.

    Args:
        cube: at the tokens that were served.
        samples: cost evidence from executed answers.
        requests: weighted decisions of the shadow, contaminated and uncosted ones included.
        days: that they were spread over.
        clusters: effective clusters by key.
        costs: outside the price book.
        quality_change: mean score of the shadow minus live over all requests.
        level: nominal coverage of all intervals.
    """
    months = days / MONTH_DAYS if days else 1.0
    book = Book(cube=cube, samples=samples, months=months, requests=requests, clusters=clusters, level=level)
    bad = None if costs.bad_answer_usd is None else book.bad_answers(costs.bad_answer_usd, quality_change)
    fixed = (book.router(costs), book.evaluation())
    priced = (book.provider(), book.length(), book.cache(), book.escalation())
    shift = sum(line.usd_per_month.value for line in fixed if isinstance(line.usd_per_month, Estimate))
    before = scaled(book.net(), shift=shift)
    live = cube.clean.only(lambda line: line.side == "live")
    return Ledger(
        lines=(*priced, book.retries(), *fixed, *([bad] if bad else [])),
        net=book.with_bad_answers(bad, quality_change, costs, shift) if bad else before,
        before_bad_answers=before,
        live_usd_per_month=None if live.unpriced() or not cube.n else float(live.usd("served").sum()) / months,
        requests_per_month=requests / months,
        days=days,
        book=cube.book,
    )
