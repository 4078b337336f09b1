"""A policy's figures for a plan: on all traffic and on every segment, at the level of today's look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Final

from shadowroute.analysis.measures.executed import Executed
from shadowroute.analysis.measures.ledger import Ledger
from shadowroute.analysis.measures.length import DEFAULT_BOUNDS
from shadowroute.analysis.measures.rates import missing_share
from shadowroute.analysis.plan.loading import Plan
from shadowroute.analysis.policy_study import PolicyStudy
from shadowroute.analysis.results import Estimate, Measured, Range, Rung, Undefined, scaled
from shadowroute.analysis.selection import Segment
from shadowroute.analysis.study import Study
from shadowroute.analysis.verdict.bounds import bounds, difference, negated
from shadowroute.analysis.verdict.conditions import Evidence
from shadowroute.analysis.verdict.figures import Figures
from shadowroute.analysis.verdict.quality_evidence import quality_evidence
from shadowroute.analysis.verdict.results import Headline
from shadowroute.analysis.verdict.wording import money

_AS_PAID: Final = "all answers cost as much as the executed ones"
_SETTLE_PAID: Final = (
    "run more answers (shadowroute queue), or find out why their paid cost differs from their tokens at the prices of"
    " the book"
)


class PlanFigures:
    """A study's figures of a plan's policy.

    Args:
        study: of the judged days, all traffic, at the level of today's look.
        whole: the policy in it.
        plan: the plan that judges.
        days: with live requests.
    """

    def __init__(self, study: Study, whole: PolicyStudy, plan: Plan, *, days: int) -> None:
        self._study = study
        self._whole = whole
        self._plan = plan
        self._days = days

    @cached_property
    def executed(self) -> tuple[Executed, ...]:
        """Executed answers on all traffic, per quality condition."""
        return tuple(self._whole.executed_by(asked.signal) for asked in self._plan.document.must.quality)

    @cached_property
    def overall(self) -> Figures:
        """All traffic."""
        must = self._plan.document.must
        return Figures(
            share=1.0,
            cost=self._cost(),
            quality=self._qualities,
            escalation=self._escalation(),
            break_even=self._whole.break_even.rate,
            latency_ms=self._latency() if must.latency_p95 else None,
        )

    def segments(self) -> Iterator[Figures]:
        """Every value of every segment key of the plan, the largest of a key first."""
        for key in self._plan.segment_keys:
            for part in self._whole.by(key):
                yield self._segment(part)

    @property
    def headline(self) -> Headline:
        """The numbers of the first screen."""
        first, floor = self.overall.quality[0], self._study.floor
        return Headline(
            saving_usd_per_month=negated(self._ledger.net),
            cost_change=self.overall.cost.measured,
            quality_change=first.measured,
            quality_signal=self._plan.document.must.quality[0].signal,
            quality_rung=first.rung,
            differs=self._whole.divergence.model,
            noise_floor=floor.measured,
        )

    @property
    def evaluation_usd(self) -> float:
        """Spent on executed answers, USD per month at the pace of the window."""
        spent = [line.usd_per_month for line in self._ledger.lines if line.key == "evaluation"]
        return sum(each.value for each in spent if isinstance(each, Estimate))

    @property
    def uncosted_share(self) -> float:
        """Of the requests, those whose tokens are unknown, so that no figure of money holds them."""
        return self._whole.cost.uncosted_share or 0.0

    @property
    def heavy_tail(self) -> str:
        """The reason why the interval of the cost may be too narrow; empty if it is not."""
        return self._whole.cost.heavy_tail

    def worth(self) -> str:
        """The reason why routing is not worth it, if the plan gives its running cost; empty if it may be."""
        running = self._plan.document.costs.running_usd_per_month
        if not running:
            return ""
        interval, priced = bounds(self._study.most_saved), self._whole.cost.weight
        if interval is None or not priced:
            return ""
        # Requests without known tokens are in no dollar sum; they could save as much as the others.
        highest = max(interval.high, 0.0) * max(self._whole.pairs.weight / priced, 1.0)
        if highest >= running:
            return ""
        return (
            f"Routing is not worth it: no policy could save more than {money(highest)} a month;"
            f" running one costs about {money(running)}."
        )

    @cached_property
    def _qualities(self) -> tuple[Evidence, ...]:
        document = self._plan.document
        pairs = zip(document.must.quality, self.executed, strict=True)
        return tuple(quality_evidence(self._whole, asked, found, document) for asked, found in pairs)

    @cached_property
    def _ledger(self) -> Ledger:
        change = self._qualities[0].measured
        return self._whole.ledger_at(None if isinstance(change, Undefined) else change)

    def _cost(self) -> Evidence:
        """Net change relative to live: of the provider's bill, moved by what the ledger adds to it."""
        delta = self._whole.cost
        change = net_relative(delta.relative, self._ledger)
        evidence = replace(self._evidence(change, delta.n), lasting=self._without_evaluation(change))
        if isinstance(change, Undefined):
            return evidence
        paid = self.executed[0].cost_change
        if isinstance(paid, Estimate):
            # The paid cost needs no assumption, so it replaces the assumed lengths.
            doubt = net_relative(paid, self._ledger, delta.relative)
            return replace(evidence, doubt=doubt, doubt_why=_AS_PAID, doubt_step=_SETTLE_PAID)
        if delta.length_range == delta.relative:
            return evidence
        low, high = DEFAULT_BOUNDS
        why = f"models that were never run write {low:g} to {high:g} times as much"
        return replace(evidence, doubt=net_relative(delta.length_range, self._ledger, delta.relative), doubt_why=why)

    def _without_evaluation(self, change: Measured) -> Measured:
        """The change without the spending on executed answers."""
        live = self._ledger.live_usd_per_month
        return difference(change, self.evaluation_usd / live) if live else change

    def _escalation(self) -> Evidence | None:
        pairs = self._whole.pairs
        if not pairs.escalated.total:
            return None
        rate = self._whole.break_even.escalation
        is_seen = missing_share(pairs.escalated_known.total, pairs.escalated.total) == 0
        if is_seen or not isinstance(rate, Estimate):
            return self._evidence(rate, pairs.n)
        return Evidence(measured=rate, rung="executed", n=rate.n, grows_with_traffic=False)

    def _latency(self) -> Evidence:
        found = self._whole.latency
        return self._evidence(scaled(found.p95_delta_s, factor=1000.0, unit="ms"), found.n)

    def _segment(self, part: PolicyStudy) -> Figures:
        assert isinstance(part.where, Segment)  # noqa: S101  # a value of a key
        document = self._plan.document
        delta = part.cost
        change = delta.relative
        if delta.live_usd and not isinstance(change, Undefined):
            router = document.costs.router_usd_per_decision
            change = difference(change, -router * delta.weight / delta.live_usd)
        return Figures(
            segment=part.where,
            share=part.share,
            cost=self._evidence(change, delta.n),
            quality=tuple(
                quality_evidence(part, asked, part.executed_by(asked.signal), document)
                for asked in document.must.quality
            ),
        )

    def _evidence(self, measured: Measured, n: int) -> Evidence:
        rung: Rung = "observed" if isinstance(measured, Estimate) else "none"
        return Evidence(measured=measured, rung=rung, n=n, per_day=n / self._days if self._days else None)


def net_relative(change: Measured, books: Ledger, provider: Measured | None = None) -> Measured:
    """Net change of cost relative to live's cost.

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
