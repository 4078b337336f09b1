"""Router quality metrics against published figures, identities and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowroute.analysis.stats import frontier

# The four kinds of answers in RouteLLM's GSM8K table, gpt-4-1106-preview against mixtral-8x7b:
# both right, strong only, weak only, neither. They fix the oracle's curve.
BOTH, STRONG_ONLY, WEAK_ONLY, NEITHER = 747, 383, 95, 94


def gsm8k() -> tuple[np.ndarray, np.ndarray]:
    """Weak and strong correctness of the 1,319 published answers."""
    kinds = [(1, 1)] * BOTH + [(0, 1)] * STRONG_ONLY + [(1, 0)] * WEAK_ONLY + [(0, 0)] * NEITHER
    weak, strong = np.array(kinds, dtype=float).T
    return weak, strong


def deferral_curve(shares: list[float], quality: list[float], *, weak: float, strong: float) -> frontier.DeferralCurve:
    """The curve through measured points of increasing share, with both ends added."""
    return frontier.DeferralCurve(np.array([0.0, *shares, 1.0]), np.array([weak, *quality, strong]))


def test_the_oracle_of_gsm8k_has_the_published_figures() -> None:
    """r_w, r_s, CPT50, CPT80, best accuracy and APGR of RouteLLM's own table."""
    curve = frontier.oracle_curve(*gsm8k())
    assert curve.weak == pytest.approx(0.638362, abs=5e-7)
    assert curve.strong == pytest.approx(0.856710, abs=5e-7)
    assert frontier.call_share(curve, 0.5) == pytest.approx(0.109174, abs=5e-7)
    assert frontier.call_share(curve, 0.8) == pytest.approx(0.174678, abs=5e-7)
    assert curve.quality.max() == pytest.approx(0.928734, abs=5e-7)
    assert frontier.average_gap_recovered(curve) == pytest.approx(1.124905, abs=5e-7)


def test_drawing_lots_recovers_half() -> None:
    """A random router has APGR 0.5 and CPT(50 %) 0.5 exactly, with or without points on its line."""
    bare = deferral_curve([], [], weak=0.25, strong=0.75)
    dotted = deferral_curve([0.25, 0.75], [0.375, 0.625], weak=0.25, strong=0.75)
    for curve in (bare, dotted):
        assert frontier.average_gap_recovered(curve) == 0.5
        assert frontier.call_share(curve, 0.5) == 0.5
        assert curve.area_above_random == 0.0


def test_equal_scores_are_drawing_lots() -> None:
    """A score that tells nothing apart gives the random line, whatever the order of the rows."""
    weak, strong = gsm8k()
    curve = frontier.curve_of_scores(np.zeros(weak.size), weak, strong)
    assert frontier.average_gap_recovered(curve) == pytest.approx(0.5, abs=1e-12)
    assert frontier.oracle_share(curve, frontier.oracle_curve(weak, strong)) == pytest.approx(0.0, abs=1e-12)


def test_a_falling_curve_is_reached_where_it_first_crosses() -> None:
    """Interpolation needs rising quality; a curve that rises, falls and rises again is crossed on its first rise."""
    curve = deferral_curve([0.2, 0.5], [0.8, 0.3], weak=0.0, strong=1.0)
    assert frontier.call_share(curve, 0.4) == pytest.approx(0.1)
    assert frontier.call_share(curve, 0.9) == pytest.approx(0.5 + 0.5 * 0.6 / 0.7)


def test_no_gap_is_no_figure() -> None:
    """Two equally good models have no gap to recover; a level outside 0 to 1 is refused."""
    with pytest.raises(ZeroDivisionError, match="no gap"):
        frontier.average_gap_recovered(deferral_curve([], [], weak=0.5, strong=0.5))
    with pytest.raises(ValueError, match="0 to 1"):
        frontier.call_share(deferral_curve([], [], weak=0.0, strong=1.0), 50)


@pytest.mark.parametrize(
    ("costs", "quality", "paper", "code"),
    [
        pytest.param([1, 2, 4], [0.5, 0.7, 0.8], 0.70, 2.1 / 4, id="all on the hull"),
        pytest.param([1, 2, 4], [0.5, 0.55, 0.8], 0.65, 1.95 / 4, id="the middle below the hull"),
        pytest.param([4, 1, 2], [0.6, 0.5, 0.7], (0.6 + 1.4) / 3, 2.0 / 4, id="the dearest is no better"),
    ],
)
def test_aiq(costs: list[float], quality: list[float], paper: float, code: float) -> None:
    """The paper divides by the range of costs, RouterBench's code by the dearest cost."""
    assert frontier.aiq(costs, quality) == pytest.approx(paper, abs=1e-12)
    assert frontier.aiq_over_dearest(costs, quality) == pytest.approx(code, abs=1e-12)


def test_aiq_over_the_dearest_of_all() -> None:
    """A router that stops early is drawn out level to the dearest of those it is compared with."""
    assert frontier.aiq_over_dearest([1, 2], [0.5, 0.7], dearest=4) == pytest.approx((0.6 + 1.4) / 4)
    with pytest.raises(ValueError, match="dearest"):
        frontier.aiq_over_dearest([1, 2], [0.5, 0.7], dearest=1)


def test_one_cost_has_no_range() -> None:
    """AIQ averages over costs; a single cost has nothing to average over."""
    with pytest.raises(ValueError, match="differ in cost"):
        frontier.aiq([1, 1], [0.2, 0.9])


points = st.lists(
    st.tuples(st.floats(0.0, 100.0, allow_subnormal=False), st.floats(0.0, 1.0, allow_subnormal=False)),
    min_size=1,
    max_size=12,
)


@given(points)
def test_the_hull_lies_above_every_point(drawn: list[tuple[float, float]]) -> None:
    """No point beats the hull at its cost, corners are points, and both coordinates increase."""
    costs, quality = np.array(drawn).T
    x, y = frontier.hull(costs, quality)
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) > 0).all()
    assert {(a, b) for a, b in zip(x, y, strict=True)} <= set(drawn)
    assert (np.interp(costs, x, y) >= quality - 1e-9).all()


def test_the_share_of_possible_savings() -> None:
    """Strong alone 100, oracle 20, policy 40: three quarters; the band runs from 70 to 80 %."""
    share = frontier.possible_saving_share(dearest_usd=100, policy_usd=40, oracle_usd=20)
    assert share == pytest.approx(0.75)
    assert [frontier.savings_band(s) for s in (0.69, share, 0.81)] == ["below", "inside", "above"]
    with pytest.raises(ZeroDivisionError, match="no saving"):
        frontier.possible_saving_share(dearest_usd=1, policy_usd=1, oracle_usd=1)
