"""Intervals that the product does not use, and why: the simulations compare with them.

The product's unit is the bucket of users; all of these take requests for independent. Arrays broadcast.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from shadowroute.analysis.results import Interval
from shadowroute.analysis.summaries import Floats


def tuned(alpha: float) -> float:
    """The n rho^2 at which a sequence is narrowest: 7.936 for 0.05."""
    return -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))


def log_evidence(k: ArrayLike, n: ArrayLike, p: ArrayLike, *, expected: float | None, alpha: float = 0.05) -> Floats:
    """Log of alpha times the beta-binomial mixture's evidence against p: p is in the sequence while it is below 0.

    Howard et al. (2021), proposition 7: the mixture is centred on the candidate itself.

    Args:
        k: successes so far.
        n: requests so far.
        p: the candidate, above 0 and below 1.
        expected: requests when the decision is due, at which the sequence is tightest; None is the uniform mixture.
        alpha: of all looks together.
    """
    k, n, p = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64), np.asarray(p, dtype=np.float64)
    a, b = (1.0, 1.0) if expected is None else (expected / tuned(alpha) * p, expected / tuned(alpha) * (1 - p))
    mixed = special.betaln(a + k, b + n - k) - special.betaln(a, b)
    return np.asarray(mixed - special.xlogy(k, p) - special.xlog1py(n - k, -p) + math.log(alpha))


def beta_binomial_sequence(k: int, n: int, *, expected: float | None, alpha: float = 0.05) -> Interval:
    """The exact confidence sequence of a share of independent requests: where `log_evidence` is below 0."""

    def evidence(p: float) -> float:
        return float(log_evidence(k, n, p, expected=expected, alpha=alpha))

    tiny, share = 1e-12, min(max(k / n, 1e-9), 1 - 1e-9)
    low = 0.0 if k == 0 or evidence(tiny) < 0 else float(optimize.brentq(evidence, tiny, share, xtol=1e-14))
    high = 1.0 if k == n or evidence(1 - tiny) < 0 else float(optimize.brentq(evidence, share, 1 - tiny, xtol=1e-14))
    return Interval(low, high, 1 - alpha)


def asymptotic_half_width(variance: ArrayLike, n: ArrayLike, *, rho2: ArrayLike, alpha: float = 0.05) -> Floats:
    """Half-width of the asymptotic confidence sequence of a mean of n values (Waudby-Smith et al. 2024)."""
    scaled = np.asarray(n) * np.asarray(rho2)
    log = np.log(np.sqrt(scaled + 1) / alpha)
    return np.asarray(np.sqrt(np.asarray(variance) * 2 * (scaled + 1) / (np.asarray(n) * scaled) * log))


def growthbook_half_width(k: ArrayLike, n: ArrayLike, *, expected: float = 5000, alpha: float = 0.05) -> Floats:
    """That of gbstats for a share: tuned for `expected` requests, the variance that was seen, no least count."""
    share = np.asarray(k) / np.asarray(n)
    return asymptotic_half_width(share * (1 - share), n, rho2=tuned(alpha) / expected, alpha=alpha)


def tensorzero_half_width(variance: float, n: int, *, rho: float, alpha: float = 0.05) -> float:
    """That of TensorZero for a mean: rho is in units of the value, so that the variance scales it."""
    return float(asymptotic_half_width(variance, n, rho2=variance * rho**2, alpha=alpha))
