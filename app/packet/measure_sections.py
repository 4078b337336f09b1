"""The measures: the shadow's decisions, the quality and time of its answers, segment by segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shadowroute.analysis.evidence import PolicyEvidence, SignalOffPolicy
from shadowroute.analysis.format import Scale, brief, count, percent
from shadowroute.analysis.measures.frontier import Frontier
from shadowroute.analysis.measures.judge_agreement import JudgeAgreement
from shadowroute.analysis.measures.latency import Latency
from shadowroute.analysis.measures.latency_quantiles import Quantiles
from shadowroute.analysis.measures.random_control import RandomControl
from shadowroute.analysis.measures.savings import Savings
from shadowroute.analysis.report import ProjectReport, SliceReport
from shadowroute.analysis.results import Measured, Undefined
from shadowroute.analysis.worksheet import Worksheet
from shadowroute.app.packet.quality_sections import executed_section, live_quality_section, points
from shadowroute.app.packet.section import Section
from shadowroute.app.worksheet_text import HEADER, RULE, cells

ABOVE_FLOOR: Final = "Above the noise floor of the A/A control"


def measure_sections(evidence: PolicyEvidence) -> Iterator[Section]:
    """One section per question."""
    yield executed_section(evidence.executed, evidence.by_segment)
    yield _divergence(evidence)
    yield _by_segment(evidence)
    overall = evidence.report.overall
    if overall.quality.signal:
        yield live_quality_section((overall.quality, *overall.further_signals))
    yield latency_section(evidence.latency)


def off_policy_section(off_policy: Sequence[SignalOffPolicy]) -> Section:
    """Evidence about the shadow from live's exploration, or the reason for its absence."""
    return Section(
        title="From live answers that the shadow would have given too",
        text=(
            "Off-policy estimates, doubly robust; they need a live policy that chooses at random with known chances.",
        ),
        header=("signal", "shadow minus live", "IPS", "SNIPS", "effective n", "overlap", "reason"),
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
            for each in off_policy
        ),
        is_folded=True,
    )


def frontier_section(found: Frontier, control: RandomControl, saved: Savings) -> Section:
    """Between single models: hull, gap recovered, a coin flip of the same spend, share of the possible saving."""
    rows = [
        ("better than a coin flip of the same spend", points(control.advantage)),
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


def judges_section(judges: Sequence[JudgeAgreement]) -> Section:
    """Agreement of each judge model with people, code or a reference."""
    return Section(
        title="Are the judges reliable?",
        text=("Scores of models against scores of people, code or a reference on the same live answers.",),
        header=("judge", "against", "answers", "kappa", "sensitivity", "specificity", "passed", "truly good"),
        rows=tuple(
            (
                each.judge,
                f"{each.truth} ({each.truth_source})" if each.truth else "none",
                f"{count(each.n)} of {count(each.judged)}",
                _figure(each.kappa, "ratio"),
                _figure(each.sensitivity, "percent"),
                _figure(each.specificity, "percent"),
                "" if each.passed_share is None else percent(each.passed_share),
                _figure(each.corrected_share, "percent"),
            )
            for each in judges
        ),
        is_folded=True,
    )


def worksheet_section(sheet: Worksheet) -> Section:
    """The twelve columns, the task to optimise first on top."""
    return Section(title="Worksheet", text=(RULE,), header=HEADER, rows=tuple(cells(row) for row in sheet.rows))


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


def _divergence(evidence: PolicyEvidence) -> Section:
    found = evidence.report.overall.divergence
    excess = evidence.report.excess
    above = "" if excess is None else f"{ABOVE_FLOOR}: {_said(excess, signed=True)}."
    return Section(
        title="Decides differently",
        text=(
            f"By model {_said(found.model)}, by tier {_said(found.tier)}, by whole plan {_said(found.steps)}.",
            *filter(None, (above, evidence.report.floor)),
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


def latency_section(found: Latency) -> Section:
    """Times of answers now, by model, and the predicted change of the slow ones."""
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


def _figure(measured: Measured, scale: Scale) -> str:
    return f"unknown: {measured.reason}" if isinstance(measured, Undefined) else brief(measured, scale)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
