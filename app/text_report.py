"""A project's report as text for the terminal and as flat rows for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shutil import get_terminal_size
from textwrap import fill
from typing import Final

from shadowroute.analysis.caveats import NO_SHADOW, Caveat
from shadowroute.analysis.format import as_of, brief, counted, headline, interval, percent, sentence, why_not
from shadowroute.analysis.measures.live_quality import Quality
from shadowroute.analysis.report import PolicyReport, ProjectReport, SliceReport
from shadowroute.analysis.results import Estimate, Measured, Range, Undefined
from shadowroute.app.caveats import ABOUT_LIVE, BLOCKING, own, shared
from shadowroute.app.tables import Cell, text_table

NOT_JUDGED: Final = "Measured, not judged"

CSV_HEADER: Final = (
    "project", "first_day", "last_day", "price_book", "policy", "version", "segment", "share_of_requests", "measure",
    "value", "low", "high", "unit", "n", "effective_buckets", "method", "note",
)  # fmt: skip


def report_text(report: ProjectReport, *, judged: str = "") -> str:
    """The report for a terminal: its basis, a table per shadow policy, its limits.

    Args:
        report: the measures.
        judged: result of a plan; empty = nothing is judged.
    """
    parts = [*([judged] if judged else []), _head(report, "" if judged else f"{NOT_JUDGED}   ")]
    if not report.policies:
        parts.append(NO_SHADOW)
    common = shared(report.policies)
    parts.extend(_policy(policy, own(policy, common)) for policy in report.policies)
    notes = _notes(report, common)
    if notes:
        parts.append("About all of these figures\n" + notes)
    return "\n\n".join(parts)


def _head(report: ProjectReport, badge: str) -> str:
    live = ", ".join(str(policy) for policy in report.live) or "none"
    most = f"\n{ceiling(report.most_saved)}" if report.policies else ""
    return (
        f"{badge}project {report.project}, {report.window} (UTC)\n"
        f"{counted(report.requests, 'request')} · live {live} · prices {report.book or 'not pinned'}"
        f" · {as_of(report.as_of, report.waiting)}{most}"
    )


def ceiling(most_saved: Measured) -> str:
    """The most that any policy could save, in one sentence (R54)."""
    if isinstance(most_saved, Undefined):
        return f"The most that any policy could save is unknown: {why_not(most_saved)}"
    bounds = interval(most_saved, "usd")
    amount = headline(most_saved, "usd") + (f" ({bounds})" if bounds else "")
    return f"Any policy over these models could save at most {amount} a month."


def _policy(report: PolicyReport, caveats: Sequence[Caveat]) -> str:
    title = str(report.policy)
    if report.is_control:
        title += "   (A/A control: the live policy beside itself, the noise floor)"
    quality = report.overall.quality
    signal = f"live {quality.signal or 'quality'}"
    header = ("segment", "share", "differs", "cost", "paid twice", f"{signal}, downgraded", f"{signal}, the rest")
    rows = [_row(part) for part in (report.overall, *report.segments)]
    parts = [title, text_table(header, rows)]
    if not report.is_control:
        parts.extend(_line("-", reason) for reason in _reasons(report.overall))
        parts.extend(_line("-", reason) for reason in _segment_reasons(report.segments))
    parts.extend(_caveat(caveat) for caveat in caveats)
    return "\n".join(parts)


def _row(part: SliceReport) -> tuple[str, ...]:
    segment = str(part.slice)
    return (
        f"{segment}(none)" if segment.endswith("=") else segment,
        "unknown" if part.share is None else percent(part.share),
        brief(part.divergence.model, "percent"),
        brief(part.cost.relative, "percent", signed=True),
        paid_twice(part),
        brief(part.quality.downgrade.mean, "percent"),
        headline(part.quality.rest.mean, "percent"),
    )


def paid_twice(part: SliceReport) -> str:
    """Escalations of the shadow over all requests, or a word where the policy has no cascade to escalate."""
    return brief(part.escalation.shadow_overall, "percent") if part.escalation.n_cascade else "no cascade"


def _reasons(part: SliceReport) -> Iterator[str]:
    """The reason for a missing figure of the first row; reasons for ranges are among the caveats."""
    for name, measured in _columns(part).items():
        if isinstance(measured, Undefined):
            yield f"{name}: {sentence(measured.reason, measured.next_step)}"


def _segment_reasons(parts: Sequence[SliceReport]) -> Iterator[str]:
    """Reasons for missing figures of segments: the segments of each reason, without their differing counts."""
    segments: dict[str, list[str]] = {}
    for part in parts:
        for reason in {m.reason.partition(":")[0]: None for m in _columns(part).values() if isinstance(m, Undefined)}:
            segments.setdefault(reason, []).append(str(part.slice))
    for reason, names in segments.items():
        yield f"unknown ({reason}): {', '.join(names)}."


def _columns(part: SliceReport) -> dict[str, Measured]:
    """The measures of a row by their names in reasons."""
    quality = part.quality
    columns = {"differs": part.divergence.model, "cost": part.cost.relative}
    if part.escalation.n_cascade:
        columns["paid twice"] = part.escalation.shadow_overall
    columns["quality, downgraded"] = quality.downgrade.mean
    if quality.signal:
        columns["quality, the rest"] = quality.rest.mean
    return columns


def _notes(report: ProjectReport, common: Sequence[Caveat]) -> str:
    """Limits of every policy, and the owner of the rated answers."""
    about_live = [ABOUT_LIVE] if any(policy.overall.quality.signal for policy in report.policies) else []
    lines = [_caveat(caveat) for caveat in (*report.caveats, *common, *about_live)]
    return "\n".join([*lines, *([_line("-", report.floor)] if report.floor and report.policies else [])])


def _caveat(caveat: Caveat) -> str:
    return _line("!" if caveat.code in BLOCKING else "-", sentence(caveat.text, caveat.next_step))


def _line(mark: str, text: str) -> str:
    """A marked sentence, wrapped to the terminal: tables must not break, sentences should."""
    columns = min(max(get_terminal_size((100, 24)).columns, 60), 120)
    return fill(text, columns, initial_indent=f"  {mark} ", subsequent_indent="    ", break_long_words=False)


def csv_rows(report: ProjectReport) -> Iterator[tuple[Cell, ...]]:
    """One row per policy, segment and measure; unknown numbers are empty, with the reason in `note`."""
    head = (report.project, report.window.first.isoformat(), report.window.last.isoformat(), report.book)
    for policy in report.policies:
        for part in (policy.overall, *policy.segments):
            for name, measured in _measures(part):
                place = (policy.policy.name, policy.policy.version, str(part.slice), part.share)
                yield (*head, *place, name, *_numbers(measured))


def _measures(part: SliceReport) -> Iterator[tuple[str, Measured]]:
    yield "divergence_model", part.divergence.model
    yield "divergence_tier", part.divergence.tier
    yield "divergence_steps", part.divergence.steps
    yield "cost_relative", part.cost.relative
    yield "cost_relative_warm_cache", part.cost.warm_relative
    yield "cost_relative_cache_range", part.cost.cache_range
    yield "cost_per_request", part.cost.per_request_usd
    yield "escalation_shadow", part.escalation.shadow
    yield "escalation_shadow_overall", part.escalation.shadow_overall
    yield "escalation_live", part.escalation.live
    yield from _quality(part.quality)


def _quality(quality: Quality) -> Iterator[tuple[str, Measured]]:
    signal = quality.signal or "none"
    for group in ("downgrade", "same", "rest", "all"):
        yield f"live_quality_{group}:{signal}", getattr(quality, group).mean


def _numbers(measured: Measured) -> tuple[Cell, ...]:
    """value, low, high, unit, n, effective_buckets, method, note."""
    match measured:
        case Estimate():
            bounds = measured.interval
            return (
                measured.value, bounds.low, bounds.high, measured.unit,
                measured.n, measured.effective_clusters, measured.method, "",
            )  # fmt: skip
        case Range():
            return (None, measured.low, measured.high, measured.unit, measured.n, None, "bounds", measured.why)
        case Undefined():
            return (None, None, None, "", measured.n, None, "", sentence(measured.reason, measured.next_step))
