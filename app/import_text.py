"""Result of an import and gaps of its log, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from shadow.domain.request import LABEL
from shadowroute.analysis.format import count, counted
from shadowroute.analysis.measures.rates import FAILED, KNOWN_CLUSTERS

if TYPE_CHECKING:
    from shadowroute.collector.replay.gaps import Gaps, PolicyGap
    from shadowroute.collector.replay.job import Imported
    from shadowroute.collector.store.dsn import Dsn

SCHEMA: Final = "shadowroute/import/1"
WIDTH: Final = 110
WORDS: Final = {
    "messages": "prompts",
    "has_tools": "whether tools were offered",
    "has_images": "whether there were images",
    "wants_json": "whether JSON was asked for",
    "max_output_tokens": "the limit for the answer",
    "input_tokens": "input tokens",
    "task": "task",
    "user_tier": "user tier",
}


def summary_text(done: Imported, store: Dsn) -> str:
    """Calls, left-out records with reasons, and gaps of the log; the store is named without its password."""
    gaps = done.gaps
    rate = f", {gaps.calls / done.seconds:,.0f} calls/s" if done.seconds > 0 else ""
    head = (
        f"{counted(gaps.calls, 'call')} of {done.first} to {done.last} (UTC) became requests of project"
        f" {done.project}: {count(done.new)} new, {count(done.known)} known before ({done.seconds:.1f} s{rate})"
    )
    lines = [head]
    if gaps.signals:
        lines.append("signals: " + ", ".join(f"{name} {count(n)}" for name, n in sorted(gaps.signals.items())))
    lines += [f"left out {count(each.n)}: {each.reason} (first: {each.first})" for each in gaps.skipped]
    lines += done.notes
    if done.observed:
        lines.append(
            f"{counted(done.observed, 'request')} of these days came from another source. A call that was observed and"
            " logged counts twice unless both have one id: import into a project of its own with --project"
        )
    lacks = list(sentences(gaps))
    if lacks:
        lines.append("Gaps of this log, and their effect:")
        lines += [fill(sentence, WIDTH, initial_indent="- ", subsequent_indent="  ") for sentence in lacks]
    lines.append(f"Stored in {store}; see it again: shadowroute report --project {done.project}")
    return "\n".join(lines)


def document_of(done: Imported) -> dict[str, Any]:
    """The same as JSON."""
    gaps = done.gaps
    return {
        "schema": SCHEMA,
        "project": done.project,
        "first_day": done.first.isoformat(),
        "last_day": done.last.isoformat(),
        "records": done.survey.records,
        "calls": gaps.calls,
        "new": done.new,
        "known_before": done.known,
        "observed_otherwise": done.observed,
        "seconds": done.seconds,
        "price_book": done.book,
        "models": list(done.survey.models),
        "signals": dict(gaps.signals),
        "notes": list(done.notes),
        "skipped": [asdict(skipped) for skipped in gaps.skipped],
        "lacking": dict(gaps.lacking),
        "without_key": gaps.without_key,
        "without_tokens": gaps.without_tokens,
        "unpriced": dict(gaps.unpriced),
        "without_reported_cost": gaps.without_cost,
        "without_answer": gaps.without_answer,
        "sessions_made_up": gaps.sessions_made_up,
        "policies": [
            {
                "policy": policy.policy,
                "version": policy.version,
                "reads": None if policy.reads is None else sorted(policy.reads),
                "lacking": dict(policy.lacking),
                "undecided": policy.undecided,
                "failed": dict(policy.failed),
            }
            for policy in gaps.policies
        ],
        "gaps": list(sentences(gaps)),
    }


def sentences(gaps: Gaps) -> Iterator[str]:
    """The gaps of the log and their effect on a verdict, the gravest first. Empty for a complete log."""
    if gaps.calls == 0:
        return
    yield from _about_keys(gaps)
    for policy in gaps.policies:
        yield from _about_policy(policy, gaps)
    if not gaps.signals:
        yield (
            "no signals: live quality is unknown except for signals from the order of calls (no_user_retry,"
            " no_abandonment); --signal COLUMN=NAME reads a column that rates the answer"
        )
    yield "answers of the shadow were not run: no quality evidence for SHIP until some are executed and imported"
    if gaps.without_tokens:
        yield f"no token counts on {_share(gaps.without_tokens, gaps)}: their cost is unknown, never 0"
    if gaps.unpriced:
        told = ", ".join(f"{terms} {count(n)}" for terms, n in gaps.unpriced.most_common())
        yield (
            f"no price book has the terms of {_share(gaps.unpriced.total(), gaps)}: {told} (first:"
            f" {gaps.first_unpriced}); their cost is unknown, and they are left out of cost"
        )
    if gaps.without_cost == gaps.calls:
        yield "no reported cost: cost is computed from tokens and the price book alone"
    for name in ("task", "user_tier"):
        if gaps.lacking.get(name) == gaps.calls:
            yield (
                f"no {WORDS[name]}: no segments by it; --rename COLUMN={name} names the column, --absent {name} "
                "declares that there is none"
            )


def _about_keys(gaps: Gaps) -> Iterator[str]:
    share = 1 - gaps.without_key / gaps.calls
    if gaps.sessions_made_up:
        yield (
            "session ids: nearly every one occurs once, as gateways make them up for calls without one; they are "
            "not used, because every call would pass for independent"
        )
    if share < KNOWN_CLUSTERS:
        yield (
            f"user or session id on {_percent(share)} of the calls: repeat users cannot be recognised, a verdict "
            "is blocked below 90 %; --rename COLUMN=session or COLUMN=user names the column"
        )


def _about_policy(policy: PolicyGap, gaps: Gaps) -> Iterator[str]:
    if policy.undecided:
        what = ", ".join(_words(feature) for feature in sorted(policy.lacking)) or "a feature"
        blocked = "; a verdict is blocked above 0.1 %" if policy.undecided / gaps.calls > FAILED else ""
        yield (
            f"{policy.policy}: no decision on {_share(policy.undecided, gaps)}, because it needs {what}, which the log "
            f"lacks there{blocked}"
        )
    for error_type, n in sorted(policy.failed.items()):
        yield f"{policy.policy}: failed on {_share(n, gaps)} with {error_type}"
    if policy.cascades and gaps.without_answer:
        yield (
            f"{policy.policy}: how often its cheap answer would be refused is a range: the text of the answer is not "
            f"logged for {_share(gaps.without_answer, gaps)}"
        )


def _share(n: int, gaps: Gaps) -> str:
    return f"{n:,} call{'' if n == 1 else 's'} ({_percent(n / gaps.calls)})"


def _words(feature: str) -> str:
    return f"label {feature[len(LABEL) :]}" if feature.startswith(LABEL) else WORDS.get(feature, feature)


def _percent(share: float) -> str:
    text = f"{share * 100:.1f}"
    if text == "100.0" and share < 1:
        text = "99.9"
    return f"{'0.1' if text == '0.0' and share > 0 else text} %"
