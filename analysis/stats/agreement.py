"""Reliability of a judge: its agreement with people, and a pass rate corrected for its errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from shadowroute.analysis.results import Interval, Undefined

WEAKEST_JUDGE: Final = 0.2
"""Sensitivity + specificity - 1 below which a judge is not corrected: a small divisor would amplify noise."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share and the variance of its estimate, both estimated apart from others."""

    value: float
    variance: float

    @classmethod
    def of(cls, k: int, n: int) -> Share:
        """The share of `k` in `n` independent trials.

        Raises:
            ValueError: if there are no trials, or k lies outside 0 to n.
        """
        if not 0 <= k <= n or not n:
            raise ValueError(f"k must lie in 0 to n and n above 0, got {k} of {n}; a share of nothing does not exist")
        return cls(k / n, k / n * (1 - k / n) / n)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A pass rate after correction.

    Attributes:
        value: 0 to 1; a corrected rate outside is set to the nearer end.
        variance: of the rate before it was set to an end: sampling and calibration together.
        interval: normal, within 0 to 1.
    """

    value: float
    variance: float
    interval: Interval


def cohen_kappa(table: ArrayLike) -> float:
    """Agreement above chance of two raters: 1 is full agreement, 0 agreement by chance.

    Args:
        table: (k, k) counts, first rater by second rater.

    Raises:
        ValueError: if the table is not square or empty, or both raters always gave one and the same label.
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.sum() > 0:
        raise ValueError(f"table must be square with a count above 0, got shape {counts.shape}; rows are one rater")
    shares = counts / counts.sum()
    seen = float(np.trace(shares))
    chance = float(shares.sum(axis=1) @ shares.sum(axis=0))
    if chance >= 1:
        raise ValueError("raters must use two labels, got one; agreement above chance is then undefined")
    return (seen - chance) / (1 - chance)


def rogan_gladen(
    passed: Share, *, sensitivity: Share, specificity: Share, level: float = 0.95
) -> Corrected | Undefined:
    """The true pass rate behind a judge that errs (Rogan and Gladen 1978; variance by the delta method).

    (p + q0 - 1) / (q0 + q1 - 1) with q1 the sensitivity and q0 the specificity. Use it where the judge was calibrated
    on other answers than those it judges here.

    Args:
        passed: share that the judge passed.
        sensitivity: share of truly good answers that it passes, from a calibration set.
        specificity: share of truly bad answers that it fails, from a calibration set.
        level: nominal coverage.
    """
    skill = sensitivity.value + specificity.value - 1
    if skill < WEAKEST_JUDGE:
        return Undefined(
            reason=f"the judge is too weak to correct: sensitivity + specificity - 1 is {skill:.2f},"
            f" {WEAKEST_JUDGE} needed",
            next_step="improve the judge, or let people score the sample",
        )
    rate = (passed.value + specificity.value - 1) / skill
    variance = (passed.variance + rate**2 * sensitivity.variance + (1 - rate) ** 2 * specificity.variance) / skill**2
    half = float(special.ndtri((1 + level) / 2)) * variance**0.5
    low, value, high = (min(max(x, 0.0), 1.0) for x in (rate - half, rate, rate + half))
    return Corrected(value, variance, Interval(low, high, level))
