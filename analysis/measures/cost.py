"""The predicted cost of a shadow policy on the same requests.

Its models are taken to read and write as fitted on executed answers, and as much as the model that answered where
nothing was executed; their price and their cache are their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shadowroute.analysis.cost_cube import CostCube
from shadowroute.analysis.measures.caches import NO_CACHES, CacheFit
from shadowroute.analysis.measures.change import change_of
from shadowroute.analysis.measures.concentration import Concentration, heavy_tail
from shadowroute.analysis.measures.escalation import unseen_rate
from shadowroute.analysis.measures.length import DEFAULT_BOUNDS, SAME_TOKENS, LengthFit, Lengths, at_bound, lengths_of
from shadowroute.analysis.measures.rates import Clusters, missing_share
from shadowroute.analysis.queries.executions import ExecutedAnswer
from shadowroute.analysis.queries.pairs import PairSums
from shadowroute.analysis.results import Measured
from shadowroute.analysis.selection import Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class CostDelta:
    """Predicted cost of the shadow against the cost of live; negative is cheaper.

    Attributes:
        relative: change as a share of the live cost, with the lengths in `length`.
        per_request_usd: change per request.
        warm_relative: as `relative`, if the other model had found the cached prefix that live found.
        cache_range: as `relative`, from all that the policy's own caches may hold to nothing read from them; what live
            was billed after the same last turn stays. The same as `relative` where live's log holds no cached token.
        caches: the rates that the policy's own caches rest on.
        same_tokens_relative: as `relative`, if every model wrote as much as the one that answered.
        length: the fitted lengths, one per pair of models with executed answers.
        length_range: `relative`, if the models without a fit wrote `DEFAULT_BOUNDS` times as much; the same as
            `relative` where every pair is fitted or no other model is named.
        is_heavy_tailed: whether a few requests decide the figure, so that its interval may be too narrow; None if
            no request was sampled.
        heavy_tail: the reason; empty if not.
        live_usd: every attempt that was paid; None if a model in it has no price, or nothing is known.
        shadow_usd: planned primary and known escalations; None if a model in it has no price, or nothing is known.
        shadow_high_usd: the same, if every unseen escalation happens; equal to `shadow_usd` without one.
        n: requests with a cost on both sides.
        weight: the same, each counted 1/sample_rate times.
        contaminated_share: of the shadow's decisions; left out here, because the served model is not the live
            policy's choice. None without decisions.
        uncosted_share: of the remaining ones, those whose tokens are unknown. None if none remain.
        unpriced: models without a price in `book`, sorted.
        book: the price book; empty if none is pinned.
    """

    relative: Measured
    per_request_usd: Measured
    warm_relative: Measured
    cache_range: Measured
    caches: CacheFit
    same_tokens_relative: Measured
    length: tuple[LengthFit, ...]
    length_range: Measured
    is_heavy_tailed: bool | None
    heavy_tail: str
    live_usd: float | None
    shadow_usd: float | None
    shadow_high_usd: float | None
    n: int
    weight: float
    contaminated_share: float | None
    uncosted_share: float | None
    unpriced: tuple[str, ...]
    book: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """Cost evidence from executed answers.

    Attributes:
        lengths: tokens that the shadow's models read and write.
        escalation: share of the unseen escalations that happen; None if no cascade was executed.
        executed: answers that were run, each once.
        spend_usd: paid for those whose cost is known.
        unknown_spend: answers whose cost is not known.
    """

    lengths: Lengths = SAME_TOKENS
    escalation: Measured | None = None
    executed: int = 0
    spend_usd: float = 0.0
    unknown_spend: int = 0


def samples_of(
    answers: Sequence[ExecutedAnswer], *, unseen: float, scope: Slice, wider: Lengths = SAME_TOKENS, level: float = 0.95
) -> Samples:
    """Cost evidence about a policy from executed answers.

    Args:
        answers: of one slice; copies by signal or scorer count once.
        unseen: weighted cascade requests of the slice whose outcome the live answer did not show.
        scope: the slice.
        wider: lengths over more traffic, for pairs of models that have too few answers in the slice.
        level: nominal coverage of all intervals.
    """
    paid = {(a.sample, a.request_id, a.model, a.is_whole_plan): a.cost_usd for a in answers}
    return Samples(
        lengths=lengths_of(answers, scope=scope, wider=wider, level=level),
        escalation=unseen_rate(answers, unseen, level=level),
        executed=len(paid),
        spend_usd=sum(usd for usd in paid.values() if usd is not None),
        unknown_spend=sum(usd is None for usd in paid.values()),
    )


def cost_of(
    cube: CostCube,
    pairs: PairSums,
    *,
    clusters: Clusters,
    lengths: Lengths = SAME_TOKENS,
    escalation: Measured | None = None,
    caches: CacheFit = NO_CACHES,
    concentration: Concentration | None = None,
    level: float = 0.95,
) -> CostDelta:
    """The predicted cost of a shadow policy.

    Args:
        cube: at the tokens that were served; another book prices the same window anew, each day at its own prices.
        pairs: of the same requests; they hold the left-out requests.
        clusters: effective clusters by key.
        lengths: tokens that the shadow's models read and write.
        escalation: share of the unseen escalations which happen; None leaves a range.
        caches: the rates at which the cube's cached tokens are priced.
        concentration: of the same requests, if they were looked at one by one; says whether the tail is heavy.
        level: nominal coverage of all intervals.
    """
    planned = pairs.weight - pairs.failed_weight
    change = change_of(cube, lengths, escalation)
    same = change_of(cube, SAME_TOKENS, escalation)
    bounds = tuple(at_bound(lengths, output) for output in DEFAULT_BOUNDS)
    sums = cube.scaled(lengths.factors).sums()
    live_known = bool(sums.n) and not sums.live_unpriced
    shadow_known = bool(sums.n) and not sums.shadow_unpriced
    shadow_usd = float(sums.shadow.numerator.sum())
    heavy = heavy_tail(change.highest, concentration)
    return CostDelta(
        relative=change.relative(clusters, level=level),
        per_request_usd=change.per_request(clusters, level=level),
        warm_relative=change_of(cube, lengths, escalation, caches=("served", "served")).relative(clusters, level=level),
        cache_range=change_of(cube, lengths, escalation, caches=("all_read", "none_read")).relative(
            clusters, level=level
        ),
        caches=caches,
        same_tokens_relative=same.relative(clusters, level=level),
        length=lengths.fits,
        length_range=change_of(cube, lengths, escalation, factors=bounds).relative(clusters, level=level),
        is_heavy_tailed=None if heavy is None else bool(heavy),
        heavy_tail=heavy or "",
        live_usd=float(sums.live.numerator.sum()) if live_known else None,
        shadow_usd=shadow_usd if shadow_known else None,
        shadow_high_usd=shadow_usd + float(sums.unknown.numerator.sum()) if shadow_known else None,
        n=sums.n,
        weight=sums.live.total,
        contaminated_share=missing_share(pairs.clean_weight, planned),
        uncosted_share=missing_share(sums.live.total, pairs.clean_weight),
        unpriced=tuple(sorted({*sums.live_unpriced, *sums.shadow_unpriced})),
        book=cube.book,
    )
