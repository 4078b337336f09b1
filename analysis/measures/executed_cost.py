"""Cost from the shadow's own answers: the prediction for all requests, corrected by the paid cost.

The prediction takes the served tokens, and so can miss by as much as models differ in length. The sample shows
this error, and the sum of both is unbiased for any assumption of the prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from shadow.domain.outcome import Usage
from shadowroute.analysis.measures.executed_draws import Drawn, Unit, too_few
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries.executions import ExecutedAnswer, Frame
from shadowroute.analysis.results import Estimate, Interval, Measured, Undefined
from shadowroute.analysis.stats.hall import corrected, skewness
from shadowroute.analysis.stats.proportion import wilson
from shadowroute.analysis.stats.survey import jackknife
from shadowroute.analysis.summaries import Floats

MOST_WITHOUT_COST: Final = 0.05
"""Share of answers without a cost up to which they are left out with a note."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CostFrame:
    """Dollars of the frame's requests, by bucket.

    Attributes:
        live: (256,) paid for the live requests.
        predicted: (256,) planned primary and known escalations at the served tokens.
        unpriced: models without a price.
        n: requests.
    """

    live: Floats
    predicted: Floats
    unpriced: tuple[str, ...]
    n: int


def cost_change(drawn: Drawn, frame: Frame, costs: CostFrame, prices: PriceTable, *, level: float) -> Measured:
    """The relative change of cost, (shadow - live) / live, over all requests with known tokens."""
    refused = _refused(drawn, costs)
    if refused:
        return refused
    residuals = [residual_usd(unit, prices) for unit in drawn.units]
    # Requests whose live tokens are unknown are in no dollar sum, so they add nothing here either.
    uncosted = [value is None for value in residuals]
    kept = drawn.keep([value is not None for value in residuals])
    missing = float(drawn.stands_for[np.array(uncosted)].sum()) / drawn.requests
    if missing > MOST_WITHOUT_COST:
        return Undefined(
            reason=f"{sum(uncosted):,} of {len(uncosted):,} executed answers have no cost",
            next_step="add cost_usd, or input_tokens and output_tokens, to the file",
            n=len(kept.units),
        )
    few = too_few(kept)
    if few:
        return few
    values = np.array([value for value in residuals if value is not None])
    totals = np.stack([costs.predicted, costs.live, frame.needed, kept.sums(values), kept.sums()])
    found = jackknife(totals, lambda t: (t[0] - t[1] + t[2] * t[3] / t[4]) / t[1])
    error = found.error(kept.effective_buckets)
    if error.variance:
        # The error of the prediction has a long tail: the tokens of a few answers carry much of it.
        interval = corrected(
            found.value,
            error.standard_error,
            skew=skewness(found.moved),
            n=found.moved.size,
            quantile=error.quantile(level),
            level=level,
        )
    else:
        half = wilson(0.0, max(kept.effective_clusters, 1.0), level=level).high
        interval = Interval(found.value - half, found.value + half, level)
    method = "prediction corrected by executed answers; hall on the jackknife over buckets"
    if any(uncosted):
        method += f"; {sum(uncosted):,} answers without a cost left out"
    return Estimate(
        value=found.value,
        interval=interval,
        n=len(kept.units),
        clusters=int(np.count_nonzero(kept.sums())),
        effective_clusters=kept.effective_buckets,
        unit="ratio",
        method=method,
    )


def _refused(drawn: Drawn, costs: CostFrame) -> Undefined | None:
    if costs.unpriced:
        return Undefined(
            reason=f"no price for {', '.join(costs.unpriced)}: these requests are counted, never priced as 0",
            next_step="add price_usd_per_million to models.yaml",
            n=len(drawn.units),
        )
    if not costs.n or not costs.live.sum():
        return Undefined(reason="no live request with a known cost in this window", n=len(drawn.units))
    return None


def residual_usd(unit: Unit, prices: PriceTable) -> float | None:
    """Paid minus predicted cost of the plan, USD; 0 for a request without known tokens."""
    answer = unit.answer
    if answer.live_input_tokens is None or answer.live_output_tokens is None:
        return 0.0
    paid = _paid(unit, prices)
    expected = predicted_usd(answer, prices)
    return None if paid is None or expected is None else paid - expected


def _paid(unit: Unit, prices: PriceTable) -> float | None:
    answer = unit.answer
    if unit.cost_usd is not None:
        return unit.cost_usd
    if answer.is_cascade and unit.escalated is not False:
        return None  # the tokens are those of the first step only
    usage = Usage(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens)
    return prices.usd(answer.price_key or answer.model, usage, answer.day)


def predicted_usd(answer: ExecutedAnswer, prices: PriceTable) -> float | None:
    """The planned primary and a known escalation at the served tokens, as the cost measure sums them; USD."""
    models = [(answer.shadow_model, answer.shadow_key)]
    if answer.seen_escalated:
        models.append((answer.escalation_model, answer.escalation_key))
    costs = [prices.usd(key or model, _served(answer, model), answer.day) for model, key in models if model]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _served(answer: ExecutedAnswer, model: str) -> Usage:
    """The served tokens; another model than the one that answered starts with a cold cache."""
    kept = model == answer.served_model
    return Usage(
        input_tokens=answer.live_input_tokens,
        output_tokens=answer.live_output_tokens,
        cache_read_tokens=answer.live_cache_read_tokens if kept else 0,
        cache_write_tokens=answer.live_cache_write_tokens if kept else 0,
    )
