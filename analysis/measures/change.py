"""The change of cost of a cube, with all its errors.

Five things are uncertain and each has its place: which requests came (spread between buckets), how much the other model
writes (error of the fitted lengths), what it finds in its cache (the fitted rates without each bucket, or a range), how
often its answer is refused (error of the executed rate, or a range), and what nobody could see because no bucket
differs (Wilson's bound of an unseen share).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import special

from shadowroute.analysis.cost_cube import UNNAMED, Caches, CostCube, Factors, Line
from shadowroute.analysis.measures.length import Lengths
from shadowroute.analysis.measures.rates import JACKKNIFE, UNSEEN_ESCALATIONS, Clusters, bounded, estimate, refusal
from shadowroute.analysis.next_steps import PIN_PRICES, PRICE_MODEL, REPORT_SERVED
from shadowroute.analysis.results import Estimate, Interval, Measured, Undefined
from shadowroute.analysis.stats.hall import hall_ratio_interval
from shadowroute.analysis.stats.proportion import wilson
from shadowroute.analysis.stats.ratio import RatioError, combined, t_interval, with_moved
from shadowroute.analysis.summaries import BUCKETS, ROUNDED, Floats, RatioSums

_FULL_OR_EMPTY: Final = "from full caches to empty ones"
_UNMEASURED = "how much the other models write was not measured"
UNKNOWN_CACHES: Final = "nothing tells what the caches hold of"
"""Why a figure is a range where other models' cached tokens are unknown; the models follow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """Dollars of the shadow under one assumption about unseen outcomes.

    Attributes:
        usd: (256,).
        error: of their total beyond the spread between buckets, USD squared; None without one.
        moved: (256,) what each bucket moves their total by beyond its own dollars; None if nothing.
    """

    usd: Floats
    error: RatioError | None
    moved: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    unit: str
    whole: float
    interval: Callable[..., Interval]
    method: str
    level: float

    def measured(self, ratio: RatioSums, error: RatioError | None, clusters: Clusters) -> Estimate:
        extra = None
        if error and error.variance:
            extra = replace(error, variance=error.variance / ratio.total**2)
        if ratio.is_constant:
            return self._unvaried(ratio, extra, clusters)
        method = f"{self.method}, with the error of what was executed" if extra else self.method
        return estimate(ratio, self.interval(ratio, level=self.level, extra=extra), unit=self.unit, method=method)

    def _unvaried(self, ratio: RatioSums, extra: RatioError | None, clusters: Clusters) -> Estimate:
        # Every bucket changes alike: the share that may have gone unseen is taken to change by its whole cost.
        half = wilson(0.0, max(min(clusters(), ratio.n), 1.0), level=self.level).high * self.whole
        if extra:
            half = math.hypot(half, extra.quantile(self.level) * extra.standard_error)
        interval = Interval(ratio.value - half, ratio.value + half, self.level)
        return estimate(ratio, interval, unit=self.unit, method="no bucket differs; wilson bound of an unseen share")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """Live against one prediction of the shadow, or two where escalations were not seen.

    Attributes:
        live: (256,) USD that were paid.
        predictions: one, or the lowest and the highest.
        requests: (256,) weighted requests.
        n: requests.
        why_range: the unseen outcomes; empty with one prediction.
        why_not: reason for a missing change; None if there is one.
    """

    live: Floats
    predictions: tuple[Prediction, ...]
    requests: Floats
    n: int
    why_range: str
    why_not: Undefined | None

    def relative(self, clusters: Clusters, *, level: float = 0.95) -> Measured:
        """The change over the live cost, unit `ratio`.

        Args:
            clusters: effective clusters by key, asked only where no bucket differs.
            level: nominal coverage.
        """
        if not self.why_not and not self.live.sum():
            return Undefined(reason="the live requests cost nothing", n=self.n)
        how = _How(unit="ratio", whole=1.0, interval=t_interval, method=JACKKNIFE, level=level)
        return self._over(self.live, how, clusters)

    def per_request(self, clusters: Clusters, *, level: float = 0.95) -> Measured:
        """The change per request, unit `usd`; arguments as in `relative`."""
        whole = float(self.live.sum() / self.requests.sum()) if self.requests.any() else 0.0
        how = _How(unit="usd", whole=whole, interval=hall_ratio_interval, method="hall over buckets", level=level)
        return self._over(self.requests, how, clusters)

    @property
    def highest(self) -> RatioSums | None:
        """Shadow minus live over requests, in the dearest prediction; None if there is no change."""
        return None if self.why_not else self._sums(self.predictions[-1], self.requests)

    def _over(self, denominator: Floats, how: _How, clusters: Clusters) -> Measured:
        if self.why_not:
            return self.why_not
        # Too few users is a matter of requests; how their dollars are spread goes into the degrees of freedom.
        refused = refusal(
            RatioSums(numerator=self.live, denominator=self.requests, n=self.n), "request with known tokens"
        )
        sums = [self._sums(prediction, denominator) for prediction in self.predictions]
        ends = [
            refused or how.measured(*_felt(ratio, prediction), clusters)
            for ratio, prediction in zip(sums, self.predictions, strict=True)
        ]
        if len(ends) == 1:
            return ends[0]
        return bounded(
            (ends[0], ends[-1]), low=sums[0].value, high=sums[-1].value, n=self.n, unit=how.unit, why=self.why_range
        )

    def _sums(self, prediction: Prediction, denominator: Floats) -> RatioSums:
        return RatioSums(numerator=difference(prediction.usd, self.live), denominator=denominator, n=self.n)


def change_of(
    cube: CostCube,
    lengths: Lengths,
    rate: Measured | None,
    *,
    caches: tuple[Caches, Caches] = ("own_low", "own"),
    factors: Sequence[Callable[[Line], Factors]] | None = None,
) -> Change:
    """The change of cost of a cube, without contaminated requests.

    Args:
        cube: at the tokens that were served.
        lengths: tokens that the shadow's models read and write.
        rate: share of the unseen escalations that happen; anything but an `Estimate` leaves a range.
        caches: how cached tokens are priced in the lowest and in the highest prediction.
        factors: in place of `lengths`, for the lowest and the highest prediction.
    """
    clean = cube.clean
    low, high = (factors[0], factors[-1]) if factors else (lengths.factors, lengths.factors)
    live, shadow = clean.only(lambda line: line.side == "live"), clean.only(lambda line: line.side == "shadow")
    known, unseen = shadow.only(lambda line: not _is_unseen(line)), shadow.only(_is_unseen)

    def predicted(
        part: CostCube, by: Callable[[Line], Factors], end: Caches, rate_error: RatioError | None = None
    ) -> Prediction:
        errors = [error for error in (lengths.error(part, end), rate_error) if error]
        made = part.scaled(by)
        moved = made.moved if end in {"own", "own_low"} else None
        return Prediction(usd=made.usd(end), error=combined(*errors) if errors else None, moved=moved)

    if isinstance(rate, Estimate) and unseen.cells:
        paid = priced_rate(rate, float(unseen.scaled(lengths.factors).usd(caches[1]).sum()))
        happening = known + unseen.scaled(lambda _: Factors(price=rate.value))
        ends = [predicted(happening, low, caches[0], paid), predicted(happening, high, caches[1], paid)]
    else:
        ends = [predicted(known, low, caches[0]), predicted(known + unseen, high, caches[1])]
    reasons = [UNSEEN_ESCALATIONS] if unseen.cells and not isinstance(rate, Estimate) else []
    if caches == ("all_read", "none_read"):
        reasons += [_FULL_OR_EMPTY]
    elif untold := _untold_models(shadow, caches):
        reasons += [f"{UNKNOWN_CACHES} {', '.join(untold)}"]
    reason = ", and ".join([*reasons, *([_UNMEASURED] if factors else [])])
    same = bool((ends[0].usd == ends[1].usd).all())
    return Change(
        live=live.usd("served"),
        predictions=(ends[0],) if same else tuple(ends),
        requests=clean.requests,
        n=clean.n,
        why_range="" if same else reason,
        why_not=why_not(clean),
    )


def _felt(sums: RatioSums, prediction: Prediction) -> tuple[RatioSums, RatioError | None]:
    """The sums as each bucket moves their ratio, and the errors that no bucket of them shows."""
    if prediction.moved is None or not prediction.moved.any():
        return sums, prediction.error
    felt, unseen = with_moved(sums, prediction.moved)
    errors = [error for error in (prediction.error, unseen) if error]
    return felt, combined(*errors) if errors else None


def _untold_models(shadow: CostCube, caches: tuple[Caches, Caches]) -> list[str]:
    """Models whose cached tokens cost something else at both ends, those with most dollars between them first."""
    low, high = caches
    between: dict[str, float] = {}
    for line, dollars in shadow.cells.items():
        apart = dollars.read_usd(high) - dollars.read_usd(low)
        if apart.any():
            name = line.model or UNNAMED
            between[name] = between.get(name, 0.0) + float(np.abs(apart).sum())
    return sorted(between, key=lambda name: (-between[name], name))


def why_not(cube: CostCube) -> Undefined | None:
    """The reason why a cube has no known cost: no known tokens, or a model without a price."""
    if not cube.n:
        return Undefined(
            reason="no request with known tokens in this window",
            next_step=REPORT_SERVED,
        )
    unpriced = cube.unpriced()
    if not unpriced:
        return None
    if not cube.book:
        return Undefined(reason="no price book is pinned", next_step=PIN_PRICES, n=cube.n)
    names = ", ".join(unpriced)
    return Undefined(
        reason=f"no price in book {cube.book} for {names}: these requests are counted, never priced as 0",
        next_step=PRICE_MODEL,
        n=cube.n,
    )


def difference(shadow: Floats, live: Floats) -> Floats:
    """Shadow minus live by bucket, without the rounding error of the order of summation."""
    gap = shadow - live  # for equal plans the order of summation may leave a rounding error
    return np.where(np.abs(gap) <= ROUNDED * (np.abs(shadow) + np.abs(live)), 0.0, gap)


def priced_rate(rate: Estimate, usd: float) -> RatioError:
    """The error that a rate leaves in dollars that are paid at this rate, USD squared."""
    normal = -float(special.ndtri((1 - rate.interval.level) / 2))
    error = (rate.interval.high - rate.interval.low) / 2 / normal
    return RatioError((error * usd) ** 2, max(min(rate.effective_clusters, BUCKETS) - 1, 1.0))


def _is_unseen(line: Line) -> bool:
    return line.kind == "escalation_unknown"
