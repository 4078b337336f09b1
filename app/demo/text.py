"""The demo's summary: each shadow's four measures, and the truth beside them."""

from __future__ import annotations

from analysis.backtest.text import percent
from analysis.backtest.truth import PolicyTruth
from analysis.report import PolicyReport
from analysis.results import Estimate, Measured, Range
from app.demo.run import Outcome
from app.demo.traffic import Traffic

HEADER = ("shadow", "differs", "cost", "paid twice", "live quality", "live quality", "truth")
SUBHEADER = ("", "", "", "(of its cascade)", "downgraded", "the rest", "cost, quality, paid twice")
WIDTHS = (13, 20, 24, 18, 20, 20, 0)


def headline(traffic: Traffic) -> str:
    """What was simulated."""
    return (
        f"Simulated week from {traffic.first_day}, {len(traffic.turns):,} requests, {traffic.sessions:,} sessions, "
        f"{traffic.users:,} users, seed {traffic.seed} (synthetic: the truth is known)"
    )


def summary(outcome: Outcome) -> str:
    """The table, and how to read it."""
    lines = [_row(HEADER), _row(SUBHEADER)]
    lines += [_line(policy, outcome.truths[policy.policy.name]) for policy in outcome.report.policies]
    lines += [
        "Measured, not judged. Cost: other models start with a cold cache, at the tokens of the live answers.",
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
            _shown(overall.cost.relative, signed=True),
            _shown(overall.escalation.shadow) if overall.escalation.n_cascade else "-",
            _shown(overall.quality.downgrade.mean),
            _shown(overall.quality.rest.mean),
            _truth(truth),
        )
    )


def _truth(truth: PolicyTruth) -> str:
    cost = "?" if truth.cost_change is None else f"{percent(truth.cost_change, signed=True)} %"
    quality = "?" if truth.quality_change is None else f"{percent(truth.quality_change, signed=True)} pt"
    twice = "" if truth.escalation is None else f", {percent(truth.escalation)} %"
    return f"{cost}, {quality}{twice}"


def _shown(value: Measured, *, signed: bool = False) -> str:
    if isinstance(value, Estimate):
        low, high = percent(value.interval.low, signed=signed), percent(value.interval.high, signed=signed)
        return f"{percent(value.value, signed=signed)} % {low}..{high}"
    if isinstance(value, Range):
        return f"{percent(value.low, signed=signed)}..{percent(value.high, signed=signed)} %"
    return "undefined"


def _row(cells: tuple[str, ...]) -> str:
    widths = WIDTHS if len(cells) == len(WIDTHS) else (*WIDTHS[:2], 0)
    return ("  " + "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False))).rstrip()
