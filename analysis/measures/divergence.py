"""The share of requests on which a shadow policy would have chosen differently from the live policy.

Both sides are intended plans, so a request counts for any served model. Decisions that failed are left out
and reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shadowroute.analysis.measures.direction import Direction, Directions
from shadowroute.analysis.measures.rates import Clusters, estimate, refusal, share_of
from shadowroute.analysis.queries.pairs import MatrixRow, PairSums
from shadowroute.analysis.queries.rows import Gaps
from shadowroute.analysis.results import Measured, Undefined
from shadowroute.analysis.stats.difference import difference_interval, paired_sums
from shadowroute.analysis.summaries import RatioSums

COMPARED: Final = "shadow decision that can be compared with the live one"


@dataclass(frozen=True, slots=True)
class Cell:
    """One pair of planned models.

    Attributes:
        direction: `unpriced` if the price book lacks a price.
        weight: requests, each counted 1/sample_rate times.
    """

    live_model: str
    shadow_model: str
    direction: Direction
    n: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Shares of requests on which the shadow's plan differs from the live plan.

    Attributes:
        model: another primary model.
        tier: a primary model of another class.
        steps: another plan, fallbacks and escalations included.
        n: decisions that the shares rest on.
        diverging: of those, naming another model; weighted.
        failed_share: of all shadow decisions; failed ones are in no share above. None if there are none.
        failed_weight: the same as weighted requests.
        matrix: pairs of planned models, the heaviest first.
    """

    model: Measured
    tier: Measured
    steps: Measured
    n: int
    diverging: float
    failed_share: float | None
    failed_weight: float
    matrix: tuple[Cell, ...]

    def share(self, direction: Direction) -> float | None:
        """Share of compared requests that go in one direction; None if there are none."""
        total = sum(cell.weight for cell in self.matrix)
        return sum(cell.weight for cell in self.matrix if cell.direction == direction) / total if total else None


def divergence_of(
    pairs: PairSums,
    matrix: Sequence[MatrixRow],
    *,
    gaps: Gaps,
    directions: Directions,
    clusters: Clusters,
    level: float = 0.95,
) -> Divergence:
    """The divergence of a shadow policy; `directions` ranks the models of the matrix."""

    def share(sums: RatioSums) -> Measured:
        return share_of(sums, subject=COMPARED, clusters=clusters, level=level)

    return Divergence(
        model=share(pairs.model),
        tier=_tier_gap(gaps, pairs.n) or share(pairs.tier),
        steps=_steps_gap(gaps, pairs.n) or share(pairs.steps),
        n=pairs.model.n,
        diverging=float(pairs.model.numerator.sum()),
        failed_share=pairs.failed_share,
        failed_weight=pairs.failed_weight,
        matrix=tuple(
            Cell(
                row.live_model,
                row.shadow_model,
                directions.of(row.live_model, row.shadow_model),
                row.n,
                row.weight,
            )
            for row in matrix
        ),
    )


def excess_of(shadow: RatioSums, floor: RatioSums) -> Measured:
    """Divergence by model above that of the live policy from itself, buckets paired.

    Args:
        shadow: divergence sums of the shadow policy.
        floor: those of the live policy as its own shadow, on the same slice.
    """
    refused = refusal(shadow, "shadow decision") or refusal(floor, "decision of the A/A shadow")
    if refused:
        return refused
    sums = paired_sums(shadow, floor)
    if sums.is_constant:
        return Undefined(
            reason="the policy and the A/A shadow differ from live equally often in every bucket", n=sums.n
        )
    return estimate(sums, difference_interval(shadow, floor), unit="share", method="paired buckets, jackknife t")


def _tier_gap(gaps: Gaps, n: int) -> Undefined | None:
    if not gaps.models_without_tier:
        return None
    names = ", ".join(gaps.models_without_tier)
    return Undefined(reason=f"no tier is known for {names}", next_step="give each model a tier in models.yaml", n=n)


def _steps_gap(gaps: Gaps, n: int) -> Undefined | None:
    if not gaps.has_plans_without_id:
        return None
    return Undefined(
        reason="some decisions do not say their whole plan",
        next_step="send llm_router.decision.steps_id and llm_router.live.steps_id",
        n=n,
    )
