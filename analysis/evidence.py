"""All evidence about one shadow policy, for packets and the pages of a review."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.measures.break_even import EscalationBreakEven
from shadowroute.analysis.measures.concentration import Concentration
from shadowroute.analysis.measures.executed import Executed
from shadowroute.analysis.measures.frontier import Frontier
from shadowroute.analysis.measures.judge_agreement import JudgeAgreement
from shadowroute.analysis.measures.latency import Latency
from shadowroute.analysis.measures.ledger import Ledger
from shadowroute.analysis.measures.off_policy import OffPolicy
from shadowroute.analysis.measures.random_control import RandomControl
from shadowroute.analysis.measures.savings import Savings
from shadowroute.analysis.measures.stress import BreakEvenFactor, Stress
from shadowroute.analysis.policy_study import PolicyStudy
from shadowroute.analysis.report import PolicyReport, policy_report
from shadowroute.analysis.results import Measured
from shadowroute.analysis.selection import PolicyRef, Segment
from shadowroute.analysis.study import Study

PRICE_FACTORS: Final = (0.5, 1.5, 2.0, 4.0)
LENGTH_FACTORS: Final = (0.75, 1.25, 1.5, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StressPoint:
    """The relative change of cost with one changed input.

    Attributes:
        what: a model whose prices change, or `length`: answers of models that live did not name.
        factor: on that; 1.5 = half as much again.
    """

    what: str
    factor: float
    relative: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentExecuted:
    """Results of executed answers on one segment."""

    segment: Segment
    executed: Executed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalOffPolicy:
    """An off-policy estimate and its signal."""

    signal: str
    source: str
    estimate: OffPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvidence:
    """One shadow policy in one window, on all traffic; intervals for one look.

    Attributes:
        report: the four measures, overall and by segment.
        ledger: the monthly bill, line by line.
        escalation: the rate at which the saving of a cascade is gone.
        stress: the change of cost at other prices and lengths.
        gone_at: factors at which the saving is gone.
        concentration: share of the money in few requests.
        latency: times, live and predicted.
        executed: answers that were run, overall. by_segment: the same per segment of the report.
        off_policy: per signal, from live answers that the shadow would have given too.
        random_control: against a coin flip of the same spend.
        frontier: between single models, in the metrics of the router benchmarks.
        savings: of what any choice between these models could save.
        judges: models that judge, against people, code or a reference on live answers.
    """

    report: PolicyReport
    ledger: Ledger
    escalation: EscalationBreakEven
    stress: tuple[StressPoint, ...]
    gone_at: tuple[BreakEvenFactor, ...]
    concentration: Concentration
    latency: Latency
    executed: Executed
    by_segment: tuple[SegmentExecuted, ...]
    off_policy: tuple[SignalOffPolicy, ...]
    random_control: RandomControl
    frontier: Frontier
    savings: Savings
    judges: tuple[JudgeAgreement, ...]


def evidence(study: Study, policy: PolicyRef, *, by: Sequence[str] = ()) -> PolicyEvidence:
    """Measure one policy of a study with every measure; `by` are segment keys to split by."""
    one = study.of(policy)
    return PolicyEvidence(
        report=policy_report(study, policy, by=by),
        ledger=one.ledger,
        escalation=one.break_even,
        stress=stress_points(one),
        gone_at=one.gone_at,
        concentration=one.concentration,
        latency=one.latency,
        executed=one.executed,
        by_segment=executed_by_segment(one, by),
        off_policy=off_policy_by_signal(study, policy),
        random_control=one.random_control,
        frontier=one.frontier,
        savings=one.savings,
        judges=study.judges,
    )


def executed_by_segment(one: PolicyStudy, by: Sequence[str]) -> tuple[SegmentExecuted, ...]:
    """Results of executed answers on every value of the keys; values without an answer are left out."""
    return tuple(
        SegmentExecuted(segment=part.where, executed=part.executed)
        for key in by
        for part in sorted(one.by(key), key=lambda part: str(part.where))
        if isinstance(part.where, Segment) and part.executed.n
    )


def off_policy_by_signal(study: Study, policy: PolicyRef) -> tuple[SignalOffPolicy, ...]:
    """The off-policy estimate of every signal that is old enough, on all traffic."""
    whole = study.of(policy).whole
    return tuple(
        SignalOffPolicy(signal=row.name, source=row.source, estimate=whole.off_policy(row, days=days))
        for row in study.seen
        if (days := study.matured(row)) is not None
    )


def stress_points(one: PolicyStudy) -> tuple[StressPoint, ...]:
    """The change of cost at fixed other prices and lengths."""
    return tuple(
        StressPoint(what=what, factor=factor, relative=one.stressed(stress)) for what, factor, stress in _cases(one)
    )


def _cases(one: PolicyStudy) -> Iterator[tuple[str, float, Stress]]:
    for model in sorted({line.model for line in one.cube.clean.cells if line.side == "shadow" and line.model}):
        yield from ((model, factor, Stress(prices={model: factor})) for factor in PRICE_FACTORS)
    yield from (("length", factor, Stress(length=factor)) for factor in LENGTH_FACTORS)
