"""The verdict that follows from blockers, conditions and segments. Nothing else decides."""

from __future__ import annotations

from collections.abc import Sequence

from shadowroute.analysis.verdict.conditions import BELIEVED
from shadowroute.analysis.verdict.results import Blocker, Condition, SegmentFinding, Verdict


def verdict_of(
    blockers: Sequence[Blocker],
    conditions: Sequence[Condition],
    segments: Sequence[SegmentFinding],
    *,
    worth: str = "",
) -> Verdict:
    """The verdict.

    - There is a blocker: NEED_MORE, independent of the figures.
    - A harm or a loss is shown, or no policy could be worth its running costs: REJECT.
    - A condition is unknown, or rests on less than the shadow's own answers: NEED_MORE.
    - Every condition is met and no segment is harmed: SHIP.
    - Else HOLD: there is enough data, with conflicting results.

    Args:
        blockers: of the verdict.
        conditions: of the plan; one of them is about quality.
        segments: findings after correction.
        worth: reason why routing is not worth it; empty if it may be.
    """
    if blockers:
        return Verdict.NEED_MORE
    if worth or any(condition.is_harm for condition in conditions):
        return Verdict.REJECT
    if not proves_quality(conditions) or any(condition.state == "unknown" for condition in conditions):
        return Verdict.NEED_MORE
    if any(condition.state == "not met" for condition in conditions) or any(each.is_harm for each in segments):
        return Verdict.HOLD
    return Verdict.SHIP


def proves_quality(conditions: Sequence[Condition]) -> bool:
    """Whether there is a quality condition and each rests on answers of the shadow's own plan."""
    quality = [condition for condition in conditions if condition.key.startswith("quality:")]
    return bool(quality) and all(condition.rung in BELIEVED for condition in quality)
