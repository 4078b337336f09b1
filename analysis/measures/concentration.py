"""Concentration: the share of a cost, and of its change, in few requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.queries.money import RequestSizes
from shadowroute.analysis.stats import concentration as spread
from shadowroute.analysis.stats.concentration import Sizes
from shadowroute.analysis.stats.hall import skewness
from shadowroute.analysis.stats.ratio import influence, ratio_error
from shadowroute.analysis.summaries import RatioSums

KOHAVI: Final = 355
"""Values per squared skewness below which an interval of a mean is too narrow (Kohavi et al. 2014)."""

TOP_SHARE: Final = 0.3
"""Share of a change in the largest 1 % of requests above which they decide the figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Distribution of one quantity over requests.

    Attributes:
        total_usd: sum over requests, weighted; of the sizes, so always at least 0.
        top_1_share: of the total, in the largest 1 % of requests. top_10_share: in the largest 10 %.
        gini: 0 = all equal, near 1 = one request has it all.
        p50_usd: median size of a request; and so on. Within 1.1 % of the exact quantile.
        skewness: of the signed values; None without spread.
    """

    total_usd: float
    top_1_share: float
    top_10_share: float
    gini: float
    p50_usd: float
    p90_usd: float
    p99_usd: float
    max_usd: float
    skewness: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """Tails of one shadow policy's requests in a window and a slice, at served tokens; clean requests only.

    Attributes:
        cost: of the paid cost of live; None without requests or prices.
        change: of |shadow - live|; its skewness is that of shadow - live. None if no request changes.
        n: sampled requests.
        unpriced_n: requests without a price on one side; left out.
        one_in: one of about so many requests is in the sample; the largest size is that of the sample.
        design_effect: of the diverging share: its variance over that of as many independent requests; None where no
            bucket differs.
        why_not: reason for missing tails; empty if there are some.
    """

    cost: Tail | None
    change: Tail | None
    n: int
    unpriced_n: int
    design_effect: float | None
    why_not: str
    one_in: int = 1


def concentration_of(sizes: RequestSizes, *, diverging: RatioSums) -> Concentration:
    """The tails of a shadow policy's cost and change.

    Args:
        sizes: of single requests, from one pass over the sample.
        diverging: bucket sums of the diverging share, for the design effect.
    """
    why = "" if sizes.n else "no request with known tokens and prices in this window"
    return Concentration(
        cost=_tail(sizes.cost),
        change=_tail(sizes.change),
        n=sizes.n,
        unpriced_n=sizes.unpriced_n,
        design_effect=design_effect(diverging),
        why_not=why,
        one_in=sizes.one_in,
    )


def design_effect(sums: RatioSums) -> float | None:
    """The variance of a share over that of as many independent requests; None where no bucket differs.

    The clustered requests stand for this factor fewer independent ones.
    """
    if sums.clusters < 2 or sums.is_constant:
        return None
    share = min(max(sums.value, 0.0), 1.0)
    independent = share * (1 - share) / sums.n
    return ratio_error(sums).variance / independent if independent else None


def _tail(sizes: Sizes | None) -> Tail | None:
    if sizes is None or not sizes.sum:
        return None
    return Tail(
        total_usd=sizes.sum,
        top_1_share=spread.top_share(sizes, 0.01),
        top_10_share=spread.top_share(sizes, 0.1),
        gini=spread.gini(sizes),
        p50_usd=spread.quantile(sizes, 0.5),
        p90_usd=spread.quantile(sizes, 0.9),
        p99_usd=spread.quantile(sizes, 0.99),
        max_usd=sizes.largest,
        skewness=spread.skewness(sizes),
    )


def too_narrow(heavy: str) -> str:
    """The sentence about the interval of a cost with a heavy tail; `heavy` says why it is one."""
    return f"The interval of the cost may be too narrow: {heavy.rstrip('.')}."


def heavy_tail(change: RatioSums | None, concentration: Concentration | None = None) -> str | None:
    """The reason why a few requests make the interval of a change too narrow. Empty if they do not, None if unknown.

    Two rules of thumb: fewer than 355 skew^2 values (Kohavi et al. 2014), or more than 30 % of the change in the
    largest 1 % of requests. Without data of single requests the first rule is applied to the hash buckets.

    Args:
        change: bucket sums of shadow minus live over requests.
        concentration: of the same requests.
    """
    if concentration and concentration.change:
        tail = concentration.change
        if tail.top_1_share > TOP_SHARE:
            held, most = 100 * tail.top_1_share, 100 * TOP_SHARE
            return f"the largest 1 % of requests hold {held:.0f} % of the change (limit {most:.0f})"
        needed = KOHAVI * (tail.skewness or 0.0) ** 2
        requests = concentration.n * concentration.one_in
        if requests < needed:
            return f"{requests:,} requests of skewness {tail.skewness:.1f}, about {needed:,.0f} needed"
        return ""
    if change is None or change.clusters < 2:
        return None
    skew = 0.0 if change.is_constant else skewness(influence(change))
    if change.clusters < KOHAVI * skew**2:
        return (
            f"{change.clusters} hash buckets differ with skewness {skew:.1f}: a few users or requests decide the figure"
        )
    return ""
