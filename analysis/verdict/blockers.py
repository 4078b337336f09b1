"""Blockers of a verdict: data that are missing, mixed, too few or too young."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from scipy import special

from shadowroute.analysis.format import counted, day, days, listed, percent
from shadowroute.analysis.measures.completeness import COMPLETE, losses, unknowns
from shadowroute.analysis.measures.rates import FAILED, KNOWN_CLUSTERS, VERDICT_CLUSTERS
from shadowroute.analysis.next_steps import FILTER_STATUS, PIN_PRICES, PRICE_MODEL, REPORT_SERVED, STATE_SHADOWS
from shadowroute.analysis.queries.rows import RowCount
from shadowroute.analysis.verdict.facts import Facts
from shadowroute.analysis.verdict.results import Blocker
from shadowroute.analysis.verdict.wording import whole_percent

UNCOSTED: Final = 0.05
"""Largest share of requests with unknown tokens: their cost is unknown, and they are seldom like the rest."""

MISMATCH_P: Final = 0.001
"""p of the row counts below which they do not fit together; as A/B platforms test for a sample ratio mismatch."""

_EXPECTED: Final = 5.0
"""Expected rows below which a cell is added to the others of its day: the chi-square does not hold for fewer."""


def blockers(facts: Facts) -> tuple[Blocker, ...]:
    """All blockers of a verdict; without any data only that one."""
    nothing = _nothing(facts)
    if nothing is not None:
        return (nothing,)
    return (*_rows(facts), *_versions(facts), *_models(facts), *_prices(facts), *_time(facts), *_clusters(facts))


def _nothing(facts: Facts) -> Blocker | None:
    if not facts.live:
        return Blocker(
            code="no_requests",
            text="No complete day of the window has live requests",
            next_step="wait for the first complete day (UTC), or correct window.starts",
        )
    if not facts.versions:
        known = listed(list(facts.known)) or "none"
        return Blocker(
            code="no_decisions",
            text=f"{facts.policy} has not decided in this window; policies that have: {known}",
            next_step="correct policy in the plan, or add the policy under shadows in shadow.yaml",
        )
    return None


def _rows(facts: Facts) -> Iterator[Blocker]:
    done = facts.completeness
    if done is not None and not done.is_complete:
        yield Blocker(
            code="incomplete",
            text=(
                f"{percent(done.missing_share)} of the decisions that were meant are missing"
                f" (limit {percent(1 - COMPLETE)}): {losses(done)}"
            ),
            next_step="find what lost them (observer.stats of the service), and start the window after these hours",
        )
    is_unknown = done is not None and bool(done.unknown_share)
    if done is not None and is_unknown:
        yield Blocker(
            code="incomplete",
            text=f"It is unknown whether shadow decisions are missing: {unknowns(done)}",
            next_step=STATE_SHADOWS,
        )
    for key, counts in facts.counts.items():
        # Requests that do not state which shadows were meant may lack a decision by design.
        cells = cells_of(counts, stated_only=is_unknown)
        p = mismatch_p(cells)
        if p is not None and p < MISMATCH_P / max(len(facts.counts), 1):
            worst = max(cells, key=lambda cell: (cell.seen - cell.expected) ** 2 / max(cell.expected, 1))
            where = "" if key == "all" else f" and {key}={worst.segment_value}"
            yield Blocker(
                code="row_mismatch",
                text=(
                    f"Shadow rows do not fit the live requests: on {day(worst.day)}{where} there are"
                    f" {worst.seen:,} of {worst.expected:,.0f}"
                ),
                next_step="find the cause of the lost or added rows, then start the window after it",
            )
    if facts.failed_share is not None and facts.failed_share > FAILED:
        yield Blocker(
            code="failed",
            text=f"{percent(facts.failed_share)} of this shadow's decisions failed (limit {percent(FAILED)})",
            next_step=FILTER_STATUS,
        )


def _versions(facts: Facts) -> Iterator[Blocker]:
    for code, rows, who in (("live_changed", facts.live, "live"), ("shadow_changed", facts.versions, facts.policy)):
        if len(rows) > 1:
            names = listed(
                [f"{row.policy} ({days(row.first, row.last)})" for row in sorted(rows, key=lambda row: row.first)]
            )
            yield Blocker(
                code=code,
                text=f"The {who} policy changed within the window: {names}",
                next_step="start a new plan on the first whole day of the newest version",
            )


def _models(facts: Facts) -> Iterator[Blocker]:
    if facts.not_audited:
        yield Blocker(
            code="model_not_audited",
            text=f"{facts.policy} names {listed(list(facts.not_audited))}, which models.only of the plan does not",
            next_step="leave it out of the policy, or have it audited and name it in a new plan",
        )
    if facts.not_pinned:
        yield Blocker(
            code="model_not_pinned",
            text=f"{facts.policy} names {listed(list(facts.not_pinned))}, and the plan asks for exact versions",
            next_step="name a dated version in the policy, for example gpt-4o-2024-08-06",
        )


def _prices(facts: Facts) -> Iterator[Blocker]:
    if not facts.book:
        yield Blocker(
            code="unpriced",
            text="No price book is pinned",
            next_step=f"{PIN_PRICES}, or name price_book in a new plan",
        )
    elif facts.unpriced:
        yield Blocker(
            code="unpriced",
            text=f"No price in book {facts.book} for {listed(list(facts.unpriced))}",
            next_step=PRICE_MODEL,
        )
    if facts.uncosted_share > UNCOSTED:
        yield Blocker(
            code="uncosted",
            text=f"{percent(facts.uncosted_share)} of requests have no known tokens or no list price"
            f" (limit {percent(UNCOSTED)})",
            next_step=f"{REPORT_SERVED}; of an imported log, export its token columns",
        )


def _time(facts: Facts) -> Iterator[Blocker]:
    if facts.days < facts.min_days:
        short = facts.min_days - facts.days
        yield Blocker(
            code="min_days",
            text=f"{counted(facts.days, 'complete day')} of {facts.min_days} with requests",
            next_step=f"wait for {counted(short, 'more day')}",
        )
    if facts.immature:
        when = "" if facts.mature_on is None else f" until {day(facts.mature_on)}"
        yield Blocker(
            code="immature",
            text=f"{listed(list(facts.signals))} of the last {counted(facts.immature, 'day')} may still arrive",
            next_step=f"wait{when}",
        )


def _clusters(facts: Facts) -> Iterator[Blocker]:
    known = facts.known_clusters_share
    if known is not None and known < KNOWN_CLUSTERS and not facts.clusters_are_requests:
        yield Blocker(
            code="unknown_clusters",
            text=(
                f"Only {percent(known)} of requests carry a user or session id (limit {whole_percent(KNOWN_CLUSTERS)})"
            ),
            next_step="set from_request.user or from_request.session in shadow.yaml, or say clusters: request in a new"
            " plan if no user comes twice",
        )
    if facts.effective_clusters < VERDICT_CLUSTERS:
        yield Blocker(
            code="few_clusters",
            text=f"{facts.effective_clusters:.0f} effective clusters ({VERDICT_CLUSTERS} needed)",
            next_step="wait for more users or sessions; after the window's end, start a new plan with a longer window",
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """Rows of a shadow on one day and one segment value.

    Attributes:
        seen: that are there.
        expected: that were meant, or that the rate of a sample lets expect.
    """

    day: date
    segment_value: str
    seen: int
    expected: float


def cells_of(counts: Iterable[RowCount], *, stated_only: bool = False) -> list[Cell]:
    """Seen and expected rows, of requests that state which shadows were meant, and of the others.

    Of the others a cell expects its live requests times the rate at which the policy was sampled that day.

    Args:
        counts: by day and segment value.
        stated_only: leave the others out.
    """
    rows = list(counts)
    if stated_only:
        return [Cell(row.day, row.segment_value, row.stated_n, row.meant_n) for row in rows]
    rates: dict[date, tuple[int, float]] = {}
    for row in rows:
        n, weight = rates.get(row.day, (0, 0.0))
        rates[row.day] = (n + row.unstated_n, weight + row.unstated_weight)
    # A day without a single shadow row has no rate of its own; the policy's overall rate is expected of it.
    overall = _rate(sum(n for n, _ in rates.values()), sum(weight for _, weight in rates.values()))
    return [
        Cell(
            row.day,
            row.segment_value,
            row.shadow_n,
            row.meant_n + row.live_unstated_n * (_rate(*rates[row.day]) or overall or 1.0),
        )
        for row in rows
    ]


def mismatch_p(cells: Iterable[Cell]) -> float | None:
    """The p of the counts if shadow rows were missing by chance alone, alike in every day and segment value.

    Chi-square over cells of seen against expected rows times the share of rows that arrived overall. Cells that expect
    fewer than five rows are added up. None with fewer than two cells.
    """
    planned = [(cell.seen, cell.expected) for cell in cells if cell.seen or cell.expected]
    seen, expected = sum(n for n, _ in planned), sum(e for _, e in planned)
    if not seen or not expected:
        return None
    scaled = [(n, e * seen / expected) for n, e in planned]
    large = [cell for cell in scaled if cell[1] >= _EXPECTED]
    small = [cell for cell in scaled if cell[1] < _EXPECTED]
    rest = (sum(n for n, _ in small), sum(e for _, e in small))
    kept = [*large, rest] if rest[1] >= _EXPECTED else large
    if len(kept) < 2:
        return None
    return float(special.chdtrc(len(kept) - 1, sum((n - e) ** 2 / e for n, e in kept)))


def _rate(n: int, weight: float) -> float:
    return n / weight if weight else 0.0
