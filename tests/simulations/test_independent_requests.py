"""Daily looks at a share of independent requests: what the exact sequence holds, and what the usual formulas do not.

Method 1b. The product judges clusters, so none of these is its interval: they are the yardstick and the controls.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.support.comparisons import (
    beta_binomial_sequence,
    growthbook_half_width,
    log_evidence,
    tensorzero_half_width,
)
from tests.support.draws import DRAWS, Figure, slack

# Method 8: successes, requests, requests when due (None is Beta(1, 1)), low, high.
PUBLISHED = [
    (0, 50, 1000, 0.0, 0.2866207576),
    (3, 50, 1000, 0.0018221331, 0.3728949326),
    (120, 1000, 5000, 0.0884568736, 0.1575942755),
    (1200, 10000, 5000, 0.1102580176, 0.1301547723),
    (1200, 10000, 100000, 0.1079144264, 0.1329716976),
    (999, 1000, 5000, 0.9902140629, 1.0),
    (5, 100, None, 0.0065771262, 0.1602588738),
    (120, 1000, None, 0.0859139051, 0.1607975487),
    (1200, 10000, None, 0.1075573258, 0.1332332410),
    (50, 100, None, 0.3445902693, 0.6554097307),
    (0, 100, None, 0.0, 0.0732843734),
]

SETTINGS = list(itertools.product((0.002, 0.01, 0.12, 0.5), ((200, 14), (200, 90), (5000, 14))))


@pytest.mark.parametrize(("k", "n", "expected", "low", "high"), PUBLISHED)
def test_the_exact_sequence_is_the_known_one(k: int, n: int, expected: float | None, low: float, high: float) -> None:
    """Golden values of method 8, to ten places."""
    interval = beta_binomial_sequence(k, n, expected=expected)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-9)


def test_the_formulas_of_others_are_the_known_ones() -> None:
    """Golden values of method 8: GrowthBook's interval and TensorZero's margin."""
    half = float(growthbook_half_width(120, 1000))
    assert (0.12 - half, 0.12 + half) == pytest.approx((0.0854320638, 0.1545679362), abs=1e-9)
    assert tensorzero_half_width(0.25, 100, rho=0.296) == pytest.approx(0.1613737140, abs=1e-9)


def walks(p: float, per_day: int, days: int) -> tuple[np.ndarray, np.ndarray]:
    """Successes and requests up to each day, (draws, days) and (days,)."""
    rng = np.random.default_rng([13, round(p * 1000), per_day, days])
    return np.cumsum(rng.binomial(per_day, p, (DRAWS, days)), axis=1), per_day * np.arange(1, days + 1)


@pytest.mark.parametrize(("p", "traffic"), SETTINGS, ids=[f"{p:.1%} of {n} a day, {d} days" for p, (n, d) in SETTINGS])
def test_the_exact_sequence_holds_at_every_look(p: float, traffic: tuple[int, int], figure: Figure) -> None:
    """Ever-miss is at most 5 % in every setting, while Wilson's interval at every look misses far more."""
    k, n = walks(p, *traffic)
    missed = float((log_evidence(k, n, p, expected=5000) >= 0).any(axis=1).mean())
    # Wilson's interval misses p where the share lies more than 1.96 of p's own standard errors away.
    naive = float((np.abs(k / n - p) > 1.959964 * np.sqrt(p * (1 - p) / n)).any(axis=1).mean())
    growthbook = float((np.abs(k / n - p) > growthbook_half_width(k, n)).any(axis=1).mean())
    figure(f"ever-miss: exact {missed:.1%}, Wilson daily {naive:.1%}, GrowthBook's formula {growthbook:.1%}")
    assert missed <= 0.05 + slack()
    assert naive > 0.10


def test_the_asymptotic_formula_fails_at_small_counts(figure: Figure) -> None:
    """Control: where no request differs yet its width is 0; at 0.2 % of 200 a day it misses in most runs."""
    k, n = walks(0.002, 200, 14)
    missed = float((np.abs(k / n - 0.002) > growthbook_half_width(k, n)).any(axis=1).mean())
    figure(f"ever-miss of GrowthBook's formula at 0.2 % {missed:.1%}")
    assert missed > 0.5
