"""One shadow's four measures, its truth and the miss, put together as a document."""

from __future__ import annotations

from shadowroute.analysis.backtest.result import MissDocument, ShadowDocument, TruthDocument, miss
from shadowroute.analysis.backtest.specialists import Specialists
from shadowroute.analysis.measures.cost import CostDelta
from shadowroute.analysis.measures.escalation import Escalation
from shadowroute.analysis.report import PolicyReport


def shadow_document(report: PolicyReport, truth: TruthDocument, specialists: Specialists) -> ShadowDocument:
    """The measures of a report beside the truth, and the figures for specialists."""
    overall = report.overall
    divergence, quality = overall.divergence, overall.quality
    return ShadowDocument.model_validate(
        {
            "policy": report.policy,
            "differs": {
                "model": divergence.model,
                "tier": divergence.tier,
                "steps": divergence.steps,
                "n": sum(cell.n for cell in divergence.matrix if cell.live_model != cell.shadow_model),
                "failed_share": divergence.failed_share,
                "downgrade_share": divergence.share("downgrade"),
            },
            "cost": overall.cost,
            "escalation": overall.escalation,
            "live_quality": {
                "signal": quality.signal,
                "downgraded": quality.downgrade.mean,
                "same": quality.same.mean,
                "rest": quality.rest.mean,
                "all": quality.all.mean,
                "note": quality.note,
            },
            "truth": truth,
            "miss": _miss(overall.cost, overall.escalation, truth),
            "specialists": specialists,
            "caveats": report.caveats,
        }
    )


def _miss(cost: CostDelta, escalation: Escalation, truth: TruthDocument) -> MissDocument:
    cost_miss, cost_inside = miss(cost.relative, truth.cost_change)
    escalation_miss, escalation_inside = miss(escalation.shadow, truth.escalation)
    return MissDocument(
        cost=cost_miss,
        cost_inside=cost_inside,
        escalation=escalation_miss,
        escalation_inside=escalation_inside,
    )
