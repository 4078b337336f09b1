"""The shadow's saving as a share of the largest saving of any choice between the same models.

The oracle sends each request to the cheapest model whose answer meets the bar, and to the dearest one where none does.
It cannot be built, because it reads the scores. Good routers reach 70 to 80 % of its saving; a larger share comes with
a warning to look for a mistake or a bar that is too low.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shadowroute.analysis.measures.frontier import NO_SHADOW_ALONE, SHADOW, sides_of
from shadowroute.analysis.measures.random_control import not_standing_for
from shadowroute.analysis.measures.rates import jackknifed
from shadowroute.analysis.queries.model_answers import Trials
from shadowroute.analysis.results import Measured, Undefined
from shadowroute.analysis.signals import USUAL_BAR
from shadowroute.analysis.stats.frontier import SAVINGS_BAND, SavingsBand, possible_saving_share, savings_band
from shadowroute.analysis.stats.survey import jackknife
from shadowroute.analysis.summaries import Floats, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """Share of the theoretical saving.

    Attributes:
        share: (dearest model alone - shadow) / (dearest alone - oracle); unit `share`, below 0 for a dearer shadow.
        band: against the 70 to 80 % of good routers; None without a share.
        warning: checks to make if the share is above the band; empty otherwise.
        bar: score from which an answer is good enough.
        dearest: the model of every request without a router.
        n: requests that were run.
    """

    share: Measured
    band: SavingsBand | None
    warning: str
    bar: float
    dearest: str
    n: int


def savings_of(drawn: Trials | None, requests: float, *, bar: float = USUAL_BAR, level: float = 0.95) -> Savings:
    """The share from answers of single models on a sample that must stand for all `requests`.

    Args:
        drawn: answers of models alone; None if there are none.
        requests: weighted clean requests.
        bar: score from which an answer is good enough, 0 to 1.
        level: nominal coverage of the interval.
    """
    if drawn is None or len(drawn.models) < 2:
        why = Undefined(
            reason="fewer than two models were run alone on a sample of all requests",
            next_step="draw from all requests and run each model alone (column policy empty)",
        )
        return Savings(share=why, band=None, warning="", bar=bar, dearest="", n=0)
    sides = sides_of(drawn)
    known = np.logical_and.reduce([np.isfinite(score) & np.isfinite(usd) for score, usd in sides.values()])
    refused = not_standing_for(drawn, known, requests)
    if refused is None and SHADOW not in sides:
        refused = NO_SHADOW_ALONE
    if refused is not None:
        return Savings(share=refused, band=None, warning="", bar=bar, dearest="", n=refused.n)
    weight, bucket = drawn.stands_for[known], drawn.bucket[known]
    usd = {model: drawn.usd[model][known] for model in drawn.models}
    dearest = max(usd, key=lambda model: (float((weight * usd[model]).sum()), model))
    oracle = _oracle_usd(drawn, usd[dearest], bar, known)
    totals = np.stack([spread(bucket, weight * each) for each in (usd[dearest], sides[SHADOW][1][known], oracle)])
    whole = totals.sum(axis=1)
    try:
        value = possible_saving_share(dearest_usd=whole[0], policy_usd=whole[1], oracle_usd=whole[2])
    except ZeroDivisionError:
        why = Undefined(reason=f"no choice saves anything against {dearest} at this bar", n=int(known.sum()))
        return Savings(share=why, band=None, warning="", bar=bar, dearest=dearest, n=int(known.sum()))
    found = jackknife(totals, lambda t: (t[0] - t[1]) / (t[0] - t[2]))
    band = savings_band(value)
    return Savings(
        share=jackknifed(found, spread(bucket, weight), n=int(known.sum()), unit="share", level=level),
        band=band,
        warning=_warning(value) if band == "above" else "",
        bar=bar,
        dearest=dearest,
        n=int(known.sum()),
    )


def _oracle_usd(
    drawn: Trials, otherwise: Floats, bar: float, known: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> Floats:
    """Cost of the cheapest answer that meets the bar, request by request; of the dearest model where none does."""
    best = np.full(otherwise.size, np.inf)
    for model in drawn.models:
        good = drawn.score[model][known] >= bar
        best = np.where(good, np.minimum(best, drawn.usd[model][known]), best)
    return np.where(np.isfinite(best), best, otherwise)


def _warning(share: float) -> str:
    low, high = SAVINGS_BAND
    return (
        f"{share:.0%} of the theoretical saving is above the {low:.0%} to {high:.0%} that good routers reach: check"
        " that the bar is not too low and that the scores tell good answers from bad ones"
    )
