"""Everything that is known about one shadow policy: what a packet stores and the pages of a review show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.cost_cube import CostCube
from shadowroute.analysis.measures.break_even import EscalationBreakEven, break_even_of
from shadowroute.analysis.measures.concentration import Concentration, concentration
from shadowroute.analysis.measures.cost import Samples, samples_of
from shadowroute.analysis.measures.executed import Executed, executed, executed_by_value
from shadowroute.analysis.measures.frontier import Frontier, frontier
from shadowroute.analysis.measures.judge_agreement import JudgeAgreement, judge_agreements
from shadowroute.analysis.measures.latency import Latency, latency
from shadowroute.analysis.measures.ledger import NO_COSTS, Costs, Ledger, ledger
from shadowroute.analysis.measures.off_policy import OffPolicy, off_policy
from shadowroute.analysis.measures.random_control import RandomControl, random_control
from shadowroute.analysis.measures.rates import Clusters
from shadowroute.analysis.measures.savings import Savings, savings
from shadowroute.analysis.measures.stress import BreakEvenFactor, Stress, break_even_factors, stressed
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.money import cost_cube
from shadowroute.analysis.report import PolicyReport, policy_report
from shadowroute.analysis.results import Measured
from shadowroute.analysis.selection import ALL, PolicyRef, Segment, Slice, Window
from shadowroute.analysis.signals import SignalSpec, spec_of

PRICE_FACTORS: Final = (0.5, 1.5, 2.0, 4.0)
LENGTH_FACTORS: Final = (0.75, 1.25, 1.5, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StressPoint:
    """The relative change of cost if one thing were otherwise.

    Attributes:
        what: a model whose prices change, or `length`: answers of models that live did not name.
        factor: on that; 1.5 = half as much again.
    """

    what: str
    factor: float
    relative: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentExecuted:
    """What executed answers show on one segment."""

    segment: Segment
    executed: Executed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalOffPolicy:
    """An off-policy estimate and the signal that it is of."""

    signal: str
    source: str
    estimate: OffPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What changing to a policy does to the bill; the attributes are those of `PolicyEvidence`."""

    ledger: Ledger
    escalation: EscalationBreakEven
    stress: tuple[StressPoint, ...]
    gone_at: tuple[BreakEvenFactor, ...]
    concentration: Concentration
    executed: Executed


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvidence:
    """One shadow policy in one window, on all traffic; intervals for one look.

    Attributes:
        report: the four measures, overall and by segment.
        ledger: the monthly bill, line by line.
        escalation: where the saving of a cascade is gone.
        stress: the change of cost at other prices and lengths.
        gone_at: factors at which the saving is gone.
        concentration: how few requests hold how much of the money.
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


def evidence(
    q: Queries,
    policy: PolicyRef,
    window: Window,
    *,
    book: str,
    by: Sequence[str] = (),
    costs: Costs = NO_COSTS,
    specs: Mapping[str, SignalSpec] | None = None,
    signal: str = "",
) -> PolicyEvidence:
    """Measure one policy in every way there is.

    Args:
        q: reads the project.
        policy: a shadow policy.
        window: UTC days.
        book: price book.
        by: segment keys to split by.
        costs: what no price book knows.
        specs: what signals mean, by name; None for what their names are known to mean.
        signal: what executed answers were scored by; empty for the signal that most of them have.
    """
    report = policy_report(q, policy, window, book=book, by=by, specs=specs)
    found = money(q, policy, window, book=book, costs=costs, signal=signal)
    scored = found.executed.signal
    return PolicyEvidence(
        report=report,
        ledger=found.ledger,
        escalation=found.escalation,
        stress=found.stress,
        gone_at=found.gone_at,
        concentration=found.concentration,
        latency=latency(q, policy, window),
        executed=found.executed,
        by_segment=executed_by_segment(q, policy, window, by, signal=scored, book=book),
        off_policy=off_policy_by_signal(q, policy, window, specs=specs),
        random_control=random_control(q, policy, window, signal=scored, book=book),
        frontier=frontier(q, policy, window, signal=scored, book=book),
        savings=savings(q, policy, window, signal=scored, book=book),
        judges=judge_agreements(q, window, specs=specs),
    )


def money(
    q: Queries,
    policy: PolicyRef,
    window: Window,
    where: Slice = ALL,
    *,
    book: str,
    costs: Costs = NO_COSTS,
    signal: str = "",
) -> Money:
    """The part of the evidence that is about dollars, on a slice; the other arguments are those of `evidence`."""
    cube, samples = cost_cube(q, window, policy, book, where), samples_of(q, policy, window, where)
    ran = executed(q, policy, window, where, signal=signal, book=book)

    def clusters() -> float:
        return q.effective_clusters(window, policy, where)

    return Money(
        ledger=ledger(
            q, policy, window, where, book=book, costs=costs, quality_change=ran.quality_change, samples=samples
        ),
        escalation=break_even_of(
            cube,
            q.pairs(window, policy, where),
            samples,
            clusters=clusters,
            router_usd_per_decision=costs.router_usd_per_decision,
        ),
        stress=tuple(_stress(cube, samples, clusters)),
        gone_at=break_even_factors(cube, samples),
        concentration=concentration(q, policy, window, where, book=book),
        executed=ran,
    )


def executed_by_segment(
    q: Queries, policy: PolicyRef, window: Window, by: Sequence[str], *, signal: str, book: str
) -> tuple[SegmentExecuted, ...]:
    """What executed answers show on every value of the keys; values without an answer are left out."""
    return tuple(
        SegmentExecuted(segment=Segment(key, value), executed=each)
        for key in by
        for value, each in executed_by_value(q, policy, window, key, signal=signal, book=book).items()
        if each.n
    )


def off_policy_by_signal(
    q: Queries, policy: PolicyRef, window: Window, *, specs: Mapping[str, SignalSpec] | None = None
) -> tuple[SignalOffPolicy, ...]:
    """The off-policy estimate of every signal that is old enough."""
    return tuple(_off_policy(q, policy, window, specs or {}))


def _stress(cube: CostCube, samples: Samples, clusters: Clusters) -> Iterator[StressPoint]:
    models = sorted({line.model for line in cube.clean.cells if line.side == "shadow" and line.model})
    cases = [
        *((model, factor, Stress(prices={model: factor})) for model in models for factor in PRICE_FACTORS),
        *(("length", factor, Stress(length=factor)) for factor in LENGTH_FACTORS),
    ]
    for what, factor, stress in cases:
        yield StressPoint(what=what, factor=factor, relative=stressed(cube, stress, samples, clusters=clusters))


def _off_policy(
    q: Queries, policy: PolicyRef, window: Window, specs: Mapping[str, SignalSpec]
) -> Iterator[SignalOffPolicy]:
    as_of = q.rolled_up_to()
    for row in q.signals_seen(window):
        matured = spec_of(row, specs).matured(window, as_of)
        if matured is not None:
            estimate = off_policy(q, policy, matured, signal=row)
            yield SignalOffPolicy(signal=row.name, source=row.source, estimate=estimate)
