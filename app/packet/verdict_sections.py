"""What the plan asks and how the figures stand to it."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.format import count, percent
from analysis.verdict.results import Judgement
from app.packet.section import Section


def verdict_sections(judgement: Judgement) -> Iterator[Section]:
    """Blockers first, then conditions, segments, and what would bring the missing evidence."""
    if judgement.blockers:
        yield Section(
            title="Why nothing can be judged yet",
            header=("blocker", "what removes it"),
            rows=tuple((blocker.text, blocker.next_step) for blocker in judgement.blockers),
        )
    yield _conditions(judgement)
    if judgement.segments:
        yield _segments(judgement)
    if judgement.doors:
        yield Section(title="What would bring the missing evidence", text=judgement.doors)


def _conditions(judgement: Judgement) -> Section:
    plan = judgement.plan
    since = f"recorded {plan.registered_at:%Y-%m-%d %H:%M} UTC" if plan.registered_at else "not recorded"
    edits = [
        f"Changed on {edit.seen_on}: {edit.where} {edit.before} -> {edit.after}. The first plan judges."
        for edit in plan.edits
    ]
    look = judgement.look
    of = f" of {look.planned}" if look.planned else ""
    return Section(
        title="What must be true",
        text=(
            f"Plan {plan.name} ({plan.hash}), {since}, {'changed since' if edits else 'unchanged'}.",
            *edits,
            (
                f"Look {look.number}{of}; {percent(look.confidence)} confidence over all looks, so today's intervals"
                f" are {look.level * 100:.3g} % intervals. {look.note}"
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
                " ".join(filter(None, (each.why, each.next_step))),
            )
            for each in judgement.conditions
        ),
    )


def _segments(judgement: Judgement) -> Section:
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
