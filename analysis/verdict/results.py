"""The content of a judgement: the verdict, each condition with its basis, and how to settle the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from shadowroute.analysis.measures.noise_floor import Control
from shadowroute.analysis.plan.status import PlanStatus
from shadowroute.analysis.results import Measured, Rung
from shadowroute.analysis.selection import PolicyRef, Segment, Window

ConditionState = Literal["met", "not met", "unknown"]


class Verdict(StrEnum):
    """The four verdicts; there are no others."""

    SHIP = "SHIP"
    HOLD = "HOLD"
    REJECT = "REJECT"
    NEED_MORE = "NEED_MORE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """A fact that prevents a verdict, independent of the figures.

    Attributes:
        code: stable word, for example `incomplete`.
        text: one sentence with the figures and the limit.
        next_step: how to remove it.
    """

    code: str
    text: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition of the plan.

    Attributes:
        key: `cost`, `quality:SIGNAL`, `escalation` or `latency_p95`.
        requirement: in the words of the plan, for example `saves at least 10 %`.
        state: met, not met, or unknown while the interval allows both or nothing is known.
        is_harm: whether the interval shows a harm or a loss, beyond every doubt that the plan allows: that rejects.
        measured: the quantity at the level of this look; its unit says how to read it.
        shown: the quantity and its interval in words, for example `27.1 % (24.0 to 30.2)`; the reason if undefined.
        rung: evidence of the figure.
        n: requests that it rests on.
        why: reason for not met or unknown; empty if met.
        next_step: a copyable command or a sentence; empty if met.
        more_requests: requests until the interval would be decisive at its present width; None if that is
            unknown or more would not help.
        more_days: the same in days at the present rate.
    """

    key: str
    requirement: str
    state: ConditionState
    is_harm: bool
    measured: Measured
    shown: str
    rung: Rung
    n: int
    why: str
    next_step: str
    more_requests: int | None = None
    more_days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFinding:
    """One condition on one segment, after correction for the number of segments.

    Attributes:
        key: of the condition.
        measured: the segment's figure.
        shown: in words.
        q_value: Benjamini-Hochberg adjusted p of the harm; None where there is no figure.
        is_harm: whether the harm is real after the correction.
        share: of all requests, 0 to 1.
    """

    segment: Segment
    key: str
    requirement: str
    measured: Measured
    shown: str
    q_value: float | None
    is_harm: bool
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Validity of the intervals with a look every day.

    Attributes:
        kind: `planned` (group-sequential, fixed end) or `open` (confidence sequence).
        number: of the daily look, from 1; complete days only.
        planned: number of looks; None for open monitoring.
        confidence: of the whole review, for example 0.95.
        level: of the intervals at this look, wider than `confidence`.
        note: the method, in one sentence.
    """

    kind: Literal["planned", "open"]
    number: int
    planned: int | None
    confidence: float
    level: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The three numbers of the first screen.

    Attributes:
        saving_usd_per_month: net of all lines of the ledger; negative = costs more.
        quality_change: of the first quality condition, shadow minus live, -1 to 1.
        differs: share of requests.
        noise_floor: share of requests on which live differs from itself, on the days of the controls; None where no
            A/A shadow ran.
    """

    saving_usd_per_month: Measured
    cost_change: Measured
    quality_change: Measured
    quality_signal: str
    quality_rung: Rung
    differs: Measured
    noise_floor: Measured | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The conditions on days that are not over, or too young: what the gate will look at. It is no verdict.

    Attributes:
        policy: the newest version that decided on these days.
        window: these days.
        requests: live requests so far.
        conditions: in the order of the plan, at the level of the first look.
    """

    policy: PolicyRef
    window: Window
    requests: int
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The judgement that the gate prints, the packet stores and the first page shows.

    Attributes:
        sentence: the headline: answer, money, quality, next step. Plain text, first sentence is the answer.
        window: the days that were judged, complete days only.
        days: of them, days with requests.
        blockers: first; any of them makes the verdict NEED_MORE.
        conditions: in the order of the plan.
        segments: findings per segment of the plan, harms first.
        doors: ways to get the missing evidence, each a sentence with a command.
        worth: reason why routing is not worth it; empty if it may be (R54).
        data_through: rollups are complete up to here, UTC.
        caveats: limits that do not prevent a verdict, a sentence each.
        controls: the A/A shadows with the days on which they measured the noise floor.
        preview: before the first complete day: the same conditions on what there is, without a verdict.
    """

    verdict: Verdict
    sentence: str
    project: str
    policy: PolicyRef
    live: PolicyRef | None
    plan: PlanStatus
    window: Window
    days: int
    look: Look
    book: str
    requests: int
    executed: int
    headline: Headline
    blockers: tuple[Blocker, ...]
    conditions: tuple[Condition, ...]
    segments: tuple[SegmentFinding, ...]
    doors: tuple[str, ...]
    worth: str
    data_through: datetime | None
    caveats: tuple[str, ...] = ()
    controls: tuple[Control, ...] = ()
    preview: Preview | None = None
