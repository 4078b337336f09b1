"""Correction for many comparisons at once.

A plan with twenty segments finds a harm in one of them by chance. Adjusted p-values control the share of false findings
among the findings (Benjamini and Hochberg 1995), as a list of harmed segments promises.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from shadowroute.analysis.summaries import Floats


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
    order = np.argsort(p)
    scaled = p[order] * (p.size / np.arange(1, p.size + 1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
