"""Whether the shadow chooses well or only spends less: its quality against a coin flip at the same cost.

The control moves each request to the shadow's model with one fixed chance, the chance at which it changes the cost by
as much as the shadow does. The shadow's gain over it is the value of its choice. It takes answers of that model on
a sample of **all** requests, not only of those that the shadow moves: a coin moves any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shadowroute.analysis.measures.executed_draws import MINIMUM_RUN, is_off
from shadowroute.analysis.measures.rates import JACKKNIFE, jackknifed, refusal
from shadowroute.analysis.queries.model_answers import Trials
from shadowroute.analysis.results import Measured, Undefined
from shadowroute.analysis.stats.survey import jackknife
from shadowroute.analysis.summaries import Floats, RatioSums, spread

Flags = NDArray[np.bool_]

NONE_ALONE = "no model was run alone on a sample of all requests"
_NEXT = "draw from all requests, run the shadow's model alone (column policy empty), and import with live_score"


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomControl:
    """A shadow against a random mix of live and one model at the same spend. Unit `score` unless said.

    Attributes:
        model: that requests are moved to; empty where the control is refused.
        advantage: the shadow's change of quality minus the control's; above 0 = the choice has value.
        shadow_change: mean score of the shadow minus live over all requests.
        control_change: the same of the control.
        moved_share: chance at which the control moves a request. Unit `share`; None where it is refused.
        n: requests that were run.
    """

    model: str
    advantage: Measured
    shadow_change: float | None
    control_change: float | None
    moved_share: float | None
    n: int


def random_control_of(drawn: Trials | None, requests: float, *, level: float = 0.95) -> RandomControl:
    """The control from a sample of all requests.

    Args:
        drawn: answers of models alone; None if there are none.
        requests: weighted clean requests that the sample must stand for.
        level: nominal coverage of the interval.
    """
    if drawn is None:
        return _refused(NONE_ALONE, 0)
    moved_to = {shadow for shadow, live in zip(drawn.shadow_model, drawn.live_model, strict=True) if shadow != live}
    if drawn.cascades.any():
        return _refused("the shadow may escalate, and a coin flip that calls one model spends differently", len(drawn))
    if len(moved_to) != 1:
        names = ", ".join(sorted(moved_to)) or "none"
        return _refused(f"the control needs one model that requests are moved to, the shadow has {names}", len(drawn))
    model = next(iter(moved_to))
    if model not in drawn.score:
        return _refused(f"{model} was not run alone on a sample of all requests", len(drawn))
    return _control(drawn, model, requests, level)


def _control(drawn: Trials, model: str, requests: float, level: float) -> RandomControl:
    stays = np.array([live == model for live in drawn.live_model])
    # Where live calls the model itself there is nothing to move, whatever a second answer of it scored.
    quality = np.where(stays, 0.0, drawn.score[model] - drawn.live_score)
    cost = np.where(stays, 0.0, drawn.usd[model] - drawn.live_usd)
    known = np.isfinite(quality) & np.isfinite(cost)
    why = not_standing_for(drawn, known, requests)
    if why is not None:
        return _refused(why.reason, int(known.sum()), why.next_step)
    moved = np.array([shadow == model for shadow in drawn.shadow_model]) & ~stays
    totals = np.stack(
        [_sums(drawn, known, values) for values in (moved * quality, moved * cost, quality, cost, np.ones(len(drawn)))]
    )
    whole = totals.sum(axis=1)
    if not whole[3] or not 0 <= whole[1] / whole[3] <= 1:
        return _refused(
            "the shadow changes the cost by more than moving every request would: no coin flip spends the same",
            int(known.sum()),
            "",
        )
    found = jackknife(totals, lambda t: (t[0] - t[1] / t[3] * t[2]) / t[4])
    share = float(whole[1] / whole[3])
    method = f"same-spend random mix, {JACKKNIFE}"
    return RandomControl(
        model=model,
        advantage=jackknifed(found, totals[4], n=int(known.sum()), unit="score", level=level, method=method),
        shadow_change=float(whole[0] / whole[4]),
        control_change=float(share * whole[2] / whole[4]),
        moved_share=share,
        n=int(known.sum()),
    )


def not_standing_for(drawn: Trials, known: Flags, requests: float) -> Undefined | None:
    """The reason why the known answers of a sample do not represent all requests, or None if they do."""
    n = int(known.sum())
    if n < MINIMUM_RUN:
        return Undefined(
            reason=f"too few: {n} requests with both scores and costs, {MINIMUM_RUN} needed", next_step=_NEXT, n=n
        )
    sizes = spread(drawn.bucket[known], drawn.stands_for[known])
    few = refusal(RatioSums(numerator=sizes, denominator=sizes, n=n), "executed answer")
    if few:
        return few
    stood = float(drawn.stands_for.sum())
    if is_off(stood, requests, float(((1 - drawn.chance) * np.square(drawn.stands_for)).sum())):
        return Undefined(reason=f"the sample stands for {stood:,.0f} of {requests:,.0f} requests", next_step=_NEXT, n=n)
    return None


def _sums(drawn: Trials, known: Flags, values: Floats) -> Floats:
    return spread(drawn.bucket[known], (drawn.stands_for * values)[known])


def _refused(reason: str, n: int, next_step: str = _NEXT) -> RandomControl:
    return RandomControl(
        model="",
        advantage=Undefined(reason=reason, next_step=next_step, n=n),
        shadow_change=None,
        control_change=None,
        moved_share=None,
        n=n,
    )
