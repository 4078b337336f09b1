"""The measures: what the shadow decides, what its answers are worth, how long they take, segment by segment."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.evidence import PolicyEvidence
from analysis.format import Scale, basis, brief, count, headline, percent, sentence
from analysis.measures.executed import Executed
from analysis.measures.latency import Quantiles
from analysis.measures.quality import Quality
from analysis.report import ProjectReport, SliceReport
from analysis.results import Measured, Undefined
from analysis.worksheet import Worksheet
from app import charts
from app.caveats import ABOUT_LIVE
from app.packet.section import Section


def measure_sections(evidence: PolicyEvidence) -> Iterator[Section]:
    """One section per question."""
    yield _executed(evidence)
    yield _divergence(evidence)
    yield _by_segment(evidence)
    overall = evidence.report.overall
    if overall.quality.signal:
        yield _live_quality((overall.quality, *overall.further_signals))
    yield _latency(evidence)


def off_policy_section(evidence: PolicyEvidence) -> Section:
    """What live's exploration says about the shadow, or why it says nothing."""
    return Section(
        title="From live answers that the shadow would have given too",
        text=(
            "Off-policy estimates, doubly robust; they need a live policy that chooses at random with known chances.",
        ),
        header=("signal", "shadow minus live", "IPS", "SNIPS", "effective n", "overlap", "why not"),
        rows=tuple(
            (
                f"{each.signal} ({each.source})",
                brief(each.estimate.value_change, "points", signed=True),
                _number(each.estimate.ips),
                _number(each.estimate.snips),
                "" if each.estimate.ess is None else count(each.estimate.ess),
                "" if each.estimate.overlap_share is None else percent(each.estimate.overlap_share),
                each.estimate.refusal,
            )
            for each in evidence.off_policy
        ),
        is_folded=True,
    )


def frontier_section(evidence: PolicyEvidence) -> Section:
    """Between single models: hull, gap recovered, a coin of the same spend, the share of what could be saved."""
    found, control, saved = evidence.frontier, evidence.random_control, evidence.savings
    rows = [
        ("better than a coin flip of the same spend", _points(control.advantage)),
        ("share of the theoretical saving", _figure(saved.share, "percent")),
        (f"gap between {found.weak or 'the weak'} and {found.strong or 'the strong model'} recovered (PGR)",
         _figure(found.gap_recovered, "ratio")),
        ("average gap recovered by its confidence (APGR)", _figure(found.average_gap_recovered, "ratio")),
        ("calls of the strong model for half of the gap (CPT 50)", _figure(found.call_share_50, "percent")),
        ("mean height of the hull (AIQ)", _figure(found.aiq, "ratio")),
    ]  # fmt: skip
    rows += [
        (f"{point.name}: USD per request, score", f"{brief(point.cost_usd, 'usd')}, {brief(point.quality, 'percent')}")
        for point in found.points
    ]
    return Section(
        title="Between single models",
        text=tuple(filter(None, (saved.warning,))),
        header=("metric", "measured"),
        rows=tuple(rows),
        is_folded=True,
    )


def worksheet_section(sheet: Worksheet) -> Section:
    """The twelve columns, the task to optimise first on top."""
    return Section(
        title="Worksheet",
        text=("One row per task, the one to optimise first on top. Empty cells are unknown.",),
        header=(
            "task", "share", "quality threshold", "primary", "fallback", "tokens in", "tokens out", "validation rule",
            "pass rate", "latency p95", "USD per request", "last review", "best shadow saves a month",
        ),
        rows=tuple(
            (
                row.task or "(none)",
                percent(row.share),
                row.quality_threshold,
                row.primary,
                ", ".join(row.fallback),
                "" if row.input_tokens is None else count(row.input_tokens),
                "" if row.output_tokens is None else count(row.output_tokens),
                row.validation_rule,
                "" if row.pass_rate is None else brief(row.pass_rate, "percent"),
                headline(row.latency_p95_s, "seconds"),
                "" if row.cost_usd is None else f"{row.cost_usd:.6f}",
                "" if row.last_review is None else str(row.last_review),
                "" if row.saving_usd_per_month is None else f"{row.saving_usd_per_month:,.2f} {row.saved_by or ''}",
            )
            for row in sheet.rows
        ),
    )  # fmt: skip


def others_section(report: ProjectReport) -> Section:
    """Every shadow of the window under the same assumptions."""
    return Section(
        title="All shadows of the window",
        header=("policy", "differs", "cost against live", "live quality where it downgrades (not the shadow's)"),
        rows=tuple(
            (
                f"{each.policy}{' (A/A control)' if each.is_control else ''}",
                brief(each.overall.divergence.model, "percent"),
                brief(each.overall.cost.relative, "percent", signed=True),
                brief(each.overall.quality.downgrade.mean, "percent"),
            )
            for each in report.policies
        ),
    )


def _executed(evidence: PolicyEvidence) -> Section:
    found = evidence.executed
    if not found.n:
        return Section(title="Answers of the shadow", text=(sentence(basis(found.quality_change)),))
    marks = [charts.Mark("all requests", found.quality_change)]
    marks += [charts.Mark(str(each.segment), each.executed.quality_change) for each in evidence.by_segment]
    rows = [
        ("all", *_executed_row(found)),
        *((str(each.segment), *_executed_row(each.executed)) for each in evidence.by_segment),
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
        chart=charts.intervals(marks, title=f"{found.signal}, points, shadow minus live", scale="points", signed=True),
        chart_says="The change of quality with its 95 % interval, overall and per segment; the numbers stand below.",
    )


def _executed_row(found: Executed) -> tuple[str, ...]:
    return (
        _points(found.quality_change),
        _points(found.diverging_quality_change),
        headline(found.shadow_score, "percent"),
        headline(found.live_score, "percent"),
        count(found.n),
    )


def _divergence(evidence: PolicyEvidence) -> Section:
    found = evidence.report.overall.divergence
    excess = evidence.report.excess
    floor = () if excess is None else (f"Above the noise floor of the A/A control: {_said(excess, signed=True)}.",)
    return Section(
        title="Decides differently",
        text=(
            f"By model {_said(found.model)}, by tier {_said(found.tier)}, by whole plan {_said(found.steps)}.",
            *floor,
        ),
        header=("live", "shadow", "direction", "requests"),
        rows=tuple((cell.live_model, cell.shadow_model, cell.direction, count(cell.weight)) for cell in found.matrix),
    )


def _by_segment(evidence: PolicyEvidence) -> Section:
    report = evidence.report
    return Section(
        title="By segment",
        header=(
            "segment",
            "share",
            "differs",
            "cost against live",
            "paid twice",
            "live quality where it downgrades",
            "the rest",
        ),
        rows=tuple(_slice_row(each) for each in (report.overall, *report.segments)),
    )


def _slice_row(each: SliceReport) -> tuple[str, ...]:
    return (
        str(each.slice),
        "" if each.share is None else percent(each.share),
        brief(each.divergence.model, "percent"),
        brief(each.cost.relative, "percent", signed=True),
        brief(each.escalation.shadow, "percent") if each.escalation.n_cascade else "",
        brief(each.quality.downgrade.mean, "percent"),
        brief(each.quality.rest.mean, "percent"),
    )


def _live_quality(signals: tuple[Quality, ...]) -> Section:
    return Section(
        title="Live answers, by what the shadow would have done",
        text=(ABOUT_LIVE.text,),
        header=("signal", "would be downgraded", "rated", "the rest", "rated", "if the silent ones differ"),
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


def _latency(evidence: PolicyEvidence) -> Section:
    found = evidence.latency
    return Section(
        title="Waiting time",
        text=(
            f"Predicted change of the 95th percentile: {_said(found.p95_delta_s, seconds=True)}.",
            *found.assumptions,
        ),
        header=("", "p50", "p95", "p99", "requests"),
        rows=(
            _times("live, all models", found.live),
            *(_times(f"live, {model}", times) for model, times in found.by_model.items()),
            _times("deciding, live", found.live_decides),
            _times("deciding, shadow", found.shadow_decides),
        ),
    )


def _times(name: str, times: Quantiles) -> tuple[str, ...]:
    return (name, *(brief(each, "seconds") for each in (times.p50_s, times.p95_s, times.p99_s)), count(times.n))


def _said(measured: Measured, *, signed: bool = False, seconds: bool = False) -> str:
    if isinstance(measured, Undefined):
        return f"unknown ({measured.reason})"
    return brief(measured, "seconds" if seconds else "percent", signed=signed or seconds)


def _points(measured: Measured) -> str:
    return f"unknown: {measured.reason}" if isinstance(measured, Undefined) else brief(measured, "points", signed=True)


def _figure(measured: Measured, scale: Scale) -> str:
    return f"unknown: {measured.reason}" if isinstance(measured, Undefined) else brief(measured, scale)


def _share(share: float | None) -> str:
    return "" if share is None else percent(share)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
