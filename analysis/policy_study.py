"""One shadow policy on one slice of a study: every figure about it, computed on first use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial

from shadowroute.analysis.measures.break_even import EscalationBreakEven, break_even_of
from shadowroute.analysis.measures.caches import cache_fit_of
from shadowroute.analysis.measures.concentration import Concentration, concentration_of
from shadowroute.analysis.measures.cost import CostDelta, Samples, cost_of, samples_of
from shadowroute.analysis.measures.divergence import Divergence, divergence_of
from shadowroute.analysis.measures.escalation import Escalation, escalation_of
from shadowroute.analysis.measures.executed import NOTHING, Executed, cost_frame, executed_of
from shadowroute.analysis.measures.frontier import Frontier, frontier_of
from shadowroute.analysis.measures.latency import Latency, latency_of
from shadowroute.analysis.measures.ledger import Ledger, ledger_of
from shadowroute.analysis.measures.length import SAME_TOKENS
from shadowroute.analysis.measures.live_quality import Quality, quality_of
from shadowroute.analysis.measures.off_policy import OffPolicy, off_policy
from shadowroute.analysis.measures.random_control import RandomControl, random_control_of
from shadowroute.analysis.measures.savings import Savings, savings_of
from shadowroute.analysis.measures.simpson import Simpson, simpson_of
from shadowroute.analysis.measures.stress import BreakEvenFactor, Stress, break_even_factors, stressed
from shadowroute.analysis.policy_reads import PolicyReads
from shadowroute.analysis.queries import money, pairs, signal_cells, times
from shadowroute.analysis.queries.exploration import weighted_answers
from shadowroute.analysis.queries.model_answers import Trials, trials
from shadowroute.analysis.queries.signal_cells import total
from shadowroute.analysis.reads import Reads
from shadowroute.analysis.results import Measured
from shadowroute.analysis.selection import ALL, PolicyRef, Segment, Slice, Window
from shadowroute.analysis.signals import SignalRow


class PolicyStudy(PolicyReads):
    """A shadow policy on a slice; made by `Study.of`, and for the values of a segment key by `by`.

    Args:
        reads, policy, where, is_of_split: as `PolicyReads` takes them.
        whole: the same policy on all traffic; None if this is it, or it is made here.
    """

    def __init__(
        self,
        reads: Reads,
        policy: PolicyRef,
        where: Slice = ALL,
        *,
        whole: PolicyStudy | None = None,
        is_of_split: bool = False,
    ) -> None:
        super().__init__(reads, policy, where, is_of_split=is_of_split)
        self.whole: PolicyStudy = self if where == ALL else whole or PolicyStudy(reads, policy)

    def by(self, key: str) -> Sequence[PolicyStudy]:
        """The policy on every value of a segment key, the largest first."""
        sizes = self.reads.once(pairs.pairs_by_value, self.policy, key)
        return [
            PolicyStudy(self.reads, self.policy, Segment(key, value), whole=self.whole, is_of_split=True)
            for value in sorted(sizes, key=lambda value: (-sizes[value].weight, value))
        ]

    @property
    def share(self) -> float | None:
        """Of its decisions in the window, those in this slice, 0 to 1; None without decisions."""
        return self.pairs.weight / self.whole.pairs.weight if self.whole.pairs.weight else None

    @cached_property
    def samples(self) -> Samples:
        """Cost evidence from executed answers; a slice with too few of them takes the lengths of all traffic."""
        frame = self.frame if any(answer.is_cascade for answer in self.answers) else None
        return samples_of(
            self.answers,
            unseen=0.0 if frame is None else float(frame.cascade.sum() - frame.known.sum()),
            scope=self.where,
            wider=SAME_TOKENS if self.whole is self else self.whole.samples.lengths,
            level=self.reads.level,
        )

    # The four measures

    @cached_property
    def divergence(self) -> Divergence:
        """Share of requests on which it would have chosen differently."""
        return divergence_of(
            self.pairs,
            self.matrix,
            gaps=self.reads.project.gaps(self.reads.window, self.policy),
            directions=self.reads.directions,
            clusters=self.clusters,
            level=self.reads.level,
        )

    @cached_property
    def cost(self) -> CostDelta:
        """Its predicted cost at the provider."""
        return cost_of(
            self.cube,
            self.pairs,
            clusters=self.clusters,
            lengths=self.samples.lengths,
            escalation=self.samples.escalation,
            caches=cache_fit_of(self.cache_cells, self.reads.live_rates),
            level=self.reads.level,
        )

    @cached_property
    def escalation(self) -> Escalation:
        """Share of requests that pay twice, under the shadow and live."""
        return escalation_of(
            self.pairs,
            self.live,
            clusters=self.clusters,
            live_clusters=partial(self._clusters_of, None),
            level=self.reads.level,
        )

    @property
    def quality(self) -> Quality:
        """The first signal on live's answers."""
        return self.qualities[0]

    @cached_property
    def qualities(self) -> Sequence[Quality]:
        """Every signal on live's answers, the first one first; of a split only those with a bar follow it."""
        signals = self.reads.signals
        if self._is_of_split:
            signals = [signal for signal in signals if signal == signals[0] or self.reads.spec(signal).bar is not None]
        return [self._quality(signal) for signal in signals or (None,)]

    def _quality(self, signal: SignalRow | None) -> Quality:
        days = self.reads.matured(signal) if signal else self.reads.window
        return quality_of(
            self.cells(days, signal) if signal and days else [],
            self.asked(days) if days else [],
            whole=self.asked(self.reads.window),
            signal=signal,
            spec=self.reads.spec(signal) if signal else None,
            days=days,
            directions=self.reads.directions,
            clusters=self.clusters,
            level=self.reads.level,
        )

    def simpson(self, key: str) -> Simpson | None:
        """The first signal, downgraded against the rest, overall and within a key; None if unknown."""
        signal = next(iter(self.reads.signals), None)
        days = self.reads.matured(signal) if signal else None
        if signal is None or days is None:
            return None
        cells = self.reads.once(signal_cells.signal_cells_by_value, self.policy, signal, key, days=days)
        asked = self.reads.once(signal_cells.asked_by_value, self.policy, key, days=days)
        groups = {}
        for value, rows in cells.items():
            ranked = [(row, self.reads.directions.of(row.live_model, row.shadow_model)) for row in rows]
            downgraded = total([row for row, direction in ranked if direction == "downgrade"])
            groups[value] = (downgraded.score, total([row for row, way in ranked if way != "downgrade"]).score)
        return simpson_of(key, groups, {value: sum(row.weight for row in rows) for value, rows in asked.items()})

    # Money

    @cached_property
    def ledger(self) -> Ledger:
        """The monthly bill, bad answers priced at what executed answers show."""
        return self.ledger_at(self.executed.quality_change)

    def ledger_at(self, quality_change: Measured | None) -> Ledger:
        """The same with bad answers priced at another change of quality; None where it is unknown."""
        return ledger_of(
            self.cube,
            self.samples,
            requests=self.pairs.weight,
            days=self.days,
            clusters=self.clusters,
            costs=self.reads.costs,
            quality_change=quality_change,
            level=self.reads.level,
        )

    @cached_property
    def break_even(self) -> EscalationBreakEven:
        """The break-even rate of double payments, and the measured rate."""
        return break_even_of(
            self.cube,
            self.pairs,
            self.samples,
            clusters=self.clusters,
            router_usd_per_decision=self.reads.costs.router_usd_per_decision,
            level=self.reads.level,
        )

    def stressed(self, stress: Stress) -> Measured:
        """The relative change of cost at other prices and lengths."""
        return stressed(self.cube, stress, self.samples, clusters=self.clusters, level=self.reads.level)

    @property
    def gone_at(self) -> tuple[BreakEvenFactor, ...]:
        """Factors on prices and lengths at which the saving is gone."""
        return break_even_factors(self.cube, self.samples)

    @cached_property
    def concentration(self) -> Concentration:
        """Concentration of the money in few requests; one pass over the sample of requests."""
        sizes = self.reads.once(money.request_sizes, self.policy, self.reads.book, self.where)
        return concentration_of(sizes, diverging=self.pairs.model)

    # Its own answers, and times

    @cached_property
    def executed(self) -> Executed:
        """Results of its executed answers, by the signal of the study."""
        signal = self.reads.scored_by
        return self.executed_by(signal or self.whole.executed.signal if self._is_of_split else signal)

    def executed_by(self, signal: str) -> Executed:
        """The same by another signal; empty for the one that most of them have."""
        if not self.answers or self.frame is None:
            return NOTHING
        return executed_of(
            self.answers,
            self.frame,
            cost_frame(self.cube),
            self.reads.prices,
            signal=signal,
            level=self.reads.level,
        )

    def off_policy(self, signal: SignalRow, *, days: Window | None = None) -> OffPolicy:
        """A signal under it, from live answers that it would have given too; `days` are those that are old enough."""
        return off_policy(
            signal,
            self.reads.chance,
            lambda: self.reads.once(weighted_answers, self.policy, signal, self.where, days=days),
            level=self.reads.level,
        )

    @cached_property
    def _alone(self) -> tuple[Trials | None, float]:
        """Answers of models alone, and the requests that they must stand for."""
        scored_by = self.executed.signal or self.reads.scored_by
        found = self.reads.once(trials, self.policy, self.where, scored_by, self.reads.prices)
        return found, float(self.frame.requests.sum()) if found is not None and self.frame is not None else 0.0

    @cached_property
    def random_control(self) -> RandomControl:
        """Against a coin of the same spend."""
        return random_control_of(*self._alone, level=self.reads.level)

    @cached_property
    def frontier(self) -> Frontier:
        """Between single models, in the metrics of the router benchmarks."""
        return frontier_of(*self._alone, level=self.reads.level)

    @cached_property
    def savings(self) -> Savings:
        """Of what any choice between these models could save."""
        return savings_of(*self._alone, level=self.reads.level)

    @cached_property
    def latency(self) -> Latency:
        """Times of answers, live and predicted; one pass over the sample of requests."""
        once = self.reads.once
        return latency_of(
            once(times.live_times, self.where),
            once(times.pair_times, self.policy, self.where),
            times.executed_times(self.reads.project, self.policy),
            live_decides=once(times.decision_times, None),
            shadow_decides=once(times.decision_times, self.policy),
            level=self.reads.level,
        )
