"""The facts behind blockers, from a study: rows, policies and prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from shadowroute.analysis.measures.completeness import Completeness
from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.plan.pinned import is_pinned
from shadowroute.analysis.queries.rows import PolicyRow, RowCount
from shadowroute.analysis.selection import PolicyRef
from shadowroute.analysis.study import Study
from shadowroute.analysis.verdict.looks import Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts behind blockers. Without decisions of the policy or of live, the rest is meaningless.

    Attributes:
        policy: name of the shadow policy.
        versions: rows of the shadow policy in the window, one per version.
        live: rows of the live policies in the window.
        known: shadow policies that decided in the window, for the message of a misspelt name.
        completeness: of the shadow; None if nothing was rolled up.
        counts: rows by day and segment value, per segment key.
        failed_share: of the shadow's decisions; None without any.
        unpriced: models of live or of the shadow without a price.
        book: the price book; empty if none is pinned.
        uncosted_share: of the requests, those whose tokens are unknown; no figure of money holds them.
        days: days with requests.
        min_days: that the plan asks for.
        immature: days at the end of the window whose signals are not known yet.
        mature_on: day on which they will be.
        signals: the signals that are waited for.
        effective_clusters: of the shadow's decisions.
        known_clusters_share: of live requests, those with a user or session id; None without requests.
        clusters_are_requests: whether the plan says that requests are independent.
        not_audited: models that a plan of the shadow names and `models.only` does not.
        not_pinned: models that it names without an exact version, where the plan asks for one.
    """

    policy: str
    versions: Sequence[PolicyRow]
    live: Sequence[PolicyRow]
    known: Sequence[str]
    completeness: Completeness | None
    counts: Mapping[str, Sequence[RowCount]]
    failed_share: float | None
    unpriced: Sequence[str]
    book: str
    uncosted_share: float
    days: int
    min_days: int
    immature: int
    mature_on: date | None
    signals: Sequence[str]
    effective_clusters: float
    known_clusters_share: float | None
    clusters_are_requests: bool
    not_audited: Sequence[str] = ()
    not_pinned: Sequence[str] = ()


def facts_of(
    study: Study,
    plan: Plan,
    judged: Judged,
    policy: PolicyRef,
    *,
    versions: Sequence[PolicyRow],
    live: Sequence[PolicyRow],
    days: int,
) -> Facts:
    """The facts about a plan's policy; `versions` are the rows of it, `live` those of live, `days` have requests."""
    one = study.of(policy) if versions and live else None
    audit = plan.document.models
    named = study.project.planned_models(study.window, policy) if one and audit else ()
    return Facts(
        policy=plan.document.policy,
        versions=versions,
        live=live,
        known=list(dict.fromkeys(row.policy.name for row in study.shadows)) if live else [],
        completeness=study.completeness.get(policy) if one else None,
        counts={key: study.project.row_counts(study.window, policy, key) for key in ("all", *plan.segment_keys)}
        if one
        else {},
        failed_share=one.pairs.failed_share if one else None,
        unpriced=one.cost.unpriced if one else (),
        book=study.book,
        uncosted_share=(one.cost.uncosted_share or 0.0) if one else 0.0,
        days=days,
        min_days=plan.document.window.min_days,
        immature=judged.immature,
        mature_on=judged.mature_on,
        signals=[asked.signal for asked in plan.document.must.quality],
        effective_clusters=one.pairs.model.effective_clusters if one else 0.0,
        known_clusters_share=study.known_clusters_share if one else None,
        clusters_are_requests=plan.document.clusters == "request",
        not_audited=[model for model in named if audit and audit.only and model not in audit.only],
        not_pinned=[model for model in named if audit and audit.pinned_versions and not is_pinned(model)],
    )
