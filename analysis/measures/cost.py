"""What a shadow policy would have cost on the same requests, at the tokens that were really served."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.results import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class CostDelta:
    """Predicted cost of the shadow against what the live policy cost; negative is cheaper.

    Attributes:
        relative: change as a share of the live cost.
        per_request_usd: change per request.
        warm_relative: as `relative`, if the other model had found the same cached prefix; the default is a cold start.
        live_usd: every attempt that was paid; None if a model in it has no price.
        shadow_usd: planned primary and known escalations; None if a model in it has no price.
        shadow_high_usd: the same, if every escalation that was not seen happens; equal to `shadow_usd` without one.
        n: requests with a cost on both sides.
        weight: the same, each counted 1/sample_rate times.
        contaminated_share: of requests; left out here, because what was served is not the live policy's choice.
        uncosted_share: of the remaining requests, those whose tokens are unknown; None if there are none.
        unpriced: models without a price in `book`.
        book: the price book.
    """

    relative: Measured
    per_request_usd: Measured
    warm_relative: Measured
    live_usd: float | None
    shadow_usd: float | None
    shadow_high_usd: float | None
    n: int
    weight: float
    contaminated_share: float | None
    uncosted_share: float | None
    unpriced: tuple[str, ...]
    book: str
