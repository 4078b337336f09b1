"""A judgement as lines for the terminal and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill
from urllib.parse import urlencode

from shadowroute.analysis.format import count, counted, day
from shadowroute.analysis.plan.status import PlanStatus
from shadowroute.analysis.verdict.results import Condition, Judgement, Look, Preview, SegmentFinding
from shadowroute.app.packet.verdict_sections import PREVIEW, preview_note

CODES = (
    "0 SHIP and validly signed · 1 REJECT · 2 NEED_MORE · 3 a person must decide (HOLD, or SHIP not signed / signature"
    " revoked: reason) · 64 usage · 65 bad file · 69 store not reachable · 70 our bug"
)
COMMENT_MARK = "<!-- shadowroute gate -->"
"""First line of a comment, so that a later run can find and replace it."""

_WIDTH = 120


def gate_text(judgement: Judgement, *, file: str, code: int, reason: str) -> str:
    """The output of `shadowroute gate`: the verdict condition by condition, and the exit code with its reason."""
    lines = [
        f"{judgement.verdict}  {judgement.policy}   {_plan(judgement.plan)}   {_progress(judgement)}",
        _wrapped(judgement.sentence, "  "),
        *_table(judgement),
        *(_wrapped(f"harmed    {_finding(finding)}", "  ", "            ") for finding in _harms(judgement)),
        *(_wrapped(f"blocked   {b.text} -> {b.next_step}", "  ", "            ") for b in judgement.blockers),
        *(_preview(judgement.preview) if judgement.preview is not None else ()),
        *(_wrapped(f"answers   {door}", "  ", "            ") for door in judgement.doors),
        *(_wrapped(f"edited    {text}", "  ", "            ") for text in edits(judgement, file)),
        *(
            _wrapped(f"note      {caveat}", "  ", "            ")
            for caveat in (*judgement.caveats, look(judgement.look))
        ),
        _wrapped(f"exit {code}{f' ({reason})' if reason else ''}.  {CODES}", "", "        "),
    ]
    return "\n".join(lines)


def gate_comment(judgement: Judgement, *, file: str, code: int, reason: str, public_url: str) -> str:
    """The Markdown for a pull request; with a public address it links to the same days of the review app."""
    lines = [
        COMMENT_MARK,
        f"### {judgement.verdict}: {judgement.policy.name}",
        "",
        f"**{judgement.sentence}**",
        "",
        "| | condition | measured | rests on | n |",
        "|---|---|---|---|---:|",
        *(
            f"| {_mark(c)} | {cell(c.requirement)} | {cell(c.shown)} | {c.rung} | {count(c.n)} |"
            for c in judgement.conditions
        ),
    ]
    harms = _harms(judgement)
    if harms:
        lines += ["", "Harmed segments, after correction for the number of segments:", ""]
        lines += [f"- {_finding(finding)}" for finding in harms]
    if judgement.blockers:
        lines += ["", "Blockers of a verdict:", ""]
        lines += [f"- {blocker.text}. **Next:** {blocker.next_step}." for blocker in judgement.blockers]
    if judgement.preview is not None:
        lines += ["", f"{PREVIEW}. {preview_note(judgement.preview)}", ""]
        lines += [
            f"- so far {c.state}: {c.requirement}: {c.shown} (n={count(c.n)})" for c in judgement.preview.conditions
        ]
    if judgement.doors:
        lines += ["", "How to get the missing answers:", "", *(f"- {door}" for door in judgement.doors)]
    notes = [*edits(judgement, file), *judgement.caveats]
    if notes:
        lines += ["", *(f"> {note}" for note in notes)]
    lines += ["", _footer(judgement, code, reason)]
    if public_url:
        lines += ["", f"[Open the review]({link(judgement, public_url)})"]
    return "\n".join(lines) + "\n"


def link(judgement: Judgement, public_url: str) -> str:
    """Absolute address of the review app on just these days, so that it shows the same rows next month."""
    window, policy = judgement.window, judgement.policy
    query = {"policy": policy.name, "version": policy.version, "from": window.first, "to": window.last}
    return f"{public_url.rstrip('/')}/?{urlencode(query)}"


def edits(judgement: Judgement, file: str) -> Iterator[str]:
    """One sentence per later change of the plan."""
    status = judgement.plan
    for edit in status.edits:
        started = judgement.window.first
        after = min((edit.seen_on - started).days, judgement.days)
        when = f" after {counted(after, 'day')} of data" if after > 0 else ""
        where = edit.where.rpartition(".")[2]
        yield (
            f"{file} changed{when} ({where} {edit.before} -> {edit.after}, {day(edit.seen_on)})."
            " Judged by the first plan; new name = new start."
        )


def look(seen: Look) -> str:
    """The method of the intervals, with the level of today."""
    number = f"look {seen.number}" + (f" of {seen.planned}" if seen.planned else "")
    level = f"{seen.level * 100:.4g}" if seen.level < 0.9999 else "over 99.99"
    return f"{number}, {seen.confidence * 100:.10g} % over all looks ({level} % today): {seen.note}."


def cell(text: str) -> str:
    """Text inside a Markdown table."""
    return text.replace("|", "\\|")


def _table(judgement: Judgement) -> Iterator[str]:
    width = max((len(condition.requirement) for condition in judgement.conditions), default=0)
    for condition in judgement.conditions:
        numbers = f"{condition.shown}   {condition.rung}  n={count(condition.n)}"
        yield f"  {condition.state:<8}  {condition.requirement:<{width}}  {numbers}".rstrip()
        if condition.next_step:
            why = f"{condition.why} -> " if condition.why and condition.why != condition.shown else "-> "
            yield _wrapped(f"{why}{condition.next_step}", "            ")


def _preview(preview: Preview) -> Iterator[str]:
    yield _wrapped(f"preview   {PREVIEW}. {preview_note(preview)}", "  ", "            ")
    width = max(len(condition.requirement) for condition in preview.conditions)
    for condition in preview.conditions:
        numbers = f"{condition.shown}   {condition.rung}  n={count(condition.n)}"
        yield f"            so far {condition.state:<8}  {condition.requirement:<{width}}  {numbers}".rstrip()


def _harms(judgement: Judgement) -> list[SegmentFinding]:
    return [finding for finding in judgement.segments if finding.is_harm]


def _finding(finding: SegmentFinding) -> str:
    return f"{finding.segment}: {finding.shown}; {finding.requirement}"


def _plan(plan: PlanStatus) -> str:
    state = "edited, judged by the first" if plan.edits else "unchanged" if plan.registered_at else "not recorded"
    return f"plan {plan.name} {plan.hash} ({state})"


def _progress(judgement: Judgement) -> str:
    seen = judgement.look
    return f"{judgement.days} of {seen.planned} days" if seen.planned else counted(judgement.days, "day")


def _mark(condition: Condition) -> str:
    return condition.state


def _footer(judgement: Judgement, code: int, reason: str) -> str:
    parts = (
        f"{judgement.window} (UTC)",
        counted(judgement.requests, "request"),
        counted(judgement.executed, "executed answer"),
        f"prices {judgement.book or 'not pinned'}",
        _plan(judgement.plan),
        f"exit {code}" + (f" ({reason})" if reason else ""),
    )
    return " · ".join(parts)


def _wrapped(text: str, first: str, rest: str = "") -> str:
    return fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=rest or first, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
