"""The quality evidence that a plan asks for: executed answers, else off-policy where the plan accepts it."""

from __future__ import annotations

from dataclasses import replace

from shadowroute.analysis.measures.executed import Executed
from shadowroute.analysis.plan.document import PlanDocument, QualityDocument
from shadowroute.analysis.policy_study import PolicyStudy
from shadowroute.analysis.reads import Reads
from shadowroute.analysis.results import Rung, Undefined
from shadowroute.analysis.signals import SignalRow
from shadowroute.analysis.verdict.bounds import negated
from shadowroute.analysis.verdict.conditions import RUN_ANSWERS, Evidence


def quality_evidence(part: PolicyStudy, asked: QualityDocument, found: Executed, document: PlanDocument) -> Evidence:
    """The change of the signal's mean, better is higher.

    Args:
        part: the policy on the slice.
        asked: the condition.
        found: executed answers on the slice, by the signal of the condition.
        document: of the plan.
    """
    if found.rung == "executed" or asked.evidence == "executed":
        change = found.quality_change if asked.over == "all_requests" else found.diverging_quality_change
        evidence = Evidence(measured=change, rung=found.rung, n=found.n, grows_with_traffic=False)
    else:
        evidence = _observed(part, asked, document)
    if lower_is_better(part.reads, asked, document):
        return replace(evidence, measured=negated(evidence.measured))
    return evidence


def lower_is_better(reads: Reads, asked: QualityDocument, document: PlanDocument) -> bool:
    """Whether less of the condition's signal is better, as the plan says or its name is known."""
    return reads.spec(_arrived(reads, asked, document) or _unseen(asked)).lower_is_better


def _observed(part: PolicyStudy, asked: QualityDocument, document: PlanDocument) -> Evidence:
    row = _arrived(part.reads, asked, document)
    if row is None:
        reason = f"no signal {asked.signal} arrived in this window"
        return Evidence(measured=Undefined(reason=reason, next_step=RUN_ANSWERS), rung="none", n=0)
    found = part.off_policy(row)
    rung: Rung = "none" if isinstance(found.value_change, Undefined) else part.reads.spec(row).rung
    days = max(part.reads.window.days, 1)
    return Evidence(measured=found.value_change, rung=rung, n=found.n, per_day=found.n / days or None)


def _arrived(reads: Reads, asked: QualityDocument, document: PlanDocument) -> SignalRow | None:
    """The signal as it arrived, from the source that the plan names, else from the most frequent one."""
    declared = document.signals.get(asked.signal)
    source = declared.source if declared else None
    rows = [row for row in reads.seen if row.name == asked.signal and source in {None, row.source}]
    return max(rows, key=lambda row: row.n, default=None)


def _unseen(asked: QualityDocument) -> SignalRow:
    return SignalRow(name=asked.signal, source="", n=0)
