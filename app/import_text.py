"""What an import did, for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from shadowroute.analysis.format import count, counted

if TYPE_CHECKING:
    from shadowroute.collector.dsn import Dsn
    from shadowroute.collector.imports.job import Imported

SCHEMA: Final = "shadowroute/import/1"
WIDTH: Final = 110


def summary_text(done: Imported, store: Dsn) -> str:
    """Calls, what was left out and why, and what the log lacks; the store is named without its password."""
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
    if done.observed:
        lines.append(
            f"{counted(done.observed, 'request')} of these days came in another way. A call that was observed and"
            " logged counts twice unless both have one id: import into a project of its own with --project"
        )
    lacks = list(gaps.sentences())
    if lacks:
        lines.append("What this log lacks, and what that costs:")
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
        "skipped": [asdict(skipped) for skipped in gaps.skipped],
        "lacking": dict(gaps.lacking),
        "without_key": gaps.without_key,
        "without_tokens": gaps.without_tokens,
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
        "gaps": list(gaps.sentences()),
    }
