"""How far two distributions over the same categories lie apart.

A distance has no uncertainty of its own: it grows with few requests even where nothing differs. Show it beside a test.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from shadowroute.analysis.summaries import Floats

_EMPTY: Final = 1e-4


def js_distance(reference: ArrayLike, current: ArrayLike, *, base: float = 2) -> float:
    """Jensen-Shannon distance, the root of the divergence; 0 where equal, and 1 in base 2 where nothing is shared.

    Always say the base: tools differ, and the same data give 0.080 in base e and 0.096 in base 2.

    Args:
        reference: (k,) weights, at least 0, any total above 0.
        current: (k,) weights of the same categories.
        base: of the logarithm, 2 or e.
    """
    r, c = _shares(reference, current)
    middle = (r + c) / 2
    divergence = float(special.rel_entr(r, middle).sum() + special.rel_entr(c, middle).sum()) / 2
    return math.sqrt(max(divergence, 0.0) / math.log(base))  # rounding of equal distributions may fall below 0


def _shares(*sides: ArrayLike) -> tuple[Floats, ...]:
    weights = [np.asarray(side, dtype=np.float64) for side in sides]
    if any(side.ndim != 1 or side.shape != weights[0].shape for side in weights):
        shapes = " and ".join(str(side.shape) for side in weights)
        raise ValueError(f"weights must be one row of the same categories each, got shapes {shapes}")
    if any((side < 0).any() or not side.sum() > 0 for side in weights):
        raise ValueError("weights must be at least 0 with a sum above 0; an empty distribution has no distance")
    return tuple(side / side.sum() for side in weights)
