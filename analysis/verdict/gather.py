"""Reads everything that a plan asks about: the figures of all traffic and of every segment, and what may block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.measures.completeness import completeness_of
from shadowroute.analysis.measures.noise_floor import without_control
from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.off_policy import exploration
from shadowroute.analysis.results import Undefined
from shadowroute.analysis.rows import PolicyRow
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.verdict.blockers import Facts
from shadowroute.analysis.verdict.conditions import Evidence
from shadowroute.analysis.verdict.figures import Figures
from shadowroute.analysis.verdict.looks import Judged
from shadowroute.analysis.verdict.reading import Reading
from shadowroute.analysis.verdict.results import Headline


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What was read for one judgement.

    Attributes:
        policy: the newest version of the plan's policy.
        live: the live policy; None without requests.
        requests: live requests of the window.
        executed: executed answers that the first quality condition rests on.
        worth: why routing is not worth it at all; empty if it may be.
        floor: what is known of how often live differs from itself; empty where an A/A shadow measured it.
        heavy_tail: why the interval of the cost may be too narrow; empty if it is not.
        evaluation_usd: per month, that the saving counts for executed answers at the pace of the window.
        uncosted_share: of the requests, those whose tokens are unknown, so that no figure of money holds them.
    """

    policy: PolicyRef
    live: PolicyRef | None
    facts: Facts
    overall: Figures
    segments: tuple[Figures, ...]
    headline: Headline
    requests: int
    executed: int
    days: int
    worth: str
    floor: str
    heavy_tail: str
    evaluation_usd: float = 0.0
    uncosted_share: float = 0.0


def gather(q: Queries, plan: Plan, judged: Judged, *, book: str) -> Gathered:
    """Read the figures of the judged days; without any day everything is unknown."""
    window = judged.window or Window(plan.starts, plan.starts)
    policies = q.policies(window) if judged.window else []
    versions = sorted(
        (row for row in policies if not row.is_live and row.policy.name == plan.document.policy),
        key=lambda row: (row.last, row.first, row.n),
    )
    live = [row for row in policies if row.is_live]
    policy = versions[-1].policy if versions else PolicyRef(plan.document.policy, "")
    reading = Reading(
        q, plan, window, policy, level=judged.look.level, book=book, policies=policies,
    )  # fmt: skip
    has_data = bool(versions and live)
    overall = reading.overall() if has_data else unknown_figures(plan)
    control = reading.control() if has_data else None
    return Gathered(
        policy=policy,
        live=live[-1].policy if live else None,
        facts=_facts(reading, plan, judged, versions=versions, live=live),
        overall=overall,
        segments=tuple(reading.segments()) if has_data else (),
        headline=_headline(reading, overall, control) if has_data else _unknown_headline(plan),
        requests=sum(row.n for row in live),
        executed=reading.executed[0].n if has_data else 0,
        days=reading.days if judged.window else 0,
        worth=reading.worth() if has_data else "",
        floor="" if control else without_control(exploration(q, window)),
        heavy_tail=reading.provider.heavy_tail if has_data else "",
        evaluation_usd=reading.evaluation_usd if has_data else 0.0,
        uncosted_share=(reading.provider.uncosted_share or 0.0) if has_data else 0.0,
    )


def _facts(
    reading: Reading, plan: Plan, judged: Judged, *, versions: Sequence[PolicyRow], live: Sequence[PolicyRow]
) -> Facts:
    has_data = bool(versions and live)
    q, window, policy = reading.q, reading.window, reading.policy
    complete = completeness_of(q.completeness(window)) if has_data else {}
    pairs = reading.pairs if has_data else None
    return Facts(
        policy=plan.document.policy,
        versions=versions,
        live=live,
        known=list(dict.fromkeys(row.policy.name for row in reading.policies if not row.is_live)),
        completeness=complete.get(policy),
        counts=reading.counts if has_data else {},
        failed_share=pairs.failed_weight / pairs.weight if pairs and pairs.weight else None,
        unpriced=reading.unpriced() if has_data else (),
        uncosted_share=(reading.provider.uncosted_share or 0.0) if has_data else 0.0,
        book=reading.book,
        days=reading.days if judged.window else 0,
        min_days=plan.document.window.min_days,
        immature=judged.immature,
        mature_on=judged.mature_on,
        signals=[asked.signal for asked in plan.document.must.quality],
        effective_clusters=pairs.model.effective_clusters if pairs else 0.0,
        cluster_kinds=q.cluster_kinds(window) if has_data else (),
        clusters_are_requests=plan.document.clusters == "request",
    )


def _headline(reading: Reading, overall: Figures, control: PolicyRef | None) -> Headline:
    return Headline(
        saving_usd_per_month=reading.saving(),
        cost_change=overall.cost.measured,
        quality_change=overall.quality[0].measured,
        quality_signal=reading.plan.document.must.quality[0].signal,
        quality_rung=overall.quality[0].rung,
        differs=reading.differs(reading.policy),
        noise_floor=None if control is None else reading.differs(control),
    )


def unknown_figures(plan: Plan) -> Figures:
    """What is known without a complete day: nothing."""
    nothing = Evidence(measured=_NO_DAY, rung="none", n=0)
    return Figures(
        cost=nothing,
        quality=tuple(nothing for _ in plan.document.must.quality),
        escalation=nothing,
        break_even=_NO_DAY,
        latency_ms=nothing,
    )


def _unknown_headline(plan: Plan) -> Headline:
    return Headline(
        saving_usd_per_month=_NO_DAY,
        cost_change=_NO_DAY,
        quality_change=_NO_DAY,
        quality_signal=plan.document.must.quality[0].signal,
        quality_rung="none",
        differs=_NO_DAY,
        noise_floor=None,
    )


_NO_DAY: Final = Undefined(
    reason="no complete day with decisions of this policy", next_step="wait for the first complete day (UTC)"
)
