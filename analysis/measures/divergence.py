"""How often a shadow policy would have chosen differently from the live policy.

Both sides are intended plans, so a request counts whatever was served in the end. Decisions that failed are left out
and reported.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.results import Measured


@dataclass(frozen=True, slots=True)
class Cell:
    """One pair of planned models.

    Attributes:
        weight: requests, each counted 1/sample_rate times.
        direction: `same`, `downgrade`, `upgrade`, `lateral`, or `unpriced` where the price book cannot tell.
    """

    live_model: str
    shadow_model: str
    direction: str
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
        failed_share: of all shadow decisions; failed ones are in no share above. None if there are none.
        failed_weight: the same as weighted requests.
        matrix: pairs of planned models, the heaviest first.
    """

    model: Measured
    tier: Measured
    steps: Measured
    n: int
    failed_share: float | None
    failed_weight: float
    matrix: tuple[Cell, ...]

    def share(self, direction: str) -> float | None:
        """Share of compared requests that go in one direction; None if there are none."""
        total = sum(cell.weight for cell in self.matrix)
        return sum(cell.weight for cell in self.matrix if cell.direction == direction) / total if total else None
