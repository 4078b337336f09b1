"""Intervals of figures other than plain ratios (a quantile, an area, a crossed level), by resampling buckets.

The unit that is drawn is the bucket, never the request, so requests of one user stay together. A figure is a function
of sums over buckets; drawing 256 buckets with replacement multiplies their sums by counts, so 400 draws of any traffic
cost one matrix product. The standard error over draws is used with Student's t rather than the draws' own percentiles:
a sequential look may ask for a level of 0.998, which no number of draws at hand resolves.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from scipy import special

from shadowroute.analysis.results import Interval
from shadowroute.analysis.summaries import BUCKETS, Floats

DRAWS: Final = 400
SEED: Final = 20_261_116
"""Fixed, so that the same traffic gives the same interval on every page and in every packet."""


def bucket_counts(draws: int = DRAWS, *, seed: int = SEED, occupied: Floats | None = None) -> Floats:
    """How often each bucket is taken in each draw, (draws, 256), not to be written; rows sum to the occupied buckets.

    Args:
        draws: number of draws.
        seed: of the draws.
        occupied: (256,) bucket sizes; empty buckets are never drawn. None = all are occupied.
    """
    taken = np.ones(BUCKETS, dtype=bool) if occupied is None else occupied > 0
    return _counts(draws, seed, taken.tobytes())


@lru_cache(maxsize=16)
def _counts(draws: int, seed: int, occupied: bytes) -> Floats:
    """Kept, because nearly every figure of busy traffic asks for the same ones."""
    share = np.frombuffer(occupied, dtype=bool).astype(np.float64)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(int(share.sum()), share / share.sum(), size=draws).astype(np.float64)
    counts.flags.writeable = False
    return counts


def drawn_interval(value: float, draws: Floats, *, effective_clusters: float, level: float = 0.95) -> Interval:
    """The interval around a figure from its values over draws: t quantile times their standard deviation.

    Args:
        value: the figure on the sample itself.
        draws: (k,) the figure on each draw; NaN where a draw had nothing to compute it from.
        effective_clusters: sets the degrees of freedom, this minus one, at least 1.
        level: nominal coverage.

    Raises:
        ValueError: if fewer than two draws gave a figure.
    """
    known = draws[np.isfinite(draws)]
    if known.size < 2:
        raise ValueError(f"draws must hold at least 2 figures, got {known.size}; refuse the estimate before asking")
    half = float(special.stdtrit(max(effective_clusters - 1, 1.0), (1 + level) / 2)) * float(known.std(ddof=1))
    return Interval(value - half, value + half, level)
