"""The four measures of every shadow policy, overall and per segment, with their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shadowroute.analysis import caveats as say
from shadowroute.analysis.caveats import Caveat
from shadowroute.analysis.measures.completeness import MissingHour
from shadowroute.analysis.measures.cost import CostDelta
from shadowroute.analysis.measures.divergence import Divergence
from shadowroute.analysis.measures.escalation import Escalation
from shadowroute.analysis.measures.live_quality import Quality
from shadowroute.analysis.measures.noise_floor import Control
from shadowroute.analysis.measures.simpson import Simpson
from shadowroute.analysis.policy_study import PolicyStudy
from shadowroute.analysis.results import Measured
from shadowroute.analysis.selection import PolicyRef, Slice, Window
from shadowroute.analysis.study import Study

SCHEMA: Final = "shadowroute/report/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceReport:
    """The four measures on one slice of the traffic.

    Attributes:
        share: of the policy's decisions in the window that lie in this slice, 0 to 1; None without decisions.
        quality: the requested signal.
        further_signals: every other signal that arrived; in segments, those that have a bar.
    """

    slice: Slice
    share: float | None
    divergence: Divergence
    cost: CostDelta
    escalation: Escalation
    quality: Quality
    further_signals: tuple[Quality, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """One shadow policy.

    Attributes:
        is_control: whether it is only the live policy run as its own shadow (A/A); its divergence is the noise floor.
        excess: divergence by model above the controls', on their days, request buckets paired; None without a control
            or for it.
        floor: how often live differs from itself, with the days on which a control measured it; or what is known of it
            where none did. The same sentence for every policy.
        completeness: its decisions over those that were meant; None if that is not known of all requests.
        missing_hours: hours in which decisions that were meant are not there.
        absent_by_design: share of the live requests of the window that it was not meant for, of those that state it.
        overall: all traffic, or the slice that was asked for.
        segments: one per value of the keys that were asked for, the largest first.
        simpson: per key that was asked for: whether the signal's difference between downgraded requests and the rest
            turns round within the key's values.
    """

    policy: PolicyRef
    is_control: bool
    excess: Measured | None
    floor: str
    completeness: float | None
    missing_hours: tuple[MissingHour, ...]
    absent_by_design: float
    overall: SliceReport
    segments: tuple[SliceReport, ...]
    simpson: tuple[Simpson, ...]
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReport:
    """All shadow policies of a project in one window.

    Attributes:
        as_of: requests that arrived before this are in the figures; None if nothing was rolled up yet.
        waiting: live requests that arrived later; they are in no figure yet.
        book: the price book; empty if none is pinned.
        requests: live requests.
        live: live policies of the window; more than one means the live policy changed.
        known_clusters_share: of live requests, those with a user or session id; None without requests.
        policies: the largest first, controls last.
        most_saved: by any policy over the models of the window, USD per month (R54).
        controls: the A/A shadows with the days on which they measured the noise floor.
        floor: how often live differs from itself; empty without live requests.
    """

    project: str
    window: Window
    as_of: datetime | None
    waiting: int
    book: str
    requests: int
    live: tuple[PolicyRef, ...]
    known_clusters_share: float | None
    policies: tuple[PolicyReport, ...]
    caveats: tuple[Caveat, ...]
    most_saved: Measured
    controls: tuple[Control, ...]
    floor: str


def project_report(study: Study, *, by: Sequence[str] = ()) -> ProjectReport:
    """Measure every shadow policy of a study.

    Args:
        study: which shadows, on which days and slice.
        by: segment keys to split by, for example `("task",)`.
    """
    shadows, most_saved = study.shadows, study.most_saved
    ordered = sorted(shadows, key=lambda row: (is_control(study, row.policy), -row.n, row.policy))
    return ProjectReport(
        project=study.project.project,
        window=study.window,
        as_of=study.as_of,
        waiting=study.waiting,
        book=study.book,
        requests=study.requests,
        live=tuple(row.policy for row in study.live),
        known_clusters_share=study.known_clusters_share,
        policies=tuple(policy_report(study, row.policy, by=by) for row in ordered),
        caveats=(
            *say.about_project(live=study.live, shadows=shadows, known_clusters_share=study.known_clusters_share),
            *say.about_worth(most_saved, study.common),
        ),
        most_saved=most_saved,
        controls=tuple(study.controls),
        floor=study.floor.text if study.live else "",
    )


def policy_report(study: Study, policy: PolicyRef, *, by: Sequence[str] = ()) -> PolicyReport:
    """Measure one shadow policy of a study; `by` as for `project_report`."""
    one = study.of(policy)
    overall = _slice_report(one)
    simpson = tuple(found for key in by if (found := one.simpson(key)))
    completeness = study.completeness.get(policy)
    return PolicyReport(
        policy=policy,
        is_control=is_control(study, policy),
        excess=study.excess(policy),
        floor=study.floor.text,
        completeness=completeness.share if completeness else None,
        missing_hours=completeness.missing_hours if completeness else (),
        absent_by_design=completeness.absent_by_design if completeness else 0.0,
        overall=overall,
        segments=tuple(_slice_report(part) for key in by for part in one.by(key)),
        simpson=simpson,
        caveats=tuple(
            say.about_policy(
                divergence=overall.divergence,
                cost=overall.cost,
                escalation=overall.escalation,
                quality=overall.quality,
                completeness=completeness,
                simpson=simpson,
            )
        ),
    )


def is_control(study: Study, policy: PolicyRef) -> bool:
    """Whether a policy is an A/A shadow and nothing else."""
    control = study.control(policy)
    return control is not None and control.is_whole


def _slice_report(part: PolicyStudy) -> SliceReport:
    return SliceReport(
        slice=part.where,
        share=part.share,
        divergence=part.divergence,
        cost=part.cost,
        escalation=part.escalation,
        quality=part.quality,
        further_signals=tuple(part.qualities[1:]),
    )
