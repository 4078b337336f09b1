"""One shadow's four measures, its truth and the miss, put together as a document."""

from __future__ import annotations

from shadowroute.analysis.backtest.result import (
    CaveatDocument,
    CostDocument,
    DiffersDocument,
    EscalationDocument,
    FrontierDocument,
    MissDocument,
    PointDocument,
    PolicyDocument,
    QualityDocument,
    RandomControlDocument,
    SavingsDocument,
    ShadowDocument,
    SpecialistsDocument,
    TruthDocument,
    measured,
    miss,
)
from shadowroute.analysis.backtest.specialists import Specialists
from shadowroute.analysis.backtest.truth import PolicyTruth
from shadowroute.analysis.measures.cost import CostDelta
from shadowroute.analysis.measures.divergence import Divergence
from shadowroute.analysis.measures.escalation import Escalation
from shadowroute.analysis.measures.quality import Quality
from shadowroute.analysis.report import PolicyReport


def shadow_document(report: PolicyReport, truth: PolicyTruth, specialists: Specialists) -> ShadowDocument:
    """The measures of a report beside the truth, and the figures for specialists."""
    overall = report.overall
    return ShadowDocument(
        policy=PolicyDocument(name=report.policy.name, version=report.policy.version),
        differs=_differs(overall.divergence),
        cost=_cost(overall.cost),
        escalation=_escalation(overall.escalation),
        live_quality=_quality(overall.quality),
        truth=_truth(truth),
        miss=_miss(overall.cost, overall.escalation, truth),
        specialists=_specialists(specialists),
        caveats=[CaveatDocument(code=each.code, text=each.text, next_step=each.next_step) for each in report.caveats],
    )


def _differs(divergence: Divergence) -> DiffersDocument:
    return DiffersDocument(
        model=measured(divergence.model),
        tier=measured(divergence.tier),
        steps=measured(divergence.steps),
        n=sum(cell.n for cell in divergence.matrix if cell.live_model != cell.shadow_model),
        failed_share=divergence.failed_share,
        downgrade_share=divergence.share("downgrade"),
    )


def _cost(cost: CostDelta) -> CostDocument:
    return CostDocument(
        relative=measured(cost.relative),
        warm_relative=measured(cost.warm_relative),
        per_request_usd=measured(cost.per_request_usd),
        live_usd=cost.live_usd,
        shadow_usd=cost.shadow_usd,
        shadow_high_usd=cost.shadow_high_usd,
        unpriced=list(cost.unpriced),
    )


def _escalation(escalation: Escalation) -> EscalationDocument:
    return EscalationDocument(
        shadow=measured(escalation.shadow), live=measured(escalation.live), known_share=escalation.known_share
    )


def _quality(quality: Quality) -> QualityDocument:
    return QualityDocument(
        signal=quality.signal,
        downgraded=measured(quality.downgrade.mean),
        same=measured(quality.same.mean),
        rest=measured(quality.rest.mean),
        all=measured(quality.all.mean),
        note=quality.note,
    )


def _truth(truth: PolicyTruth) -> TruthDocument:
    return TruthDocument(
        n=truth.n,
        cost_change=truth.cost_change,
        live_usd=truth.live_usd,
        shadow_usd=truth.shadow_usd,
        output_ratio=truth.output_ratio,
        quality_change=truth.quality_change,
        downgraded_n=truth.downgraded_n,
        downgraded_quality_change=truth.downgraded_quality_change,
        shadow_quality_downgraded=truth.shadow_quality_downgraded,
        escalation=truth.escalation,
    )


def _specialists(found: Specialists) -> SpecialistsDocument:
    control, savings, frontier = found.random_control, found.savings, found.frontier
    return SpecialistsDocument(
        n=found.n,
        random_control=RandomControlDocument(
            model=control.model,
            advantage=measured(control.advantage),
            shadow_change=control.shadow_change,
            control_change=control.control_change,
            moved_share=control.moved_share,
        ),
        savings=SavingsDocument(
            share=measured(savings.share),
            band=savings.band,
            warning=savings.warning,
            bar=savings.bar,
            dearest=savings.dearest,
        ),
        frontier=FrontierDocument(
            weak=frontier.weak,
            strong=frontier.strong,
            gap_recovered=measured(frontier.gap_recovered),
            aiq=measured(frontier.aiq),
            points=[
                PointDocument(name=point.name, cost_usd=measured(point.cost_usd), quality=measured(point.quality))
                for point in frontier.points
            ],
        ),
    )


def _miss(cost: CostDelta, escalation: Escalation, truth: PolicyTruth) -> MissDocument:
    cost_miss, cost_inside = miss(cost.relative, truth.cost_change)
    escalation_miss, escalation_inside = miss(escalation.shadow, truth.escalation)
    return MissDocument(
        cost=cost_miss,
        cost_inside=cost_inside,
        escalation=escalation_miss,
        escalation_inside=escalation_inside,
    )
