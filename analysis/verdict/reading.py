"""The figures of one policy in one window, each read once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial

from analysis.measures.cost import cost, cost_of, samples_by_value
from analysis.measures.escalation import Escalation, escalation
from analysis.measures.executed import Executed
from analysis.measures.latency import latency
from analysis.measures.ledger import Costs, Ledger, ledger, most_that_routing_could_save
from analysis.measures.rates import share_of
from analysis.plan.loading import Plan
from analysis.queries import Queries
from analysis.queries.money import cost_cube, cost_cubes_by_value
from analysis.queries.row_counts import RowCount, row_counts
from analysis.results import Estimate, Measured, Range, Rung, Undefined
from analysis.rows import PairSums, PolicyRow
from analysis.selection import ALL, PolicyRef, Segment, Window
from analysis.verdict.bounds import bounds, difference, negated, scaled
from analysis.verdict.conditions import Evidence
from analysis.verdict.figures import Figures
from analysis.verdict.quality import QualityReader
from analysis.verdict.wording import money


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
        written = plan.document.costs
        self.costs = Costs(
            router_usd_per_decision=written.router_usd_per_decision,
            running_usd_per_month=written.running_usd_per_month or 0.0,
            bad_answer_usd=written.bad_answer_usd,
        )

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
    def ledger(self) -> Ledger:
        """The monthly bill."""
        change = self.qualities[0].measured
        return ledger(
            self.q, self.policy, self.window, book=self.book, costs=self.costs,
            quality_change=None if isinstance(change, Undefined) else change, level=self.level,
        )  # fmt: skip

    def overall(self) -> Figures:
        """All traffic."""
        return Figures(
            share=1.0,
            cost=self._cost(),
            quality=self.qualities,
            escalation=self._escalation(),
            break_even=self._break_even(),
            latency_ms=self._latency() if self.plan.document.must.latency_p95 else None,
        )

    def segments(self) -> Iterator[Figures]:
        """Every value of every segment key of the plan, the largest of a key first."""
        for key in self.plan.segment_keys:
            yield from self._by_value(key)

    def unpriced(self) -> tuple[str, ...]:
        """Models of live or of the shadow that have no price."""
        sums = cost_cube(self.q, self.window, self.policy, self.book).clean.sums()
        return tuple(sorted({*sums.live_unpriced, *sums.shadow_unpriced}))

    def control(self) -> PolicyRef | None:
        """The live policy as its own shadow, if it ran beside itself alone."""
        live = {row.policy for row in self.policies if row.is_live}
        return next((row.policy for row in self.policies if not row.is_live and live == {row.policy}), None)

    def differs(self, policy: PolicyRef) -> Measured:
        """Share of requests on which a policy names another model than live."""
        pairs = self.pairs if policy == self.policy else self.q.pairs(self.window, policy)
        clusters = partial(self.q.effective_clusters, self.window, policy, ALL)
        return share_of(pairs.model, subject="shadow decision", clusters=clusters, level=self.level)

    def saving(self) -> Measured:
        """USD per month, positive saves."""
        return negated(self.ledger.net)

    def worth(self) -> str:
        """Why routing is not worth it, if the plan says what running it costs; empty if it may be."""
        running = self.plan.document.costs.running_usd_per_month
        if not running:
            return ""
        interval = bounds(most_that_routing_could_save(self.q, self.window, self.book, level=self.level))
        if interval is None or interval.high >= running:
            return ""
        return (
            f"Routing is not worth it: no policy could save more than {money(max(interval.high, 0.0))} a month;"
            f" running one costs about {money(running)}."
        )

    def _cost(self) -> Evidence:
        """Net change relative to live: of the provider's bill, moved by what the ledger adds to it."""
        delta = cost(self.q, self.policy, self.window, book=self.book, level=self.level)
        return self._evidence(net_relative(delta.relative, self.ledger), delta.n)

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
        return self.q.effective_clusters_by_value(self.window, self.policy, key).get(value, 0.0)

    def _escalation(self) -> Evidence | None:
        seen: Escalation = escalation(self.q, self.policy, self.window)
        if not seen.n_cascade:
            return None
        executed = self.executed[0]
        if not isinstance(executed.escalation, Undefined):
            return Evidence(
                measured=executed.escalation, rung="executed", n=executed.escalation.n, grows_with_traffic=False
            )
        return self._evidence(seen.shadow, seen.n)

    def _break_even(self) -> Measured | None:
        return Undefined(reason="the break-even rate is not computed")

    def _latency(self) -> Evidence:
        found = latency(self.q, self.policy, self.window, level=self.level)
        return self._evidence(scaled(found.p95_delta_s, 1000.0, unit="ms"), found.n)

    def _evidence(self, measured: Measured, n: int) -> Evidence:
        rung: Rung = "observed" if isinstance(measured, Estimate) else "none"
        return Evidence(measured=measured, rung=rung, n=n, per_day=n / self.days if self.days else None)


def net_relative(provider: Measured, books: Ledger) -> Measured:
    """Net change of cost relative to the live provider cost.

    The interval is that of the provider's relative change, whose numerator and denominator vary together, moved by what
    the ledger adds (router, evaluation and so on). With a price of bad answers the ledger's own, wider interval holds.
    """
    live = books.live_usd_per_month
    if not live or isinstance(provider, Undefined) or isinstance(books.net, Undefined):
        return provider if isinstance(provider, Undefined) else books.net
    net = scaled(books.net, 1 / live, unit="ratio")
    if any(line.key == "bad_answers" for line in books.lines):
        return net
    if isinstance(net, Estimate) and isinstance(provider, Estimate):
        return difference(provider, provider.value - net.value)
    if isinstance(net, Range) and isinstance(provider, Range):
        return difference(provider, provider.low - net.low)
    return net
