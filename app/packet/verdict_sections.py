"""The conditions of the plan against the figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shadowroute.analysis.format import count, counted, days, headline, percent, sentence
from shadowroute.analysis.verdict.results import Condition, Headline, Judgement, Preview
from shadowroute.app.packet.section import Figure, Section

DOORS: Final = "What would bring the missing evidence"
PREVIEW: Final = "Preview on incomplete days: no verdict"


def numbers(shown: Headline) -> Iterator[Figure]:
    """The three numbers of the first screen: cost, quality, decides differently."""
    yield Figure(
        label="Cost",
        measured=shown.cost_change,
        signed=True,
        meaning="Predicted cost with all lines of the ledger and the costs of the plan, against the cost of live.",
    )
    yield Figure(
        label=f"Quality ({shown.quality_signal})",
        measured=shown.quality_change,
        scale="points",
        signed=True,
        meaning="Points of its own answers against live's, over all requests; never read from live's answers alone.",
        beside="" if shown.quality_rung == "none" else shown.quality_rung,
    )
    yield Figure(
        label="Decides differently",
        measured=shown.differs,
        meaning="Share of requests where its primary model differs from live's; the floor is how often live"
        " differs from itself.",
        beside="" if shown.noise_floor is None else f"floor {headline(shown.noise_floor, 'percent')}",
    )


def verdict_sections(judgement: Judgement) -> Iterator[Section]:
    """Blockers first, then conditions, segments, and ways to get the missing evidence."""
    if judgement.blockers:
        yield Section(
            title="Blockers of a verdict",
            header=("blocker", "next step"),
            rows=tuple((blocker.text, blocker.next_step) for blocker in judgement.blockers),
        )
    if judgement.preview is not None:
        yield preview_section(judgement.preview)
    yield conditions_section(judgement)
    if judgement.segments:
        yield segments_section(judgement)
    if judgement.doors:
        yield Section(title=DOORS, text=judgement.doors)


def conditions_section(judgement: Judgement) -> Section:
    """The conditions, with the plan and the look of the judgement."""
    plan = judgement.plan
    since = f"recorded {plan.registered_at:%Y-%m-%d %H:%M} UTC" if plan.registered_at else "not recorded"
    edits = [
        f"Changed on {edit.seen_on}: {edit.where} {edit.before} -> {edit.after}. The first plan judges."
        for edit in plan.edits
    ]
    look = judgement.look
    of = f" of {look.planned}" if look.planned else ""
    return Section(
        title="Conditions of the plan",
        text=(
            f"Plan {plan.name} ({plan.hash}), {since}, {'changed since' if edits else 'unchanged'}.",
            *edits,
            (
                f"Look {look.number}{of}; {percent(look.confidence)} confidence over all looks, so today's intervals"
                f" are {look.level * 100:.4g} % intervals. {sentence(look.note)}"
            ),
            *judgement.caveats,
        ),
        header=("", "condition", "measured", "rests on", "requests", "next step"),
        rows=tuple(
            (
                each.state,
                each.requirement,
                each.shown,
                each.rung,
                count(each.n),
                what_next(each),
            )
            for each in judgement.conditions
        ),
    )


def preview_section(preview: Preview) -> Section:
    """The conditions on days that are not over; every state says that it is one of today."""
    return Section(
        title=PREVIEW,
        text=(preview_note(preview),),
        header=("so far", "condition", "measured", "rests on", "requests"),
        rows=tuple((each.state, each.requirement, each.shown, each.rung, count(each.n)) for each in preview.conditions),
    )


def preview_note(preview: Preview) -> str:
    """What a preview is about, and what it is not."""
    when = days(preview.window.first, preview.window.last)
    return (
        f"{preview.policy} on {counted(preview.requests, 'request')} of {when} so far. Days that are not over are never"
        " judged: late hours and late signals may turn every figure."
    )


def what_next(condition: Condition) -> str:
    """The reason why a condition is not met or unknown, and the next step; empty if it is met."""
    why = "" if condition.why == condition.shown else condition.why
    return sentence(why, condition.next_step) if why or condition.next_step else ""


def segments_section(judgement: Judgement) -> Section:
    """Every condition on every segment of the plan."""
    return Section(
        title="In each segment",
        text=("A harm counts if it is real after correction for the number of segments (Benjamini-Hochberg).",),
        header=("segment", "share", "condition", "measured", "harm"),
        rows=tuple(
            (
                str(each.segment),
                "" if each.share is None else percent(each.share),
                each.requirement,
                each.shown,
                "yes" if each.is_harm else "no" if each.q_value is not None else "unknown",
            )
            for each in judgement.segments
        ),
    )
