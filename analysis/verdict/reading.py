"""The figures of one policy in one window, each read once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Final

from shadowroute.analysis.cost_cube import CostCube
from shadowroute.analysis.measures.break_even import EscalationBreakEven, break_even_of
from shadowroute.analysis.measures.cost import CostDelta, Samples, cost_of, samples_by_value, samples_of
from shadowroute.analysis.measures.executed import Executed
from shadowroute.analysis.measures.floor import most_that_routing_could_save
from shadowroute.analysis.measures.latency import latency
from shadowroute.analysis.measures.ledger import Ledger, ledger_of
from shadowroute.analysis.measures.length import DEFAULT_BOUNDS
from shadowroute.analysis.measures.rates import missing_share, share_of
from shadowroute.analysis.measures.scaled import scaled
from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.plan.meaning import costs_of
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.money import active_days, cost_cube, cost_cubes_by_value
from shadowroute.analysis.queries.row_counts import RowCount, row_counts
from shadowroute.analysis.results import Estimate, Measured, Range, Rung, Undefined
from shadowroute.analysis.rows import PairSums, PolicyRow
from shadowroute.analysis.selection import PolicyRef, Segment, Window
from shadowroute.analysis.verdict.bounds import bounds, difference, negated
from shadowroute.analysis.verdict.conditions import Evidence
from shadowroute.analysis.verdict.figures import Figures
from shadowroute.analysis.verdict.quality import QualityReader
from shadowroute.analysis.verdict.wording import money

_AS_PAID: Final = "all answers cost what was paid for those that were run"
_SETTLE_PAID: Final = (
    "run more answers (shadowroute queue), or find out why what was paid for them is not their tokens at the prices of"
    " the book"
)


class Reading:
    """Reads the figures of one policy in one window, each once.

    Args:
        q: reads the project.
        plan: the plan that judges.
        window: complete days.
        policy: the shadow.
        level: of today's intervals.
        book: price book; empty if none is pinned.
        policies: everybody who decided in the window.
    """

    def __init__(
        self, q: Queries, plan: Plan, window: Window, policy: PolicyRef, *, level: float, book: str,
        policies: Sequence[PolicyRow],
    ) -> None:  # fmt: skip
        self.q = q
        self.plan = plan
        self.window = window
        self.policy = policy
        self.level = level
        self.book = book
        self.policies = policies
        self._sizes: dict[str, dict[str, float]] = {}
        self.costs = costs_of(plan.document)

    @cached_property
    def pairs(self) -> PairSums:
        """Decisions of the shadow on all traffic."""
        return self.q.pairs(self.window, self.policy)

    @cached_property
    def counts(self) -> dict[str, list[RowCount]]:
        """Rows by day and value, for all traffic and each key of the plan."""
        return {key: row_counts(self.q, self.window, self.policy, key) for key in ("all", *self.plan.segment_keys)}

    @cached_property
    def days(self) -> int:
        """Days with live requests."""
        return sum(1 for row in self.counts["all"] if row.live_n)

    @cached_property
    def quality(self) -> QualityReader:
        """Reads quality."""
        return QualityReader(
            q=self.q,
            plan=self.plan,
            policy=self.policy,
            window=self.window,
            book=self.book,
            level=self.level,
            seen=self.q.signals_seen(self.window),
        )

    @cached_property
    def executed(self) -> tuple[Executed, ...]:
        """Executed answers on all traffic, per quality condition."""
        return tuple(self.quality.executed(asked) for asked in self.plan.document.must.quality)

    @cached_property
    def qualities(self) -> tuple[Evidence, ...]:
        """Quality on all traffic, per condition of the plan."""
        asked = self.plan.document.must.quality
        return tuple(self.quality.overall(each, found) for each, found in zip(asked, self.executed, strict=True))

    @cached_property
    def cube(self) -> CostCube:
        """Dollars of live and of the shadow."""
        return cost_cube(self.q, self.window, self.policy, self.book)

    @cached_property
    def samples(self) -> Samples:
        """What executed answers say about cost."""
        return samples_of(self.q, self.policy, self.window, level=self.level)

    @cached_property
    def provider(self) -> CostDelta:
        """The provider's bill, predicted against paid."""
        return cost_of(
            self.cube,
            self.pairs,
            clusters=self._independent,
            lengths=self.samples.lengths,
            escalation=self.samples.escalation,
            level=self.level,
        )

    @cached_property
    def ledger(self) -> Ledger:
        """The monthly bill."""
        change = self.qualities[0].measured
        return ledger_of(
            self.cube,
            self.samples,
            requests=self.pairs.weight,
            days=active_days(self.q, self.window, self.policy),
            clusters=self._independent,
            costs=self.costs,
            quality_change=None if isinstance(change, Undefined) else change,
            level=self.level,
        )

    @cached_property
    def break_even(self) -> EscalationBreakEven:
        """How often the policy may pay twice, and how often it does."""
        return break_even_of(
            self.cube,
            self.pairs,
            self.samples,
            clusters=self._independent,
            router_usd_per_decision=self.costs.router_usd_per_decision,
            level=self.level,
        )

    def overall(self) -> Figures:
        """All traffic."""
        return Figures(
            share=1.0,
            cost=self._cost(),
            quality=self.qualities,
            escalation=self._escalation(),
            break_even=self.break_even.rate,
            latency_ms=self._latency() if self.plan.document.must.latency_p95 else None,
        )

    def segments(self) -> Iterator[Figures]:
        """Every value of every segment key of the plan, the largest of a key first."""
        for key in self.plan.segment_keys:
            yield from self._by_value(key)

    def unpriced(self) -> tuple[str, ...]:
        """Models of live or of the shadow that have no price."""
        sums = self.cube.clean.sums()
        return tuple(sorted({*sums.live_unpriced, *sums.shadow_unpriced}))

    def control(self) -> PolicyRef | None:
        """The live policy as its own shadow, if it ran beside itself alone."""
        live = {row.policy for row in self.policies if row.is_live}
        return next((row.policy for row in self.policies if not row.is_live and live == {row.policy}), None)

    def differs(self, policy: PolicyRef) -> Measured:
        """Share of requests on which a policy names another model than live."""
        pairs = self.pairs if policy == self.policy else self.q.pairs(self.window, policy)
        clusters = partial(self.q.effective_clusters, self.window, policy)
        return share_of(pairs.model, subject="shadow decision", clusters=clusters, level=self.level)

    def saving(self) -> Measured:
        """USD per month, positive saves."""
        return negated(self.ledger.net)

    @property
    def evaluation_usd(self) -> float:
        """Spent on executed answers, USD per month at the pace of the window."""
        spent = [line.usd_per_month for line in self.ledger.lines if line.key == "evaluation"]
        return sum(each.value for each in spent if isinstance(each, Estimate))

    def worth(self) -> str:
        """Why routing is not worth it, if the plan says what running it costs; empty if it may be."""
        running = self.plan.document.costs.running_usd_per_month
        if not running:
            return ""
        interval = bounds(most_that_routing_could_save(self.q, self.window, self.book, level=self.level))
        if interval is None or not self.provider.weight:
            return ""
        # Requests without known tokens are in no dollar sum; they could save as much as the others.
        highest = max(interval.high, 0.0) * max(self.pairs.weight / self.provider.weight, 1.0)
        if highest >= running:
            return ""
        return (
            f"Routing is not worth it: no policy could save more than {money(highest)} a month;"
            f" running one costs about {money(running)}."
        )

    def _cost(self) -> Evidence:
        """Net change relative to live: of the provider's bill, moved by what the ledger adds to it."""
        delta = self.provider
        change = net_relative(delta.relative, self.ledger)
        evidence = replace(self._evidence(change, delta.n), lasting=self._without_evaluation(change))
        if isinstance(change, Undefined):
            return evidence
        paid = self.executed[0].cost_change
        if isinstance(paid, Estimate):
            # What was paid needs no assumption, so it takes the place of what is assumed about lengths.
            doubt = net_relative(paid, self.ledger, delta.relative)
            return replace(evidence, doubt=doubt, doubt_why=_AS_PAID, doubt_step=_SETTLE_PAID)
        if delta.length_range == delta.relative:
            return evidence
        low, high = DEFAULT_BOUNDS
        why = f"models that nobody has run write {low:g} to {high:g} times as much"
        return replace(evidence, doubt=net_relative(delta.length_range, self.ledger, delta.relative), doubt_why=why)

    def _without_evaluation(self, change: Measured) -> Measured:
        """The change without what was spent on executed answers."""
        live = self.ledger.live_usd_per_month
        return difference(change, self.evaluation_usd / live) if live else change

    def _independent(self) -> float:
        return self.q.effective_clusters(self.window, self.policy)

    def _by_value(self, key: str) -> Iterator[Figures]:
        pairs = self.q.pairs_by_value(self.window, self.policy, key)
        cubes = cost_cubes_by_value(self.q, self.window, self.policy, self.book, key)
        samples = samples_by_value(self.q, self.policy, self.window, key, level=self.level)
        qualities = [(asked, self.quality.by_value(asked, key)) for asked in self.plan.document.must.quality]
        for value in sorted(pairs, key=lambda value: (-pairs[value].weight, value)):
            cube, found = cubes.get(value), samples(value)
            change: Measured = Undefined(reason="no request with known tokens")
            n = 0
            if cube is not None:
                delta = cost_of(
                    cube,
                    pairs[value],
                    clusters=partial(self._clusters, key, value),
                    lengths=found.lengths,
                    escalation=found.escalation,
                    level=self.level,
                )
                change, n = delta.relative, delta.n
                if delta.live_usd and not isinstance(change, Undefined):
                    change = difference(change, -self.costs.router_usd_per_decision * delta.weight / delta.live_usd)
            yield Figures(
                segment=Segment(key, value),
                share=pairs[value].weight / self.pairs.weight if self.pairs.weight else None,
                cost=self._evidence(change, n),
                quality=tuple(
                    by_value.get(value) or self.quality.missing(asked, key, value) for asked, by_value in qualities
                ),
            )

    def _clusters(self, key: str, value: str) -> float:
        if key not in self._sizes:
            self._sizes[key] = self.q.effective_clusters_by_value(self.window, self.policy, key)
        return self._sizes[key].get(value, 0.0)

    def _escalation(self) -> Evidence | None:
        if not self.pairs.escalated.total:
            return None
        rate = self.break_even.escalation
        is_seen = missing_share(self.pairs.escalated_known.total, self.pairs.escalated.total) == 0
        if is_seen or not isinstance(rate, Estimate):
            return self._evidence(rate, self.pairs.n)
        return Evidence(measured=rate, rung="executed", n=rate.n, grows_with_traffic=False)

    def _latency(self) -> Evidence:
        found = latency(self.q, self.policy, self.window, level=self.level)
        return self._evidence(scaled(found.p95_delta_s, factor=1000.0, unit="ms"), found.n)

    def _evidence(self, measured: Measured, n: int) -> Evidence:
        rung: Rung = "observed" if isinstance(measured, Estimate) else "none"
        return Evidence(measured=measured, rung=rung, n=n, per_day=n / self.days if self.days else None)


def net_relative(change: Measured, books: Ledger, provider: Measured | None = None) -> Measured:
    """Net change of cost relative to what live costs.

    The interval is that of the provider's relative change, whose numerator and denominator vary together, moved by what
    the ledger adds (router, running costs, evaluation). With a price of bad answers the ledger's own, wider one holds.

    Args:
        change: relative change of the provider's bill, as assumed.
        books: the ledger.
        provider: the same without further assumptions, which the ledger rests on; None if that is `change`.
    """
    base = change if provider is None else provider
    live = books.live_usd_per_month
    if isinstance(change, Undefined) or isinstance(base, Undefined) or isinstance(books.net, Undefined) or not live:
        return change if isinstance(change, Undefined) else books.net
    net = scaled(books.net, factor=1 / live, unit="ratio")
    if provider is None and any(line.key == "bad_answers" for line in books.lines):
        return net
    return scaled(change, shift=_lowest(net) - _lowest(base))


def _lowest(measured: Measured) -> float:
    """The value, or the lower end of a range."""
    match measured:
        case Estimate():
            return measured.value
        case Range():
            return measured.low
        case Undefined():
            raise ValueError(f"a quantity must be known to be compared, got {measured.reason!r}")
