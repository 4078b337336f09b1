"""The share of requests on which a cheap-first policy pays twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from shadowroute.analysis.measures.executed_draws import SMALL_MISSING, Drawn, not_covered, units, unknown_paid
from shadowroute.analysis.measures.rates import ROUNDING, Clusters, missing_share, range_of, share_of
from shadowroute.analysis.queries.executions import ExecutedAnswer
from shadowroute.analysis.queries.pairs import PairSums
from shadowroute.analysis.results import Measured, Undefined
from shadowroute.analysis.summaries import RatioSums


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Shares of requests on which the first answer is refused and a second model is paid.

    Attributes:
        shadow: of the shadow's cascade requests. A `Range` where its first model did not answer live, because then
            it is unknown whether its answer passes.
        shadow_overall: the same of all requests, comparable with `live`.
        known: of the cascade requests whose outcome was seen; not a sample of all of them.
        live: of all live requests.
        n: shadow decisions.
        n_cascade: weighted shadow decisions that plan an escalation.
        known_share: share of the cascade requests whose outcome was seen; None without a cascade.
    """

    shadow: Measured
    shadow_overall: Measured
    known: Measured
    live: Measured
    n: int
    n_cascade: float
    known_share: float | None


def escalation_of(
    shadow: PairSums, live: PairSums, *, clusters: Clusters, live_clusters: Clusters, level: float = 0.95
) -> Escalation:
    """The escalation of a shadow policy and of live, on the same slice."""
    cascade = shadow.escalated.total
    unseen = missing_share(shadow.escalated_known.total, cascade)
    return Escalation(
        shadow=_rate(shadow, "this policy", overall=False, clusters=clusters, level=level),
        shadow_overall=_rate(shadow, "this policy", overall=True, clusters=clusters, level=level),
        known=_known(shadow, clusters, level),
        live=_rate(live, "live", overall=True, clusters=live_clusters, level=level),
        n=shadow.n,
        n_cascade=cascade,
        known_share=None if unseen is None else 1 - unseen,
    )


def _rate(pairs: PairSums, who: str, *, overall: bool, clusters: Clusters, level: float) -> Measured:
    cascade, known = pairs.escalated.total, pairs.escalated_known.total
    if not pairs.n:
        return Undefined(reason=f"no decision of {who} in this window")
    if not cascade:
        return Undefined(reason=f"{who} never plans an escalation", n=pairs.n)
    low, high = (pairs.escalated_overall, pairs.possible_overall) if overall else (pairs.escalated, pairs.possible)
    unseen = cascade - known
    if unseen <= ROUNDING * cascade:
        return share_of(low, subject=f"decision of {who}", clusters=clusters, level=level)
    why = (
        f"the first model did not answer {unseen:,.0f} of {cascade:,.0f} cascade requests, so it is unknown whether"
        " its answer passes"
    )
    return range_of(low, high, subject=f"decision of {who}", why=why, clusters=clusters, level=level)


def _known(pairs: PairSums, clusters: Clusters, level: float) -> Measured:
    if not pairs.escalated_known.total:
        return Undefined(reason="no outcome of an escalation was seen", n=pairs.escalated_known.n)
    return share_of(
        pairs.escalated_known, subject="cascade request with a known outcome", clusters=clusters, level=level
    )


def unseen_rate(answers: Iterable[ExecutedAnswer], unseen: float, *, level: float = 0.95) -> Measured | None:
    """The rate of unseen escalations, from executed answers; None if none was run.

    Undefined where the draw stands for other requests than these, or where many of its answers lack the result: cheap
    answers that fail are not like the others.

    Args:
        answers: executed answers of one policy in one slice; copies by signal or scorer count once.
        unseen: weighted cascade requests of the slice whose outcome the live answer did not show.
        level: nominal coverage.
    """
    drawn = Drawn.of(
        [
            unit
            for unit in units(answers, "")
            if unit.answer.is_whole_plan and unit.answer.is_cascade and unit.answer.seen_escalated is None
        ]
    )
    known = drawn.keep([unit.escalated is not None for unit in drawn.units])
    if not known.units:
        return None
    elsewhere = not_covered(drawn, unseen)
    if elsewhere:
        return elsewhere
    missing = 1 - known.requests / drawn.requests
    if missing > SMALL_MISSING:
        return Undefined(
            reason=unknown_paid(missing),
            next_step="add escalated to the file",
            n=len(known.units),
        )
    sums = RatioSums(
        numerator=known.sums(np.array([float(bool(unit.escalated)) for unit in known.units])),
        denominator=known.sums(),
        n=len(known.units),
    )
    users = float(len({unit.answer.cluster_key for unit in known.units}))
    return share_of(sums, subject="executed answer of a cascade", clusters=lambda: users, level=level)
