"""Money on cubes made by hand and at random: lines add up, algebra is exact, and nothing is hidden in an interval."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadowroute.analysis.cost_cube import CostCube, Dollars, Factors, Line
from shadowroute.analysis.measures.break_even import break_even, break_even_of
from shadowroute.analysis.measures.change import change_of
from shadowroute.analysis.measures.concentration import Concentration, Tail, concentration_of, design_effect, heavy_tail
from shadowroute.analysis.measures.cost import Samples, cost_of
from shadowroute.analysis.measures.ledger import Ledger, ledger_of
from shadowroute.analysis.measures.ledger_lines import Costs
from shadowroute.analysis.measures.length import SAME_TOKENS, Lengths
from shadowroute.analysis.measures.stress import Stress, break_even_factors, stressed
from shadowroute.analysis.queries.money import RequestSizes
from shadowroute.analysis.queries.pairs import PairSums, pair_sums
from shadowroute.analysis.results import Estimate, Interval, Measured, Range, Undefined, scaled
from shadowroute.analysis.stats import concentration as tails
from shadowroute.analysis.stats.concentration import Sizes
from shadowroute.analysis.stats.length import LengthSums
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums

LIVE = Line("big", "small", "live", "primary", "big")
RETRY = Line("big", "small", "live", "retry", "big")
FIRST = Line("big", "small", "shadow", "primary", "small")
AGAIN = Line("big", "small", "shadow", "escalation", "big")
MAYBE = Line("big", "small", "shadow", "escalation_unknown", "big")
SPARED = Line("big", "small", "shadow", "escalation_avoided", "big")
FELL_BACK = Line("big", "small", "live", "fallback", "other", True)

usd = st.floats(0.01, 100.0)


def many() -> float:
    return 200.0


def cell(
    read: float = 0.0, cached: float = 0.0, lost: float = 0.0, written: float = 0.0, weight: float = 10.0
) -> Dollars:
    """Ten requests per bucket, with a spread between buckets that depends on the bucket alone."""
    spread = 1 + 0.5 * np.sin(np.arange(BUCKETS))
    return Dollars(
        n=int(weight) * BUCKETS,
        unpriced_n=0,
        weight=np.full(BUCKETS, weight),
        input_usd=read * spread,
        cache_usd=cached * spread,
        cold_usd=(cached + lost) * np.roll(spread, 3),
        output_usd=written * np.roll(spread, 7),
    )


def make_cube(**changed: Dollars) -> CostCube:
    cells = {
        LIVE: cell(read=5.0, cached=1.0, written=8.0),
        RETRY: cell(read=0.3, weight=1.0),
        FIRST: cell(read=0.5, cached=0.1, lost=0.4, written=1.0),
        AGAIN: cell(read=0.8, cached=0.2, written=1.0, weight=1.0),
        FELL_BACK: cell(read=3.0, weight=1.0),
    }
    return CostCube(book="b", cells={**cells, **{globals()[name]: dollars for name, dollars in changed.items()}})


def pairs(**changed: float) -> PairSums:
    row: dict[str, Any] = dict.fromkeys(
        ("by_model", "by_tier", "by_steps", "failed", "known", "paid_twice", "possible"), 0.0
    )
    row |= {"n": 10, "weight": 11.0, "planned": 11.0, "compared": 10.0, "clean": 10.0, "cascade": 10.0} | changed
    return pair_sums([{"bucket": bucket} | row for bucket in range(BUCKETS)])


def rate(value: float, half: float = 0.05) -> Estimate:
    return Estimate(
        value=value,
        interval=Interval(value - half, value + half),
        n=300,
        clusters=200,
        effective_clusters=180.0,
        unit="share",
        method="test",
    )


def twice_as_long(noise: float = 0.3) -> Lengths:
    """`small` writes 1.5 times as much as `big`; how exactly that is known depends on the noise."""
    own = np.full(BUCKETS, 100.0)
    ratio = RatioSums(
        numerator=own * (1.5 + noise * np.where(np.arange(BUCKETS) % 2, 1, -1)), denominator=own, n=BUCKETS
    )
    read = RatioSums(numerator=own * 1.1, denominator=own, n=BUCKETS)
    return Lengths(fitted={("big", "small"): LengthSums(output=ratio, input=read)})


def value(measured: Measured) -> float:
    assert isinstance(measured, Estimate), measured
    return measured.value


def ends(measured: Measured) -> tuple[float, float]:
    if isinstance(measured, Range):
        return measured.low, measured.high
    return value(measured), value(measured)


def width(measured: Measured) -> float:
    assert isinstance(measured, Estimate | Range)
    assert measured.interval is not None
    return measured.interval.high - measured.interval.low


# The cube


def test_cubes_of_disjoint_requests_add() -> None:
    """Twice the cube has twice the dollars and requests and the same relative change; another book is refused."""
    one, both = make_cube(), make_cube() + make_cube()
    assert both.n == 2 * one.n
    np.testing.assert_allclose(both.usd(), 2 * one.usd())
    ours, theirs = (value(change_of(cube, SAME_TOKENS, None).relative(many)) for cube in (one, both))
    assert ours == pytest.approx(theirs, rel=1e-12)
    with pytest.raises(ValueError, match="one price book"):
        _ = one + CostCube(book="other")


def test_contaminated_and_avoided_lines_cost_nothing_in_a_change() -> None:
    """A fallback and a refused check that did not happen change neither side."""
    plain = change_of(make_cube(), SAME_TOKENS, None)
    more = change_of(make_cube(SPARED=cell(read=99.0), FELL_BACK=cell(read=99.0)), SAME_TOKENS, None)
    np.testing.assert_array_equal(plain.live, more.live)
    np.testing.assert_array_equal(plain.predictions[0].usd, more.predictions[0].usd)


@given(factor=st.floats(0.1, 10.0))
@settings(max_examples=25, deadline=None)
def test_all_prices_times_k_leave_the_relative_change(factor: float) -> None:
    """Dollars scale, shares do not (metamorphic)."""
    ours = change_of(make_cube(), SAME_TOKENS, None)
    dearer = change_of(make_cube().scaled(lambda _: Factors(price=factor)), SAME_TOKENS, None)
    assert value(dearer.relative(many)) == pytest.approx(value(ours.relative(many)), rel=1e-9)
    assert value(dearer.per_request(many)) == pytest.approx(factor * value(ours.per_request(many)), rel=1e-9)


# Length and escalation in a change of cost


def test_a_fitted_length_moves_the_estimate_and_widens_it() -> None:
    """1.5 times the output and 1.1 times the input of `small`, with the fit's error in the interval."""
    found = cost_of(make_cube(), pairs(), clusters=many, lengths=twice_as_long())
    same = cost_of(make_cube(), pairs(), clusters=many)
    sums = make_cube().clean.sums()
    longer = 1.1 * make_cube().cells[FIRST].read_usd() + 1.5 * make_cube().cells[FIRST].output_usd
    shadow = float((longer + make_cube().cells[AGAIN].usd()).sum())
    live = float(sums.live.numerator.sum())
    assert value(found.relative) == pytest.approx(shadow / live - 1, rel=1e-9)
    assert value(found.same_tokens_relative) == value(same.relative)
    exact = cost_of(make_cube(), pairs(), clusters=many, lengths=twice_as_long(0.0))
    assert width(found.relative) > width(exact.relative)
    assert width(found.per_request_usd) > width(exact.per_request_usd)
    assert found.length_range == found.relative


def test_without_a_fit_the_bounds_are_said() -> None:
    """The same tokens stand in the estimate; 0.4 and 2.5 times the output of the other model bound it."""
    found = cost_of(make_cube(), pairs(), clusters=many)
    bounds = found.length_range
    assert isinstance(bounds, Range)
    live = float(make_cube().clean.sums().live.numerator.sum())
    written = float(make_cube().cells[FIRST].output_usd.sum())
    middle = value(found.relative)
    assert (bounds.low, bounds.high) == (
        pytest.approx(middle - 0.6 * written / live),
        pytest.approx(middle + 1.5 * written / live),
    )
    assert "how much the other models write" in bounds.why


def test_an_executed_rate_turns_the_range_into_an_estimate() -> None:
    """Unseen escalations at 30 %: between the ends, with the error of the rate; a range of rates stays a range."""
    cube = make_cube(MAYBE=cell(read=4.0, written=6.0))
    unknown = cost_of(cube, pairs(), clusters=many).relative
    assert isinstance(unknown, Range)
    known = cost_of(cube, pairs(), clusters=many, escalation=rate(0.3)).relative
    assert value(known) == pytest.approx(unknown.low + 0.3 * (unknown.high - unknown.low))
    assert width(known) > width(cost_of(cube, pairs(), clusters=many, escalation=rate(0.3, 1e-9)).relative)
    refused = cost_of(cube, pairs(), clusters=many, escalation=Undefined(reason="too few")).relative
    assert refused == unknown


@pytest.mark.parametrize("level", [0.9, 0.99])
def test_a_level_is_the_interval_s_level(level: float) -> None:
    """Every interval of a change says and has the level that was asked for."""
    ordinary = cost_of(make_cube(), pairs(), clusters=many, lengths=twice_as_long())
    asked = cost_of(make_cube(), pairs(), clusters=many, lengths=twice_as_long(), level=level)
    for name in ("relative", "per_request_usd", "warm_relative", "same_tokens_relative"):
        ours, theirs = getattr(asked, name), getattr(ordinary, name)
        assert ours.interval.level == level
        assert (width(ours) > width(theirs)) == (level > 0.95)


# Ledger


def book_of(cube: CostCube, samples: Samples | None = None, **changed: Any) -> Ledger:
    given_: dict[str, Any] = {"requests": 11.0 * BUCKETS, "days": 14, "clusters": many} | changed
    return ledger_of(cube, samples or Samples(), **given_)


CASES = {
    "plain": (make_cube(), Samples()),
    "fitted": (make_cube(), Samples(lengths=twice_as_long())),
    "unseen": (make_cube(MAYBE=cell(read=4.0, written=6.0)), Samples()),
    "executed": (
        make_cube(MAYBE=cell(read=4.0, written=6.0)),
        Samples(lengths=twice_as_long(), escalation=rate(0.3), executed=300, spend_usd=12.5),
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bad_answer_usd", [None, 0.02])
def test_lines_add_up_to_the_net(case: str, bad_answer_usd: float | None) -> None:
    """Exactly, end by end where something is a range; the interval of the net is narrower than the sum of intervals."""
    cube, samples = CASES[case]
    costs = Costs(router_usd_per_decision=0.0005, running_usd_per_month=40.0, bad_answer_usd=bad_answer_usd)
    found = book_of(cube, samples, costs=costs, quality_change=replace(rate(-0.02, 0.01), unit="score"))
    low, high = (sum(ends(line.usd_per_month)[end] for line in found.lines) for end in (0, 1))
    assert ends(found.net) == (pytest.approx(low, rel=1e-9), pytest.approx(high, rel=1e-9))
    assert width(found.net) <= sum(width(line.usd_per_month) for line in found.lines) * (1 + 1e-9)
    assert [line.key for line in found.lines][:4] == ["provider", "length", "cache", "escalation"]
    assert (found.lines[-1].key == "bad_answers") == (bad_answer_usd is not None)


def test_amounts_of_the_lines() -> None:
    """A month is 365.25 / 12 days; a bad answer costs, a cold cache costs, and retries stay."""
    costs = Costs(router_usd_per_decision=0.001, running_usd_per_month=90.0, bad_answer_usd=2.0)
    samples = Samples(executed=10, spend_usd=7.0, unknown_spend=2)
    found = book_of(make_cube(), samples, costs=costs, quality_change=replace(rate(-0.01), unit="score"))
    months = 14 / (365.25 / 12)
    lines = {line.key: line for line in found.lines}
    cube = make_cube()
    assert value(lines["provider"].usd_per_month) == pytest.approx(
        float(cube.cells[FIRST].usd("served").sum() - cube.cells[LIVE].usd().sum()) / months
    )
    assert value(lines["cache"].usd_per_month) == pytest.approx(
        float((cube.cells[FIRST].cold_usd - cube.cells[FIRST].cache_usd).sum()) / months
    )
    assert value(lines["escalation"].usd_per_month) == pytest.approx(float(cube.cells[AGAIN].usd().sum()) / months)
    assert value(lines["router"].usd_per_month) == pytest.approx(0.001 * 11 * BUCKETS / months + 90)
    assert value(lines["evaluation"].usd_per_month) == pytest.approx(7 / months)
    assert value(lines["bad_answers"].usd_per_month) == pytest.approx(0.01 * 2.0 * 11 * BUCKETS / months)
    assert value(lines["retries"].usd_per_month) == 0
    repeated = float((cube.cells[RETRY].usd() + cube.cells[FELL_BACK].usd()).sum()) / months
    assert f"${repeated:,.2f} a month" in lines["retries"].source
    assert (lines["length"].is_assumed, "same tokens assumed" in lines["length"].source) == (True, True)
    assert "2 of them without a known cost" in lines["evaluation"].source
    assert found.requests_per_month == pytest.approx(11 * BUCKETS / months)


def test_an_unknown_price_of_bad_answers_leaves_the_net_unknown() -> None:
    """It is asked for and cannot be said; what is known without it is said beside it."""
    found = book_of(make_cube(), costs=Costs(bad_answer_usd=2.0))
    assert isinstance(found.net, Undefined)
    assert "executions" in found.net.next_step
    assert value(found.before_bad_answers) == pytest.approx(value(book_of(make_cube()).net))


def test_nothing_and_no_price_give_reasons() -> None:
    """An empty cube and an unpriced model have no net; nothing is floored or 0."""
    assert isinstance(book_of(CostCube(book="b"), requests=0.0, days=0).net, Undefined)
    unpriced = make_cube(FIRST=replace(cell(read=1.0), unpriced_n=3))
    found = book_of(unpriced)
    assert isinstance(found.net, Undefined)
    assert "small" in found.net.reason
    dear = book_of(make_cube(FIRST=cell(read=30.0)))
    assert value(dear.net) > 0


# Stress


@given(live=usd, first=usd, written=usd, again=usd)
@settings(max_examples=40, deadline=None)
def test_break_even_factors_bring_the_change_to_zero(live: float, first: float, written: float, again: float) -> None:
    """Put in, each factor makes both sides cost the same; where none exists none is given."""
    cube = make_cube(LIVE=cell(read=live), FIRST=cell(read=first, written=written), AGAIN=cell(read=again, weight=1.0))
    for found in break_even_factors(cube, Samples()):
        if isinstance(found.factor, Undefined):
            assert found.text == "never"
            continue
        stress = Stress(prices={found.what: found.factor}) if found.is_price else Stress(length=found.factor)
        change = change_of(cube.scaled(stress.factors), SAME_TOKENS, None)
        gap = float((change.predictions[0].usd - change.live).sum())
        assert gap == pytest.approx(0.0, abs=1e-9 * float(change.live.sum() + change.predictions[0].usd.sum()))


def test_stress_by_hand() -> None:
    """`small` costs 3 against 12: gone when it costs four times as much; longer answers move its output alone."""
    flat = replace(cell(), output_usd=np.full(BUCKETS, 12.0))
    small = replace(cell(), output_usd=np.full(BUCKETS, 2.0), input_usd=np.full(BUCKETS, 1.0))
    cube = CostCube(book="b", cells={LIVE: flat, FIRST: small})
    found = {one.what: one for one in break_even_factors(cube, Samples())}
    assert (found["small"].factor, found["small"].text) == (pytest.approx(4.0), "gone at +300 %")
    assert (found["big"].factor, found["big"].text) == (pytest.approx(0.25), "gone at -75 %")
    assert found["length"].factor == pytest.approx(5.5)
    assert value(stressed(cube, Stress(prices={"small": 2.0}), Samples(), clusters=many)) == pytest.approx(-0.5)
    assert value(stressed(cube, Stress(length=2.0), Samples(), clusters=many)) == pytest.approx(-7 / 12)


# Break-even of escalations


@given(first=st.floats(0.01, 5.0), router=st.floats(0.0, 0.5), large=st.floats(5.0, 50.0))
@settings(max_examples=40, deadline=None)
def test_the_rate_is_the_closed_form(first: float, router: float, large: float) -> None:
    """p* = 1 - (c_s + c_v + c_r) / c_L on a pure cascade, and at p* the cascade costs what live does."""
    cube = CostCube(book="b", cells={LIVE: cell(read=large), FIRST: cell(read=first), MAYBE: cell(read=large)})
    requests = 10.0
    found = break_even_of(cube, pairs(), Samples(), clusters=many, router_usd_per_decision=router / requests)
    mean = float(cell(read=1.0).usd().mean())
    expected = break_even(first * mean, 0.0, router, large * mean)
    assert value(found.rate) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    at = change_of(cube, SAME_TOKENS, rate(expected))
    overhead = router * BUCKETS
    assert float(at.predictions[0].usd.sum()) + overhead == pytest.approx(float(at.live.sum()), rel=1e-9)


def test_distance_and_waste() -> None:
    """Executed at 30 % +- 5 points against a break-even of 90 %: 55 points away; 30 % of first answers are wasted."""
    cube = CostCube(book="b", cells={LIVE: cell(read=10.0), FIRST: cell(read=1.0), MAYBE: cell(read=10.0)})
    found = break_even_of(cube, pairs(possible=10.0), Samples(escalation=rate(0.3)), clusters=many)
    assert value(found.escalation) == pytest.approx(0.3)
    assert found.distance == pytest.approx(0.9 - 0.35)
    assert value(found.wasted_usd) == pytest.approx(0.3 * float(cell(read=1.0).usd().sum()))
    unseen = break_even_of(cube, pairs(possible=10.0), Samples(), clusters=many)
    assert isinstance(unseen.wasted_usd, Range)
    assert ends(unseen.wasted_usd) == (0, pytest.approx(float(cell(read=1.0).usd().sum())))
    assert unseen.distance is not None
    assert unseen.distance < 0
    none = break_even_of(
        CostCube(book="b", cells={LIVE: cell(read=1.0), FIRST: cell(read=1.0)}), pairs(), Samples(), clusters=many
    )
    assert isinstance(none.rate, Undefined)
    assert none.distance is None


def test_avoided_escalations_count_in_the_break_even() -> None:
    """Half seen to pass, half seen to fail: the rate is over the dollars of all of them."""
    half = cell(read=5.0)
    cube = CostCube(book="b", cells={LIVE: cell(read=10.0), FIRST: cell(read=1.0), AGAIN: half, SPARED: half})
    assert value(break_even_of(cube, pairs(), Samples(), clusters=many).rate) == pytest.approx(0.9)


# Concentration


@pytest.mark.parametrize("shape", [1.5, 3.0])
def test_pareto_tails_have_their_closed_form(shape: float) -> None:
    """Top share q^(1 - 1/a), Gini 1 / (2a - 1), quantiles (1 - p)^(-1/a), on evenly spaced quantiles."""
    n = 400_000
    sizes = Sizes.binned((1 - (np.arange(n) + 0.5) / n) ** (-1 / shape))
    missing = 0.02 if shape < 2 else 0.005  # of the mean of a heavy tail, beyond the last of n quantiles
    assert tails.top_share(sizes, 0.01) == pytest.approx(0.01 ** (1 - 1 / shape), rel=2 * missing + 0.01)
    assert tails.top_share(sizes, 0.1) == pytest.approx(0.1 ** (1 - 1 / shape), rel=missing + 0.01)
    assert tails.gini(sizes) == pytest.approx(1 / (2 * shape - 1), rel=missing + 0.005)
    for share in (0.5, 0.9, 0.99):
        assert tails.quantile(sizes, share) == pytest.approx((1 - share) ** (-1 / shape), rel=0.011)


def test_equal_requests_are_not_concentrated() -> None:
    """Everybody has the same: the top 1 % has 1 %, Gini 0, no skewness; all in one has it all."""
    equal = Sizes.binned(np.full(1000, 0.25))
    assert tails.top_share(equal, 0.01) == pytest.approx(0.01)
    assert tails.gini(equal) == pytest.approx(0.0, abs=1e-12)
    assert tails.skewness(equal) is None
    one = Sizes.binned([0.0] * 999 + [-3.0])
    assert tails.top_share(one, 0.01) == 1
    assert tails.gini(one) == pytest.approx(0.999)
    assert (tails.quantile(one, 0.5), one.largest) == (0.0, 3.0)


@given(values=st.lists(st.floats(-50, 50).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=3, max_size=60))
@settings(max_examples=60, deadline=None)
def test_shares_and_moments_agree_with_plain_sums(values: list[float]) -> None:
    """Whole bins: top share and Gini by sorting, skewness from moments about the mean."""
    x = np.array(values)
    sizes, ordered = Sizes.binned(x), np.sort(np.abs(x))
    if not ordered.sum():
        return
    lorenz = np.concatenate([[0.0], np.cumsum(ordered) / ordered.sum()])
    exact = 1 - float((lorenz[1:] + lorenz[:-1]).mean())
    assert tails.gini(sizes) == pytest.approx(exact, abs=0.01)
    assert tails.top_share(sizes, 1.0) == pytest.approx(1.0)
    centred = x - x.mean()
    deviation = math.sqrt(float((centred**2).mean()))
    found = tails.skewness(sizes)
    if found is not None and deviation > 1e-3 * float(np.abs(x).max()):
        assert found == pytest.approx(float((centred**3).mean()) / deviation**3, rel=1e-5, abs=1e-5)


def test_a_heavy_tail_is_said() -> None:
    """More than 30 % in the top 1 %, or fewer than 355 skew^2 requests; by buckets where requests are unknown."""
    tail = Tail(
        total_usd=1.0,
        top_1_share=0.1,
        top_10_share=0.4,
        gini=0.5,
        p50_usd=0.1,
        p90_usd=0.2,
        p99_usd=0.5,
        max_usd=1.0,
        skewness=3.0,
    )
    seen = Concentration(cost=tail, change=tail, n=10_000, unpriced_n=0, design_effect=None, why_not="")
    assert heavy_tail(None, seen) == ""
    assert "3,195 needed" in (heavy_tail(None, replace(seen, n=3000)) or "")
    assert "hold 40 % of the change" in (heavy_tail(None, replace(seen, change=replace(tail, top_1_share=0.4))) or "")
    even = RatioSums(numerator=np.sin(np.arange(BUCKETS)), denominator=np.full(BUCKETS, 10.0), n=2560)
    spiked = replace(even, numerator=np.where(np.arange(BUCKETS) == 7, 50.0, even.numerator))
    assert heavy_tail(even) == ""
    assert "skewness" in (heavy_tail(spiked) or "")
    assert heavy_tail(None) is None


def test_design_effect_of_clusters() -> None:
    """Buckets that agree within and differ between: the effect is their size; no difference, no effect."""
    moved: Floats = np.where(np.arange(BUCKETS) % 2, 10.0, 0.0)
    sums = RatioSums(numerator=moved, denominator=np.full(BUCKETS, 10.0), n=10 * BUCKETS)
    assert design_effect(sums) == pytest.approx(10.0, rel=0.01)
    assert design_effect(replace(sums, numerator=np.full(BUCKETS, 5.0))) is None
    nothing = RequestSizes(cost=None, change=None, n=0, unpriced_n=4)
    empty = concentration_of(nothing, diverging=sums)
    assert (empty.cost, empty.change, empty.unpriced_n) == (None, None, 4)
    assert empty.why_not


def test_scaled_turns_ends_around_and_moves_them() -> None:
    """A negative factor exchanges the ends, of a value's interval and of a range's."""
    assert scaled(rate(0.3), factor=-2.0, shift=1.0, unit="usd") == replace(
        rate(0.3), value=1 - 0.6, interval=Interval(1 - 0.7, 1 - 0.5), unit="usd"
    )
    bounds = Range(low=0.1, high=0.4, n=1, unit="share", why="unseen", interval=Interval(0.0, 0.5))
    assert scaled(bounds, factor=-1.0) == replace(bounds, low=-0.4, high=-0.1, interval=Interval(-0.5, 0.0))
    assert isinstance(scaled(Undefined(reason="none")), Undefined)
