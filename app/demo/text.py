"""The demo's summary: each shadow's four measures, and the truth beside them."""

from __future__ import annotations

from textwrap import fill
from typing import Final

from shadowroute.analysis.backtest.result import TruthDocument
from shadowroute.analysis.backtest.text import bounds, percent
from shadowroute.analysis.format import brief
from shadowroute.analysis.report import PolicyReport
from shadowroute.analysis.results import Estimate, Measured, Range, Undefined
from shadowroute.analysis.verdict.results import Judgement
from shadowroute.app.demo.run import Outcome
from shadowroute.app.demo.traffic import Traffic

HEADER = ("shadow", "differs", "cost (caches full..empty)", "quality, run answers", "live quality", "verdict", "truth")
SUBHEADER = ("", "", "", "", "where it downgrades", "", "cost, quality, paid twice")
WIDTH: Final = 156
"""Characters of a line of text; the table needs as many."""
WIDTHS = (13, 20, 38, 24, 21, 11, 0)


def headline(traffic: Traffic) -> str:
    """One line about the simulation."""
    return (
        f"Simulated week from {traffic.first_day}, {len(traffic.turns):,} requests, {traffic.sessions:,} sessions, "
        f"{traffic.users:,} users, seed {traffic.seed} (synthetic: the truth is known)"
    )


def summary(outcome: Outcome) -> str:
    """The table, and a note for its reader."""
    lines = [_row(HEADER), _row(SUBHEADER)]
    measured = {policy.policy.name: policy for policy in outcome.report.policies}
    lines += [_line(measured[name], truth, outcome.judgements.get(name)) for name, truth in outcome.truths.items()]
    lines += [f"undefined: {reason}" for reason in _reasons(outcome)]
    lines += ["Live quality is about the models that answered, not about the shadow's: compare it with the truth."]
    for name, judgement in outcome.judgements.items():
        told = fill(judgement.sentence, WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines += ["", f"{judgement.verdict}  {name}", told]
    return "\n".join(lines)


def _line(policy: PolicyReport, truth: TruthDocument, judgement: Judgement | None) -> str:
    overall = policy.overall
    differs = _shown(overall.divergence.model)
    if judgement is None:
        return _row((policy.policy.name, differs, "(A/A control: the noise floor)"))
    return _row(
        (
            policy.policy.name,
            differs,
            _cost(judgement.headline.cost_change, overall.cost.cache_range),
            _points(judgement.headline.quality_change),
            _shown(overall.quality.downgrade.mean),
            str(judgement.verdict),
            _truth(truth),
        )
    )


def _reasons(outcome: Outcome) -> list[str]:
    """Reasons for undefined figures, each once."""
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


def _cost(change: Measured, caches: Measured) -> str:
    """The change, and in brackets with all and with nothing read from the shadow's own caches."""
    between = f" ({bounds(caches.low, caches.high, signed=True)})" if isinstance(caches, Range) else ""
    return _shown(change, signed=True) + between


def _points(value: Measured) -> str:
    return brief(value, "points", signed=True) if isinstance(value, Estimate | Range) else "no answer was run"


def _truth(truth: TruthDocument) -> str:
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
