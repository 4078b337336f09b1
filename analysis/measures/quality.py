"""How good the live answers were, on the requests that the shadow would have downgraded and on the rest.

Every figure is about the model that answered, never about the shadow's model: it can point the wrong way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

from analysis.measures.direction import Direction, Directions
from analysis.measures.rates import Clusters, missing_share, share_of
from analysis.queries import Queries
from analysis.results import Measured, Undefined
from analysis.rows import MatrixRow, SignalRow, SignalSums
from analysis.selection import ALL, PolicyRef, Slice, Window

ABOUT_LIVE: Final = "These are answers of the model that answered, not of the shadow's model."

_NO_SIGNAL: Final = Undefined(
    reason="no signal arrived for these requests", next_step='send one: observer.signal(reply.id, "resolved", 1)'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A signal on one group of requests.

    Attributes:
        mean: of the requests that have the signal, 0 to 1.
        silent_low: mean over all requests of the group, if every silent one were 0; None without requests.
        silent_high: the same, if every silent one were 1.
        bins: (21,) shares by value: bin i holds values from i/20 up to (i+1)/20, the last one the value 1; empty
            without signals.
        n: requests with the signal.
        response_rate: weighted share of the group's requests that have the signal; None without requests.
    """

    mean: Measured
    silent_low: float | None
    silent_high: float | None
    bins: tuple[float, ...]
    n: int
    response_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One signal, by what the shadow would have done with the request.

    Attributes:
        downgrade: requests that the shadow would have given to a cheaper model.
        same: requests on which both name the same model.
        rest: all requests but the downgraded ones.
        all: every request that was served as live chose.
        signal: name, for example `thumbs`; empty if no signal was seen.
        source: human, user, code, llm or reference.
        note: what a reader must know before reading the figures.
    """

    downgrade: Distribution
    same: Distribution
    rest: Distribution
    all: Distribution
    signal: str
    source: str
    note: str


def quality(
    q: Queries,
    policy: PolicyRef,
    window: Window,
    segment: Slice = ALL,
    *,
    book: str,
    signal: SignalRow | None = None,
) -> Quality:
    """A signal on the live answers in a window and a slice; the most frequent signal if none is named."""
    chosen = signal or next(iter(q.signals_seen(window)), None)
    return quality_of(
        q.signals(window, policy, chosen, segment) if chosen else [],
        q.matrix(window, policy, segment),
        signal=chosen,
        directions=Directions(q.blended_prices(book, window.last)),
        clusters=lambda: q.effective_clusters(window, policy, segment),
    )


def quality_of(
    sums: Sequence[SignalSums],
    matrix: Sequence[MatrixRow],
    *,
    signal: SignalRow | None,
    directions: Directions,
    clusters: Clusters,
) -> Quality:
    """The same from sums; `matrix` holds the requests that could have had the signal."""
    unranked = sorted(
        {
            model
            for row in matrix
            if directions.of(row.live_model, row.shadow_model) == "unpriced"
            for model in (row.live_model, row.shadow_model)
            if model not in directions.prices
        }
    )

    def group(*, wanted: Callable[[Direction], bool], needs_ranking: bool = False) -> Distribution:
        if unranked and needs_ranking:
            return _unranked(unranked)
        return _distribution(
            [row for row in sums if wanted(directions.of(row.live_model, row.shadow_model))],
            sum(row.clean_weight for row in matrix if wanted(directions.of(row.live_model, row.shadow_model))),
            clusters,
        )

    return Quality(
        downgrade=group(wanted=lambda direction: direction == "downgrade", needs_ranking=True),
        same=group(wanted=lambda direction: direction == "same"),
        rest=group(wanted=lambda direction: direction != "downgrade", needs_ranking=True),
        all=group(wanted=lambda _: True),
        signal=signal.name if signal else "",
        source=signal.source if signal else "",
        note=ABOUT_LIVE,
    )


def _distribution(sums: Sequence[SignalSums], requests: float, clusters: Clusters) -> Distribution:
    if not requests:
        return Distribution(
            mean=Undefined(reason="no request in this group"),
            silent_low=None,
            silent_high=None,
            bins=(),
            n=0,
            response_rate=None,
        )
    if not sums:
        return Distribution(mean=_NO_SIGNAL, silent_low=0.0, silent_high=1.0, bins=(), n=0, response_rate=0.0)
    score = reduce(add, (row.score for row in sums))
    # Weighted sums of two queries: the rate may miss 1 by rounding alone.
    rate = 1 - (missing_share(score.total, requests) or 0.0)
    seen = rate * score.value
    weights = [sum(column) for column in zip(*(row.bins for row in sums), strict=True)]
    return Distribution(
        mean=share_of(score, subject="request with this signal", clusters=clusters, unit="score"),
        silent_low=seen,
        silent_high=seen + 1 - rate,
        bins=tuple(weight / sum(weights) for weight in weights),
        n=score.n,
        response_rate=rate,
    )


def _unranked(models: Sequence[str]) -> Distribution:
    reason = f"no price for {', '.join(models)}, so nobody can tell which requests are downgraded"
    return Distribution(
        mean=Undefined(reason=reason, next_step="add price_usd_per_million to models.yaml"),
        silent_low=None,
        silent_high=None,
        bins=(),
        n=0,
        response_rate=None,
    )
