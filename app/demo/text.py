"""The demo's summary: each shadow's four measures, and the truth beside them."""

from __future__ import annotations

from analysis.backtest.text import bounds, percent
from analysis.backtest.truth import PolicyTruth
from analysis.measures.cost import CostDelta
from analysis.report import PolicyReport
from analysis.results import Estimate, Measured, Range, Undefined
from app.demo.run import Outcome
from app.demo.traffic import Traffic

HEADER = ("shadow", "differs", "cost (caches warm)", "paid twice", "live quality", "live quality", "truth")
SUBHEADER = ("", "", "", "(of its cascade)", "downgraded", "the rest", "cost, quality, paid twice")
WIDTHS = (13, 20, 33, 18, 20, 20, 0)


def headline(traffic: Traffic) -> str:
    """What was simulated."""
    return (
        f"Simulated week from {traffic.first_day}, {len(traffic.turns):,} requests, {traffic.sessions:,} sessions, "
        f"{traffic.users:,} users, seed {traffic.seed} (synthetic: the truth is known)"
    )


def summary(outcome: Outcome) -> str:
    """The table, and how to read it."""
    lines = [_row(HEADER), _row(SUBHEADER)]
    measured = {policy.policy.name: policy for policy in outcome.report.policies}
    lines += [_line(measured[name], truth) for name, truth in outcome.truths.items()]
    lines += [f"undefined: {reason}" for reason in _reasons(outcome)]
    lines += [
        "Measured, not judged. Cost at the tokens of the live answers; another model starts with a cold cache.",
        "Live quality is about the models that answered, not about the shadow's: compare it with the truth.",
    ]
    return "\n".join(lines)


def _line(policy: PolicyReport, truth: PolicyTruth) -> str:
    overall = policy.overall
    differs = _shown(overall.divergence.model)
    if policy.is_control:
        return _row((policy.policy.name, differs, "(A/A control: the noise floor)"))
    return _row(
        (
            policy.policy.name,
            differs,
            _cost(overall.cost),
            _shown(overall.escalation.shadow) if overall.escalation.n_cascade else "-",
            _shown(overall.quality.downgrade.mean),
            _shown(overall.quality.rest.mean),
            _truth(truth),
        )
    )


def _reasons(outcome: Outcome) -> list[str]:
    """Why figures are undefined, each reason once."""
    shown = [
        value
        for policy in outcome.report.policies
        for value in (
            policy.overall.divergence.model,
            policy.overall.cost.relative,
            policy.overall.quality.downgrade.mean,
            policy.overall.quality.rest.mean,
        )
        if not policy.is_control or value is policy.overall.divergence.model
    ]
    return list(dict.fromkeys(value.reason for value in shown if isinstance(value, Undefined)))


def _cost(cost: CostDelta) -> str:
    """The change with cold caches, and in brackets with the live ones: the truth lies between the two."""
    cold, warm = cost.relative, cost.warm_relative
    between = f" ({percent(warm.value, signed=True)} %)" if isinstance(warm, Estimate) else ""
    return _shown(cold, signed=True) + between


def _truth(truth: PolicyTruth) -> str:
    cost = "?" if truth.cost_change is None else f"{percent(truth.cost_change, signed=True)} %"
    quality = "?" if truth.quality_change is None else f"{percent(truth.quality_change, signed=True)} pt"
    twice = "" if truth.escalation is None else f", {percent(truth.escalation)} %"
    return f"{cost}, {quality}{twice}"


def _shown(value: Measured, *, signed: bool = False) -> str:
    if isinstance(value, Estimate):
        ends = bounds(value.interval.low, value.interval.high, signed=signed)
        return f"{percent(value.value, signed=signed)} % {ends}"
    return f"{bounds(value.low, value.high, signed=signed)} %" if isinstance(value, Range) else "undefined"


def _row(cells: tuple[str, ...]) -> str:
    widths = WIDTHS if len(cells) == len(WIDTHS) else (*WIDTHS[:2], 0)
    return ("  " + "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False))).rstrip()
