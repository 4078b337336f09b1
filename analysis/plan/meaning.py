"""A plan's values as arguments of the measures: its costs and the meaning of its signals."""

from __future__ import annotations

from typing import Any

from shadowroute.analysis.measures.ledger_lines import Costs
from shadowroute.analysis.plan.amounts import duration_of, share_of
from shadowroute.analysis.plan.document import PlanDocument, SignalDocument
from shadowroute.analysis.signals import SignalRow, SignalSpec, spec_of


def wishes_of(document: PlanDocument) -> dict[str, Any]:
    """A plan's settings of the figures, by the names of a study's arguments."""
    return {
        "scored_by": document.must.quality[0].signal,
        "specs": specs_of(document),
        "costs": costs_of(document),
    }


def costs_of(document: PlanDocument) -> Costs:
    """Costs outside the price book; a cost that the plan omits is 0, but a bad answer's price is unknown."""
    written = document.costs
    return Costs(
        router_usd_per_decision=written.router_usd_per_decision,
        running_usd_per_month=written.running_usd_per_month or 0.0,
        bad_answer_usd=written.bad_answer_usd,
    )


def specs_of(document: PlanDocument) -> dict[str, SignalSpec]:
    """The meaning of the plan's signals, by name."""
    return {name: _spec(name, signal) for name, signal in document.signals.items()}


def _spec(name: str, signal: SignalDocument) -> SignalSpec:
    # Omitted values keep the known meaning of the name: a plan that gives `retry` a maturity does not make it good.
    known = spec_of(SignalRow(name=name, source=signal.source or "", n=0))
    return SignalSpec(
        name,
        source=signal.source or "",
        lower_is_better=known.lower_is_better if signal.lower_is_better is None else signal.lower_is_better,
        rung=known.rung,
        matures_after_h=duration_of(signal.matures_after).total_seconds() / 3600,
        bar=None if signal.bar is None else share_of(signal.bar),
    )
