"""The direction in which a shadow would move a request: to a cheaper or a dearer model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Direction = Literal["same", "downgrade", "upgrade", "lateral", "unpriced"]


@dataclass(frozen=True, slots=True)
class Directions:
    """Ranks models by one blended price each.

    Attributes:
        prices: model to 0.75 x input + 0.25 x output price of context band 0, USD per million tokens.
    """

    prices: Mapping[str, float]

    def of(self, live_model: str, shadow_model: str) -> Direction:
        """The direction from the live model to the shadow's; `unpriced` if the two cannot be ranked."""
        if live_model == shadow_model:
            return "same"
        live, shadow = self.prices.get(live_model), self.prices.get(shadow_model)
        if live is None or shadow is None:
            return "unpriced"
        if shadow == live:
            return "lateral"
        return "downgrade" if shadow < live else "upgrade"
