"""Quality of the live answers, on the requests that the shadow would have downgraded and on the rest.

Every figure is about the model that answered, never about the shadow's model: it can point the wrong way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from shadowroute.analysis.measures.direction import Direction, Directions
from shadowroute.analysis.measures.quality_comparison import Comparison, Group, compared, incomparable
from shadowroute.analysis.measures.rates import Clusters, missing_share, share_of
from shadowroute.analysis.next_steps import SEND_SIGNAL
from shadowroute.analysis.queries.signal_cells import AskedSums, SignalCells, total
from shadowroute.analysis.results import Estimate, Measured, Undefined
from shadowroute.analysis.selection import Window
from shadowroute.analysis.signals import GRID, SignalRow, SignalSpec, spec_of
from shadowroute.analysis.stats.nonresponse import manski_bounds, share_at_least
from shadowroute.analysis.summaries import BUCKETS, RatioSums

ABOUT_LIVE: Final = "These are answers of the model that answered, not of the shadow's model."

_NO_SIGNAL: Final = Undefined(reason="no signal arrived for these requests", next_step=SEND_SIGNAL)
_NO_REQUEST: Final = Undefined(reason="no request in this group")
_NO_BAR: Final = Undefined(reason="no bar is set for this signal", next_step="set signals.NAME.bar in the plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A signal on one group of requests.

    Attributes:
        mean: of the requests that have the signal, 0 to 1, as the values arrived.
        silent_low: mean over all requests of the group, if every silent one were 0; None without requests.
        silent_high: the same, if every silent one were 1.
        bins: (21,) shares by value: bin i holds values from i/20 up to (i+1)/20, the last one the value 1; empty
            without signals.
        n: requests with the signal.
        response_rate: weighted share of the group's requests that have the signal; None without requests.
        rated: the same with its interval.
        reaching: share of rated requests that reach the bar (where lower is better: stay below it).
        reaching_at_least: one-sided lower bound of that share; None where there is no share.
    """

    mean: Measured
    silent_low: float | None
    silent_high: float | None
    bins: tuple[float, ...]
    n: int
    response_rate: float | None
    rated: Measured
    reaching: Measured
    reaching_at_least: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One signal, by the shadow's choice for the request.

    Attributes:
        downgrade: requests that the shadow would have given to a cheaper model.
        same: requests on which both name the same model.
        rest: all requests but the downgraded ones.
        all: every request that was served as live chose.
        comparison: downgraded against the rest.
        signal: name, for example `thumbs`; empty if no signal was seen.
        source: human, user, code, llm, reference or derived.
        spec: meaning of the signal: its better side, when it is complete, its bar.
        days: days that were old enough; None if none was.
        immature: weighted requests of younger days, left out.
        note: limits of the figures.
    """

    downgrade: Distribution
    same: Distribution
    rest: Distribution
    all: Distribution
    comparison: Comparison
    signal: str
    source: str
    spec: SignalSpec | None
    days: Window | None
    immature: float
    note: str


def quality_of(
    cells: Sequence[SignalCells],
    requests: Sequence[AskedSums],
    *,
    signal: SignalRow | None,
    directions: Directions,
    clusters: Clusters,
    spec: SignalSpec | None = None,
    days: Window | None = None,
    whole: Sequence[AskedSums] | None = None,
    level: float = 0.95,
) -> Quality:
    """A signal on the live answers.

    Args:
        cells: the signal on days that are old enough.
        requests: those that could have had it, on the same days.
        signal: name and source; None if there is none.
        directions: ranks the models.
        clusters: effective clusters by key.
        spec: of the signal; None for the known meaning of its name.
        days: the days that were old enough.
        whole: requests of the whole window, the younger days too; None if there are none.
        level: nominal coverage of the intervals.
    """
    if signal and spec is None:
        spec = spec_of(signal)
    unranked = sorted(
        {
            model
            for row in requests
            if directions.of(row.live_model, row.shadow_model) == "unpriced"
            for model in (row.live_model, row.shadow_model)
            if model not in directions.prices
        }
    )
    downgraded = _group(cells, requests, directions, lambda direction: direction == "downgrade")
    rest = _group(cells, requests, directions, lambda direction: direction != "downgrade")
    refused = _unranked(unranked) if unranked else None
    if refused:
        comparison = incomparable(refused)
    elif spec is None:
        comparison = incomparable(_NO_SIGNAL)
    else:
        comparison = compared(downgraded, rest, spec, level=level)

    def shown(group: Group, refused: Undefined | None = None) -> Distribution:
        return _nothing(refused) if refused else _distribution(group, spec, clusters, level)

    return Quality(
        downgrade=shown(downgraded, refused),
        same=shown(_group(cells, requests, directions, lambda direction: direction == "same")),
        rest=shown(rest, refused),
        all=shown(_group(cells, requests, directions, lambda _: True)),
        comparison=comparison,
        signal=signal.name if signal else "",
        source=signal.source if signal else "",
        spec=spec,
        days=days,
        immature=_younger(requests, whole),
        note=ABOUT_LIVE,
    )


def _younger(requests: Sequence[AskedSums], whole: Sequence[AskedSums] | None) -> float:
    if whole is None:
        return 0.0
    return (missing_share(_weight(requests), _weight(whole)) or 0.0) * _weight(whole)


def _weight(rows: Sequence[AskedSums]) -> float:
    return sum(row.weight for row in rows)


def _group(
    cells: Sequence[SignalCells],
    requests: Sequence[AskedSums],
    directions: Directions,
    wanted: Callable[[Direction], bool],
) -> Group:
    kept = [row for row in requests if wanted(directions.of(row.live_model, row.shadow_model))]
    return Group(
        cells=total([row for row in cells if wanted(directions.of(row.live_model, row.shadow_model))]),
        requests=np.sum([row.requests for row in kept], axis=0) if kept else np.zeros(BUCKETS),
        n=sum(row.n for row in kept),
    )


def _distribution(group: Group, spec: SignalSpec | None, clusters: Clusters, level: float) -> Distribution:
    requests, score = float(group.requests.sum()), group.cells.score
    if not requests:
        return _nothing(_NO_REQUEST)
    rated = share_of(group.rated, subject="request", clusters=clusters, level=level)
    if spec is None or not score.total:
        return Distribution(
            mean=_NO_SIGNAL,
            silent_low=0.0,
            silent_high=1.0,
            bins=(),
            n=0,
            response_rate=0.0,
            rated=rated,
            reaching=_NO_SIGNAL,
            reaching_at_least=None,
        )
    # Weighted sums of two queries: the rate may miss 1 by rounding alone.
    rate = 1 - (missing_share(score.total, requests) or 0.0)
    low, high = manski_bounds(min(max(score.value, 0.0), 1.0), min(max(rate, 0.0), 1.0))
    by_value = group.cells.weights.sum(axis=0)
    reaching, at_least = _reaching(group.cells, spec, clusters, level)
    return Distribution(
        mean=share_of(score, subject="request with this signal", clusters=clusters, unit="score", level=level),
        silent_low=low,
        silent_high=high,
        bins=tuple(float(weight) for weight in by_value / by_value.sum()),
        n=score.n,
        response_rate=rate,
        rated=rated,
        reaching=reaching,
        reaching_at_least=at_least,
    )


def _reaching(cells: SignalCells, spec: SignalSpec, clusters: Clusters, level: float) -> tuple[Measured, float | None]:
    if spec.bar is None:
        return _NO_BAR, None
    step = round(spec.bar * GRID)
    good = cells.weights[:, :step] if spec.lower_is_better else cells.weights[:, step:]
    sums = RatioSums(numerator=good.sum(axis=1), denominator=cells.weights.sum(axis=1), n=cells.n)
    found = share_of(sums, subject="request with this signal", clusters=clusters, level=level)
    if not isinstance(found, Estimate):
        return found, None
    independent = clusters() if sums.is_constant else sums.effective_clusters
    return found, share_at_least(sums, clusters=independent, level=level)


def _nothing(why: Undefined) -> Distribution:
    return Distribution(
        mean=why,
        silent_low=None,
        silent_high=None,
        bins=(),
        n=0,
        response_rate=None,
        rated=why,
        reaching=why,
        reaching_at_least=None,
    )


def _unranked(models: Sequence[str]) -> Undefined:
    return Undefined(
        reason=f"no price for {', '.join(models)}, so it is unknown which requests are downgraded",
        next_step="add price_usd_per_million to models.yaml",
    )
