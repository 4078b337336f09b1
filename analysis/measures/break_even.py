"""The highest share of double payments at which a cheap-first policy still saves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from shadowroute.analysis.cost_cube import CostCube, Line, total
from shadowroute.analysis.measures.change import Prediction, change_of, difference, why_not
from shadowroute.analysis.measures.cost import Samples
from shadowroute.analysis.measures.escalation import escalation_of
from shadowroute.analysis.measures.rates import JACKKNIFE, Clusters, estimate, refusal
from shadowroute.analysis.queries.pairs import PairSums
from shadowroute.analysis.results import Estimate, Measured, Range, Undefined, ends, scaled
from shadowroute.analysis.stats.ratio import combined, t_interval, with_moved
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums

NO_ESCALATION: Final = Undefined(reason="this policy never plans an escalation")


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationBreakEven:
    """The escalation rate at which the saving is gone, and how far away it is.

    Attributes:
        rate: share of the cascade requests, by the dollars of their second answers: (live - first answers - router) /
            second answers if all were paid. Below 0 the policy costs more even if nothing escalates, above 1 it saves
            even if everything does. `Undefined` without a cascade.
        escalation: share of the cascade requests that pay twice: seen, executed, or a range.
        distance: `rate` minus the upper bound of `escalation`, as a share; negative = not shown to stay below. None
            where one of them is unknown.
        wasted_usd: first answers of the window that are paid and refused, at the mean price of a first answer.
    """

    rate: Measured
    escalation: Measured
    distance: float | None
    wasted_usd: Measured


def break_even(first: float, check: float, router: float, large: float) -> float:
    """The escalation rate at which a cascade costs what the large model alone does: 1 - (c_s + c_v + c_r) / c_L.

    Args:
        first: cost of the small model's answer, any currency, per request.
        check: cost of validating it.
        router: cost of deciding.
        large: cost of the large model's answer, above 0.
    """
    return 1 - (first + check + router) / large


def break_even_of(
    cube: CostCube,
    pairs: PairSums,
    samples: Samples,
    *,
    clusters: Clusters,
    router_usd_per_decision: float = 0.0,
    level: float = 0.95,
) -> EscalationBreakEven:
    """The break-even of a shadow policy.

    Args:
        cube: at the tokens that were served.
        pairs: of the same requests, with the seen escalations.
        samples: cost evidence from executed answers.
        clusters: effective clusters by key.
        router_usd_per_decision: cost of deciding and checking, per request.
        level: nominal coverage of all intervals.
    """
    rate = _rate(cube, samples, router_usd_per_decision, level)
    share = _share(pairs, samples, clusters, level)
    distance = None
    if isinstance(rate, Estimate) and not isinstance(share, Undefined):
        distance = rate.value - ends(share)[1]
    return EscalationBreakEven(
        rate=rate,
        escalation=share,
        distance=distance,
        wasted_usd=_wasted(cube, samples, clusters, level),
    )


def _rate(cube: CostCube, samples: Samples, router_usd: float, level: float) -> Measured:
    unknown = why_not(cube.clean)
    if unknown:
        return unknown
    second = cube.only(lambda line: not line.is_contaminated and _is_second(line)).scaled(samples.lengths.factors)
    if second.unpriced():
        names = ", ".join(second.unpriced())
        return Undefined(reason=f"no price in book {cube.book} for {names}", n=cube.n)
    if not second.cells:
        return replace(NO_ESCALATION, n=cube.n)
    # Before anything escalates: what live paid, minus the first answers and the router.
    first = change_of(cube.only(lambda line: not _is_second(line)), samples.lengths, None)
    dearest = first.predictions[-1]
    gap = -difference(dearest.usd, first.live) - router_usd * cube.requests
    sums = RatioSums(numerator=gap, denominator=second.usd(), n=cube.n)
    refused = refusal(RatioSums(numerator=gap, denominator=cube.requests, n=cube.n), "request with known tokens")
    if refused:
        return refused
    moved = -second.moved * sums.value - (np.zeros(BUCKETS) if dearest.moved is None else dearest.moved)
    felt, unseen = with_moved(sums, moved)
    errors = [error for error in (dearest.error, unseen) if error]
    error = combined(*errors) if errors else None
    extra = replace(error, variance=error.variance / sums.total**2) if error and error.variance else None
    return estimate(felt, t_interval(felt, level=level, extra=extra), unit="share", method=JACKKNIFE)


def _share(pairs: PairSums, samples: Samples, clusters: Clusters, level: float) -> Measured:
    seen = escalation_of(pairs, pairs, clusters=clusters, live_clusters=clusters, level=level).shadow
    rate, cascade = samples.escalation, pairs.escalated.total
    if not isinstance(seen, Range) or not isinstance(rate, Estimate):
        return seen
    # Seen escalations are counted; only the rest follows the executed rate.
    unseen = (cascade - pairs.escalated_known.total) / cascade
    return scaled(rate, factor=unseen, shift=float(pairs.escalated.numerator.sum()) / cascade)


def _wasted(cube: CostCube, samples: Samples, clusters: Clusters, level: float) -> Measured:
    first = cube.clean.scaled(samples.lengths.factors)
    price: dict[tuple[str, str], Floats] = {}
    for line, dollars in first.cells.items():
        if line.counts_requests:
            mean = np.divide(dollars.usd(), dollars.weight, out=np.zeros(BUCKETS), where=dollars.weight > 0)
            price[line.live_model, line.shadow_model] = mean

    def refused(keep: Callable[[Line], bool]) -> Floats:
        return total(
            dollars.weight * price.get((line.live_model, line.shadow_model), np.zeros(BUCKETS))
            for line, dollars in first.cells.items()
            if line.side == "shadow" and keep(line)
        )

    known, unseen = (
        refused(lambda line: line.kind == "escalation"),
        refused(lambda line: line.kind == "escalation_unknown"),
    )
    rate = samples.escalation
    highest = known + unseen
    ends = [known + rate.value * unseen] if isinstance(rate, Estimate) else [known, highest]
    change = replace(
        change_of(cube, samples.lengths, rate),
        live=np.zeros(BUCKETS),
        predictions=tuple(Prediction(usd=usd, error=None) for usd in (ends if unseen.any() else [known])),
        why_range="unchecked first answers may all pass or all fail",
    )
    if not highest.any() and not change.why_not:
        return Undefined(reason="no first answer is known to be refused", n=cube.n)
    return scaled(change.per_request(clusters, level=level), factor=float(change.requests.sum()))


def _is_second(line: Line) -> bool:
    return line.side == "shadow" and line.kind.startswith("escalation")
