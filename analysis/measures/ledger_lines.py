"""The lines of the monthly bill: each with its amount and the basis of the amount."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from shadowroute.analysis.cost_cube import CostCube, Dollars, Line
from shadowroute.analysis.measures.change import Change, change_of, priced_rate, why_not
from shadowroute.analysis.measures.cost import Samples
from shadowroute.analysis.measures.length import DEFAULT_BOUNDS, SAME_TOKENS, Lengths
from shadowroute.analysis.measures.rates import Clusters
from shadowroute.analysis.results import Estimate, Interval, Measured, Range, Undefined, scaled
from shadowroute.analysis.stats.ratio import RatioError, combined
from shadowroute.analysis.summaries import BUCKETS

LineKey = Literal["provider", "length", "cache", "escalation", "retries", "router", "evaluation", "bad_answers"]

_OWN_CACHES: Final = "caches that the policy's own calls fill, at the rates of live's calls, against those served"
_COLD: Final = "another model starts with a cold cache: cached tokens at the price of input"
_REPEATED: Final = frozenset({"retry", "fallback"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs outside the price book; the plan's `costs:` mapping.

    Attributes:
        router_usd_per_decision: classifier or router, per request, that live does not already pay.
        running_usd_per_month: keeping it running: hosts, people, licences.
        bad_answer_usd: cost of one bad answer (retry, support, churn); None leaves the line out.
    """

    router_usd_per_decision: float = 0.0
    running_usd_per_month: float = 0.0
    bad_answer_usd: float | None = None


NO_COSTS: Final = Costs()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One line; signed, negative saves.

    Attributes:
        key: stable word.
        usd_per_month: shadow minus live.
        source: basis of the amount, one sentence with its amounts.
        is_assumed: whether it is a stated assumption rather than something measured or configured.
    """

    key: LineKey
    label: str
    usd_per_month: Measured
    source: str
    is_assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Makes the lines; dollars of the window over `months` are dollars per month."""

    cube: CostCube
    samples: Samples
    months: float
    requests: float
    clusters: Clusters
    level: float

    def per_month(self, change: Change) -> Measured:
        """A change of the window as dollars per month."""
        measured = change.per_request(self.clusters, level=self.level)
        return scaled(measured, factor=float(change.requests.sum()) / self.months)

    def part(self, change: Change) -> Measured:
        """The same for a line that may not occur at all: then it is 0, and no interval is made of it."""
        if not change.why_not and all((p.usd == change.live).all() for p in change.predictions):
            return _exact(0.0, "no such cost", change.n, self.level)
        return self.per_month(change)

    def net(self, extra: RatioError | None = None) -> Measured:
        """The priced lines together; retries stay, so they are on neither side."""
        change = change_of(self.cube.only(lambda line: not _is_repeated(line)), *self._fitted)
        if extra:
            wider = (replace(p, error=combined(p.error, extra) if p.error else extra) for p in change.predictions)
            change = replace(change, predictions=tuple(wider))
        return self.per_month(change)

    def with_bad_answers(self, line: LedgerLine, quality: Measured | None, costs: Costs, shift: float) -> Measured:
        """The net of everything; an unknown price of bad answers leaves it unknown."""
        bad = line.usd_per_month
        if isinstance(bad, Undefined):
            return bad
        if isinstance(bad, Estimate) and isinstance(quality, Estimate):
            error = priced_rate(quality, (costs.bad_answer_usd or 0.0) * self.requests)
            return scaled(self.net(error), shift=shift + bad.value)
        net = scaled(self.net(), shift=shift)
        return net if isinstance(net, Undefined) else _added(net, bad)

    def provider(self) -> LedgerLine:
        """First answers at the tokens and the cache that were served."""
        first = self._primaries()
        return LedgerLine(
            key="provider",
            label="Provider",
            usd_per_month=self.per_month(change_of(first, SAME_TOKENS, None, caches=("served", "served"))),
            source=f"price book {self.cube.book or '(none)'}, at the tokens and the cache that were served",
            is_assumed=False,
        )

    def length(self) -> LedgerLine:
        """The effect of longer or shorter answers of the other models."""
        lengths = self.samples.lengths
        same = change_of(self._primaries(), SAME_TOKENS, None, caches=("served", "served"))
        fitted = change_of(self._primaries(), lengths, None, caches=("served", "served"))
        low, high = DEFAULT_BOUNDS
        pairs = ", ".join(f"{fit.model} for {fit.live_model}" for fit in lengths.fits if fit.is_fitted)
        source = f"fitted on executed answers: {pairs}" if pairs else "nothing was executed: same tokens assumed"
        if self._unfitted():
            source += f"; {', '.join(self._unfitted())} may write {low:g} to {high:g} times as much"
        return LedgerLine(
            key="length",
            label="Answer length",
            usd_per_month=self._step(same, fitted),
            source=source,
            is_assumed=bool(self._unfitted()),
        )

    def cache(self) -> LedgerLine:
        """What the policy's own caches add to those that were served."""
        first = self._primaries()
        fitted = any(dollars.caches for dollars in first.cells.values())
        lost = CostCube(book=first.book, cells={line: _only_lost(dollars) for line, dollars in first.cells.items()})
        return LedgerLine(
            key="cache",
            label="Cache lost",
            usd_per_month=self.part(self._of_all(change_of(lost, self.samples.lengths, None))),
            source=_OWN_CACHES if fitted else _COLD,
            is_assumed=not fitted,
        )

    def escalation(self) -> LedgerLine:
        """Second answers of cascades, less those of live."""
        second = self.cube.only(lambda line: "escalation" in line.kind)
        seen = "executed answers" if isinstance(self.samples.escalation, Estimate) else "escalations that were seen"
        return LedgerLine(
            key="escalation",
            label="Paid twice",
            usd_per_month=self.part(self._of_all(change_of(second, *self._fitted))),
            source=f"{seen}; live's own escalations are subtracted",
            is_assumed=False,
        )

    def retries(self) -> LedgerLine:
        """Retries and fallbacks, which stay."""
        paid = self.cube.only(_is_repeated)
        usd = float(paid.usd("served").sum()) / self.months
        return LedgerLine(
            key="retries",
            label="Retries and fallbacks",
            usd_per_month=_exact(0.0, "assumed to stay", self.cube.n, self.level),
            source=f"live pays ${usd:,.2f} a month for them; assumed to stay as they are",
            is_assumed=True,
        )

    def router(self, costs: Costs) -> LedgerLine:
        """Deciding, and keeping that running."""
        per_month = self.requests / self.months
        usd = costs.router_usd_per_decision * per_month + costs.running_usd_per_month
        source = (
            f"${costs.router_usd_per_decision:g} for each of {per_month:,.0f} decisions a month"
            f" and ${costs.running_usd_per_month:,.2f} for running it"
        )
        return LedgerLine(
            key="router",
            label="Router and classifier",
            usd_per_month=_exact(usd, "configured", self.cube.n, self.level),
            source=source if usd else "not configured, assumed to be 0: costs.router_usd_per_decision of the plan",
            is_assumed=not usd,
        )

    def evaluation(self) -> LedgerLine:
        """Executed answers, at the pace of the window."""
        done = self.samples
        source = f"${done.spend_usd:,.2f} for {done.executed:,} executed answers of the window, at that pace"
        if done.unknown_spend:
            source += f"; {done.unknown_spend:,} of them without a known cost"
        return LedgerLine(
            key="evaluation",
            label="Evaluation",
            usd_per_month=_exact(done.spend_usd / self.months, "paid", done.executed, self.level),
            source=source if done.executed else "nothing was executed",
            is_assumed=bool(done.unknown_spend),
        )

    def bad_answers(self, usd: float, change: Measured | None) -> LedgerLine:
        """The price of worse answers, at a change of quality; None where it is unknown."""
        per_point = -usd * self.requests / self.months
        unknown = Undefined(
            reason="the quality change is unknown, so bad answers have no price",
            next_step="execute a sample and import it: shadowroute import executions FILE",
        )
        return LedgerLine(
            key="bad_answers",
            label="Bad answers",
            usd_per_month=scaled(change or unknown, factor=per_point, unit="usd"),
            source=f"${usd:,.2f} for each answer that is worse, at the measured quality change",
            is_assumed=False,
        )

    @property
    def _fitted(self) -> tuple[Lengths, Measured | None]:
        return self.samples.lengths, self.samples.escalation

    def _primaries(self) -> CostCube:
        """The first answers of both sides."""
        return self.cube.only(lambda line: "escalation" not in line.kind and not _is_repeated(line))

    def _unfitted(self) -> list[str]:
        lines = [line for line in self.cube.clean.cells if line.side == "shadow" and line.model != line.live_model]
        return sorted({line.model for line in lines if not self.samples.lengths.of(line)})

    def _of_all(self, change: Change) -> Change:
        """A change of some lines, over all requests."""
        return replace(change, requests=self.cube.requests, n=self.cube.n, why_not=why_not(self.cube.clean))

    def _step(self, before: Change, after: Change) -> Measured:
        """The second prediction minus the first; both are against the same live dollars."""
        return self.part(replace(after, live=before.predictions[0].usd))


def _is_repeated(line: Line) -> bool:
    return line.side == "live" and line.kind in _REPEATED


def _only_lost(dollars: Dollars) -> Dollars:
    """What the policy's own caches add to the input."""
    nothing, own, served = np.zeros(BUCKETS), dollars.own_caches, dollars.cache_usd
    return replace(
        dollars,
        input_usd=nothing,
        cache_usd=nothing,
        cold_usd=dollars.cold_usd - served,
        output_usd=nothing,
        caches=replace(
            own,
            own=own.own - served,
            own_low=own.own_low - served,
            none_read=own.none_read - served,
            all_read=own.all_read - served,
        ),
    )


def _exact(usd: float, method: str, n: int, level: float) -> Estimate:
    """An amount that is known or configured, so its interval has no width."""
    return Estimate(
        value=usd,
        interval=Interval(usd, usd, level),
        n=n,
        clusters=0,
        effective_clusters=0.0,
        unit="usd",
        method=method,
    )


def _added(one: Estimate | Range, other: Estimate | Range) -> Range:
    """Bounds and intervals added end by end: both may be at their worst at once."""
    ends = [(m.low, m.high) if isinstance(m, Range) else (m.value, m.value) for m in (one, other)]
    bounds = [m.interval for m in (one, other) if m.interval]
    both = len(bounds) == 2
    return Range(
        low=ends[0][0] + ends[1][0],
        high=ends[0][1] + ends[1][1],
        n=one.n,
        unit="usd",
        why="; ".join(m.why for m in (one, other) if isinstance(m, Range)),
        interval=Interval(sum(b.low for b in bounds), sum(b.high for b in bounds), bounds[0].level) if both else None,
    )
