"""Many comparisons at once: which of them are real, and how wide their intervals must be.

A plan with twenty segments finds a harm in one of them by luck. Adjusted p-values control the share of false findings
among the findings (Benjamini and Hochberg 1995), which is what a list of harmed segments promises.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.summaries import Floats


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjusted p-values (q-values): those at most q are a list with at most a share q of false findings.

    Args:
        p_values: (m,), 0 to 1, independent or positively dependent, as segments of one population are.

    Raises:
        ValueError: if a value lies outside 0 to 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p-values must lie in 0 to 1, got {p.tolist()!r}; leave out what has none")
    return np.asarray(stats.false_discovery_control(p, method="bh"), dtype=np.float64) if p.size else p


def e_bh(e_values: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Which of several e-values are findings, whatever their dependence (Wang and Ramdas 2022).

    The k largest are, for the largest k with e_(k) >= m / (alpha k).

    Args:
        e_values: (m,), at least 0.
        alpha: share of false findings allowed, 0 to 1.
    """
    e = np.asarray(e_values, dtype=np.float64)
    if (e < 0).any():
        raise ValueError(f"e-values must be at least 0, got {e.tolist()!r}; they are bets, not logarithms")
    order = np.sort(e)[::-1]
    enough = order * np.arange(1, e.size + 1) >= e.size / alpha
    if not enough.any():
        return np.zeros(e.size, dtype=np.bool_)
    return np.asarray(e >= order[np.flatnonzero(enough)[-1]], dtype=np.bool_)


def selected_level(level: float, *, selected: int, tested: int) -> float:
    """Level of the intervals of those that were selected by what they show (Benjamini and Yekutieli 2005).

    1 - R alpha / m: of the intervals shown at this level, at most a share 1 - `level` misses.

    Args:
        level: of one interval that nothing selected, for example 0.95.
        selected: how many are shown, at least 1.
        tested: how many they were selected from.
    """
    if not 1 <= selected <= tested:
        raise ValueError(f"selected must be 1 to {tested} (tested), got {selected}; nothing selected needs no interval")
    return 1 - selected * (1 - level) / tested
