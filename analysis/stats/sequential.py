"""Width of today's interval for a reader who looks every day and may stop on any day.

A judgement is looked at daily. Both ways of staying valid come down to one number, the `level` of today's two-sided
interval, which every interval of this package takes:

- planned: the review ends on a day that was fixed before. Lan and DeMets (1983) spend the error over the looks, here
  as O'Brien and Fleming would, by exact integration over independent increments (Armitage, McPherson and Rowe 1969).
- open: it may end on any day. The asymptotic confidence sequence of Waudby-Smith et al. (2024), whose width is one
  constant for a fixed number of buckets: its theorem does not hold for users who return, tests/simulations does.

The information of look k of K is taken as k/K. Planned but skipped looks do no harm: their
error stays unspent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import scipy  # loads its parts when they are used: the solvers are large and rarely needed
from scipy import special

from shadowroute.analysis.summaries import Floats

Spending = Literal["obrien-fleming", "pocock"]

# At look 1 of 14 the boundary is 8.4 standard errors: 1 - level is below what a float near 1 can hold. A level of
# 1 - 1e-10 (6.5 standard errors) keeps every quantile finite and spends 1e-10 per look, which changes no digit shown.
_HIGHEST_LEVEL: Final = 1 - 1e-10

MOST_LOOKS: Final = 400
"""Planned looks of one review, one a day."""

LOWEST_CONFIDENCE: Final = 0.5
HIGHEST_CONFIDENCE: Final = 0.9999

_HIGHEST_BOUNDARY: Final = 8.0
_NODES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LookPlan:
    """Number of looks of a review, and the confidence of its intervals over all looks together.

    Attributes:
        kind: `planned` (a fixed end) or `open` (none).
        confidence: of all looks together, for example 0.95.
        planned: number of daily looks; needed if planned, None if open.
        spending: how a planned review spends its error: late (`obrien-fleming`) or evenly (`pocock`).

    Raises:
        ValueError: if the number of looks does not fit the kind, or the confidence does not lie between 0.5 and 1.
    """

    kind: Literal["planned", "open"]
    confidence: float = 0.95
    planned: int | None = None
    spending: Spending = "obrien-fleming"

    def __post_init__(self) -> None:
        if not LOWEST_CONFIDENCE <= self.confidence <= HIGHEST_CONFIDENCE:
            bounds = f"{LOWEST_CONFIDENCE} to {HIGHEST_CONFIDENCE}"
            raise ValueError(f"confidence must lie in {bounds}, got {self.confidence!r}; 0.95 is usual")
        if self.kind == "open":
            if self.planned is not None:
                raise ValueError(f"open monitoring has no planned looks, got {self.planned!r}; give kind='planned'")
        elif self.planned is None or not 1 <= self.planned <= MOST_LOOKS:
            raise ValueError(
                f"planned looks must be 1 to {MOST_LOOKS}, got {self.planned!r}; plan a nearer end, or monitor openly"
            )

    def level(self, look: int) -> float:
        """Two-sided level of the intervals at one look: `confidence` for a single look, closer to 1 for more.

        Args:
            look: from 1; which of the planned looks, or any number for open monitoring.

        Raises:
            ValueError: if there is no such look. After a planned end there is none: judge the planned window.
        """
        if look < 1 or (self.planned is not None and look > self.planned):
            most = "" if self.planned is None else f" to {self.planned}"
            raise ValueError(f"look must be 1{most or ' or more'}, got {look}; a planned review ends with its window")
        return min(float(2 * special.ndtr(self.boundary(look)) - 1), _HIGHEST_LEVEL)

    def boundary(self, look: int) -> float:
        """The same as a multiple of the standard error, for example 2.1026 at the last of 14 planned looks."""
        if self.planned is None:
            return open_boundary(1 - self.confidence)
        return planned_boundaries(self.planned, 1 - self.confidence, self.spending)[look - 1]

    @property
    def note(self) -> str:
        """The method, in one sentence for people."""
        if self.planned is None:
            return "confidence sequence: intervals stay valid for a look, and a stop, on any day"
        return f"group-sequential: intervals stay valid for {self.planned} daily looks with a fixed end"


def open_boundary(alpha: float) -> float:
    """Standard errors to either side at every look, for example 3.035 for 0.05.

    The sequence is widest in use and narrowest in theory where the buckets are all there, so its free parameter is set
    for them: rho^2 G = -2 ln(alpha) + ln(1 - 2 ln(alpha)), and G drops out.

    Args:
        alpha: 1 - confidence.
    """
    tuned = -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))
    return math.sqrt(2 * (tuned + 1) / tuned * math.log(math.sqrt(tuned + 1) / alpha))


def spent(share: float, alpha: float, spending: Spending) -> float:
    """Error that one side may have spent when `share` of the information is in.

    Args:
        share: 0 to 1.
        alpha: two-sided; at a share of 1 half of it is spent.
        spending: `obrien-fleming` or `pocock`.
    """
    if spending == "pocock":
        return alpha / 2 * math.log(1 + (math.e - 1) * share)
    return 2 * float(special.ndtr(special.ndtri(alpha / 4) / math.sqrt(share)))


@lru_cache(maxsize=64)
def planned_boundaries(looks: int, alpha: float = 0.05, spending: Spending = "obrien-fleming") -> tuple[float, ...]:
    """Two-sided boundaries in standard errors, one per look, equally spaced in information.

    The density of the running sum that has not crossed is carried from look to look on Gauss-Legendre nodes; each
    boundary is where the mass beyond it is the error that this look may spend. Boundaries above 8 are 8.

    Args:
        looks: how many.
        alpha: two-sided, over all looks.
        spending: as in `spent`.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    step = math.sqrt(1 / looks)
    # Before the first look all mass lies at 0.
    places, mass = np.zeros(1), np.ones(1)
    boundaries: list[float] = []
    before = 0.0
    for look in range(1, looks + 1):
        root = math.sqrt(look / looks)
        until = spent(look / looks, alpha, spending)
        allowed, before = until - before, until

        boundary = _crossing(places, mass, allowed=allowed, root=root, step=step)
        boundaries.append(boundary)
        edge = boundary * root
        reached = nodes * edge
        moved = (reached[:, None] - places[None, :]) / step
        density = np.exp(-np.square(moved) / 2) @ mass / (step * math.sqrt(2 * math.pi))
        places, mass = reached, density * weights * edge
    return tuple(boundaries)


def _crossing(places: Floats, mass: Floats, *, allowed: float, root: float, step: float) -> float:
    """The boundary beyond which the next running sum has the allowed mass."""

    def beyond(z: float) -> float:
        return float(mass @ special.ndtr((places - z * root) / step)) - allowed

    if beyond(_HIGHEST_BOUNDARY) >= 0:
        return _HIGHEST_BOUNDARY
    return float(scipy.optimize.brentq(beyond, 0.0, _HIGHEST_BOUNDARY, xtol=1e-12))
