"""The four measures of every shadow policy, overall and per segment, with everything that limits them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analysis.measures.cost import CostDelta
from analysis.measures.divergence import Divergence
from analysis.measures.escalation import Escalation
from analysis.measures.quality import Quality
from analysis.results import Measured
from analysis.selection import PolicyRef, Slice, Window

SCHEMA: Final = "shadowroute/report/1"


@dataclass(frozen=True, slots=True)
class Caveat:
    """Something a reader must know before believing a figure.

    Attributes:
        code: stable word, for example `unpriced`, for tests and pages.
        text: one sentence with the figures.
        next_step: what settles it; empty if nothing does.
    """

    code: str
    text: str
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceReport:
    """The four measures on one slice of the traffic.

    Attributes:
        share: of the policy's decisions in the window that lie in this slice, 0 to 1.
    """

    slice: Slice
    share: float
    divergence: Divergence
    cost: CostDelta
    escalation: Escalation
    quality: Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """One shadow policy.

    Attributes:
        is_control: whether it is the live policy run as its own shadow (A/A); its divergence is the noise floor.
        excess: divergence by model above the control's, request buckets paired; None without a control or for it.
        overall: all traffic, or the slice that was asked for.
        segments: one per value of the keys that were asked for, the largest first.
    """

    policy: PolicyRef
    is_control: bool
    excess: Measured | None
    overall: SliceReport
    segments: tuple[SliceReport, ...]
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReport:
    """All shadow policies of a project in one window.

    Attributes:
        as_of: newest arrival among the decisions; None if there is none.
        book: the price book; empty if none is pinned.
        requests: live requests.
        live: live policies of the window; more than one means the live policy changed.
        known_clusters_share: of live requests, those with a user or session id; None without requests.
        policies: the largest first, controls last.
    """

    project: str
    window: Window
    as_of: datetime | None
    book: str
    requests: int
    live: tuple[PolicyRef, ...]
    known_clusters_share: float | None
    policies: tuple[PolicyReport, ...]
    caveats: tuple[Caveat, ...]
