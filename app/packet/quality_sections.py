"""Sections about quality: executed answers of the shadow, and beside them live's own signals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shadowroute.analysis.evidence import SegmentExecuted
from shadowroute.analysis.format import basis, brief, count, counted, headline, percent, sentence
from shadowroute.analysis.measures.executed import Executed
from shadowroute.analysis.measures.live_quality import Quality
from shadowroute.analysis.results import Estimate, Measured, Undefined
from shadowroute.app import charts
from shadowroute.app.caveats import ABOUT_LIVE
from shadowroute.app.packet.section import Section


def executed_section(found: Executed, by_segment: Sequence[SegmentExecuted]) -> Section:
    """Answers of the shadow that were run and scored, overall and per segment."""
    if not found.n:
        return Section(title="Answers of the shadow", text=(sentence(basis(found.quality_change)),))
    marks = [charts.Mark("all requests", found.quality_change)]
    marks += [charts.Mark(str(each.segment), each.executed.quality_change) for each in by_segment]
    rows = [
        ("all", *_executed_row(found)),
        *((str(each.segment), *_executed_row(each.executed)) for each in by_segment),
    ]
    spend = "at unknown cost" if found.spend_usd is None else f"for ${found.spend_usd:,.2f}"
    return Section(
        title="Answers of the shadow that were run",
        text=(
            (
                f"{count(found.n)} scored by {found.signal}, {spend}, weighted to all requests by their chance to"
                f" be drawn (draw {', '.join(found.samples)}). Where both plans are the same the difference is 0."
            ),
        ),
        header=("requests", "quality, shadow minus live", "where they differ", "shadow", "live", "run"),
        rows=tuple(rows),
        chart=charts.intervals_if_any(
            marks, title=f"{found.signal}, points, shadow minus live", scale="points", signed=True
        ),
        chart_says="The change of quality with its 95 % interval, overall and per segment; the numbers stand below.",
    )


def _executed_row(found: Executed) -> tuple[str, ...]:
    return (
        points(found.quality_change),
        points(found.diverging_quality_change),
        headline(found.shadow_score, "percent"),
        headline(found.live_score, "percent"),
        count(found.n),
    )


def live_quality_section(signals: Sequence[Quality]) -> Section:
    """Every signal on live's answers, by the shadow's choice for the request."""
    return Section(
        title="Live answers, by the shadow's choice",
        text=(ABOUT_LIVE.text,),
        header=("signal", "would be downgraded", "rated", "the rest", "rated", "if unrated answers differ"),
        rows=tuple(
            (
                f"{each.signal} ({each.source})",
                brief(each.downgrade.mean, "percent"),
                _share(each.downgrade.response_rate),
                brief(each.rest.mean, "percent"),
                _share(each.rest.response_rate),
                ""
                if each.downgrade.silent_low is None or each.downgrade.silent_high is None
                else f"{percent(each.downgrade.silent_low)} to {percent(each.downgrade.silent_high)}",
            )
            for each in signals
        ),
    )


def comparison_lines(quality: Quality) -> Iterator[str]:
    """The meaning of a signal, and of its difference between the two groups, a sentence each."""
    spec, found = quality.spec, quality.comparison
    if spec is None:
        return
    better = "lower is better" if spec.lower_is_better else "higher is better"
    matures = (
        f"complete {spec.matures_after_h:g} h after the request"
        if spec.matures_after_h
        else "taken as complete when it arrives"
    )
    left_out = (
        f"; {counted(quality.immature, 'request is', 'requests are')} of younger days and left out"
        if quality.immature
        else ""
    )
    yield f"{quality.signal} ({quality.source}): {better}; {matures}{left_out}."
    if isinstance(found.effect, Estimate):
        yield (
            f"A downgraded request has the higher value in {brief(found.effect, 'percent')} of pairs with one of the"
            " rest (Brunner-Munzel, ties counted half; 50 % = no difference)."
        )
    if isinstance(found.rated_gap, Estimate) and not _holds_zero(found.rated_gap):
        yield (
            f"Downgraded requests are rated {brief(found.rated_gap, 'points', signed=True)} more often than the rest,"
            " so the two means are of different people."
        )
    if found.tipping is not None:
        yield (
            f"Both groups are equal if the silent downgraded requests have a mean of {percent(found.tipping)}"
            " (tipping point)."
        )


def _holds_zero(measured: Estimate) -> bool:
    return measured.interval.low <= 0 <= measured.interval.high


def points(measured: Measured) -> str:
    """A change in points with its interval, or the reason for a missing one."""
    return f"unknown: {measured.reason}" if isinstance(measured, Undefined) else brief(measured, "points", signed=True)


def _share(share: float | None) -> str:
    return "" if share is None else percent(share)
