"""Sections about money: the ledger, and the changes that would remove the saving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shadowroute.analysis.evidence import PolicyEvidence, StressPoint
from shadowroute.analysis.format import brief, counted, headline, note, percent, usd
from shadowroute.analysis.measures.break_even import EscalationBreakEven
from shadowroute.analysis.measures.concentration import Concentration, Tail
from shadowroute.analysis.measures.ledger import Ledger
from shadowroute.analysis.measures.stress import BreakEvenFactor
from shadowroute.analysis.results import Estimate, Measured, Undefined
from shadowroute.app import charts
from shadowroute.app.packet.section import Section

ASSUMED: Final = "assumed"


def money_sections(evidence: PolicyEvidence) -> Iterator[Section]:
    """The ledger, the stress test, and the cascade."""
    yield ledger_section(evidence.ledger)
    yield stress_section(evidence.stress, evidence.gone_at)
    if not isinstance(evidence.escalation.rate, Undefined):
        yield escalation_section(evidence.escalation)


def concentration_section(found: Concentration) -> Section:
    """Concentration of the money in few requests."""
    tails = [("paid live", found.cost), ("changed", found.change)]
    effect = "" if found.design_effect is None else f" Design effect of the divergence: {found.design_effect:.1f}."
    return Section(
        title="Concentration of the cost",
        text=((found.why_not or f"{counted(found.n, 'request')}.") + effect,),
        header=("dollars", "top 1 %", "top 10 %", "Gini", "median", "p99", "largest", "skewness"),
        rows=tuple(_tail(name, tail) for name, tail in tails if tail is not None),
        is_folded=True,
    )


def ledger_section(ledger: Ledger) -> Section:
    """The monthly bill, line by line, with the basis of each line."""
    marks = [charts.Mark(line.label, line.usd_per_month) for line in ledger.lines]
    marks.append(charts.Mark("Net", ledger.net))
    live = "unknown" if ledger.live_usd_per_month is None else usd(ledger.live_usd_per_month)
    rows = [
        (line.label, _amount(line.usd_per_month), ASSUMED if line.is_assumed else "", line.source)
        for line in ledger.lines
    ]
    rows.append(("Net", _amount(ledger.net), "", note(ledger.net)))
    return Section(
        title="Where the money goes, per month",
        text=(
            (
                f"Shadow minus live; a minus saves. Live costs {live} a month for"
                f" {counted(ledger.requests_per_month, 'request')} at the pace of {counted(ledger.days, 'day')}."
                f" Prices {ledger.book or 'not pinned'}."
            ),
        ),
        header=("line", "USD a month", "", "source"),
        rows=tuple(rows),
        chart=charts.intervals_if_any(marks, title="USD a month, shadow minus live", scale="usd", signed=True),
        chart_says="Every line of the ledger with its 95 % interval; the table below holds the same numbers.",
    )


def stress_section(stress: Sequence[StressPoint], gone_at: Sequence[BreakEvenFactor]) -> Section:
    """The change of cost at other prices and lengths, and the points at which the saving is gone."""
    gone = ", ".join(
        f"{'answer length' if each.what == 'length' else 'price of ' + each.what}: {each.text}" for each in gone_at
    )
    return Section(
        title="At other prices or answer lengths",
        text=(f"The saving is gone: {gone}." if gone else "Unknown without prices.",),
        header=("what", "times", "cost against live"),
        rows=tuple(
            (
                "length of the other models' answers" if point.what == "length" else f"prices of {point.what}",
                f"{point.factor:g}",
                brief(point.relative, "percent", signed=True)
                + ("" if not note(point.relative) else f" ({note(point.relative)})"),
            )
            for point in stress
        ),
    )


def escalation_section(found: EscalationBreakEven) -> Section:
    """Double payments of a cascade: the measured rate and the break-even rate."""
    distance = "unknown" if found.distance is None else percent(found.distance)
    return Section(
        title="Paid twice",
        text=("Share of the cascade's requests whose first answer is refused, so that a second model is paid.",),
        header=("", "measured"),
        rows=(
            (
                "escalation",
                brief(found.escalation, "percent") + (f" ({note(found.escalation)})" if note(found.escalation) else ""),
            ),
            ("saving is gone at", headline(found.rate, "percent")),
            ("distance", distance),
            ("paid for refused answers in the window", brief(found.wasted_usd, "usd")),
        ),
    )


def _amount(measured: Measured) -> str:
    """Dollars; configured and paid amounts have no interval."""
    if isinstance(measured, Estimate) and measured.interval.low == measured.interval.high:
        return headline(measured, "usd", signed=True)
    return brief(measured, "usd", signed=True)


def _tail(name: str, tail: Tail) -> tuple[str, ...]:
    return (
        name,
        percent(tail.top_1_share),
        percent(tail.top_10_share),
        f"{tail.gini:.2f}",
        usd(tail.p50_usd),
        usd(tail.p99_usd),
        usd(tail.max_usd),
        "" if tail.skewness is None else f"{tail.skewness:.1f}",
    )
