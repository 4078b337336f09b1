"""What a shadow finds in caches that its own calls fill: rates of live's calls, their error, and what stays unknown."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from shadowroute.analysis.cost_cube import Caches, CostCube, Dollars, Factors, Line
from shadowroute.analysis.measures.caches import LiveRates, cache_fit_of, with_own_caches
from shadowroute.analysis.measures.change import change_of
from shadowroute.analysis.measures.length import SAME_TOKENS
from shadowroute.analysis.queries.caches import CacheCell, CacheCells, LiveCalls
from shadowroute.analysis.results import Estimate, Range
from shadowroute.analysis.stats.ratio import influence, with_moved
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums
from tests.support.cached_sessions import CHEAP, DEAR, Week, everything, hopping, turns, week

RNG = np.random.default_rng(3)
SIZE = RNG.lognormal(0, 0.6, BUCKETS)
INPUT_USD = 10.0
"""Of a million tokens; read from a cache they cost 1, written into it 12."""


def each(value: float) -> Floats:
    """The same in every bucket."""
    return np.full(BUCKETS, value)


def calls(*, read: float, reach: float = 0.0, start: float = 0.0, n: float = 1.0, write: float = 0.0) -> LiveCalls:
    """Calls of live with 10,000 tokens in every bucket; shares of them."""
    tokens = 10_000.0 * SIZE
    return LiveCalls(
        n=each(n), input=tokens, reach=reach * tokens, start=start * tokens, read=read * tokens, write=write * tokens
    )


def cell(*, reach: float = 0.0, start: float = 0.0, known_usd: float = 0.0, writes: bool = False) -> CacheCell:
    """Calls of the shadow with a million tokens in every bucket, shares of them within reach and in first prompts."""
    saved, added = each(INPUT_USD - 1), each(2.0 if writes else 0.0)
    return CacheCell(
        tokens=each(1e6),
        prompt_read_usd=saved,
        start_read_usd=start * saved,
        reach_read_usd=reach * saved,
        prompt_write_usd=added,
        start_write_usd=start * added,
        reach_write_usd=reach * added,
        known_usd=each(known_usd),
    )


def dollars(*, cached_usd: float, cold_usd: float) -> Dollars:
    """A million tokens read in every bucket, of which a half was cached as served."""
    return Dollars(
        n=BUCKETS,
        unpriced_n=0,
        weight=each(1.0),
        input_usd=each(5.0),
        cache_usd=each(cached_usd),
        cold_usd=each(cold_usd),
        output_usd=each(3.0),
    )


MOVED = Line("big", "small", "shadow", "primary", "small")
KEPT = Line("big", "big", "shadow", "primary", "big")
PAID = Line("big", "small", "live", "primary", "big")
CUBE = CostCube(
    book="b", cells={MOVED: dollars(cached_usd=0.5, cold_usd=5.0), PAID: dollars(cached_usd=0.5, cold_usd=0.5)}
)
RATES: dict[tuple[str, str, str], LiveCalls] = {
    ("small", "first", "t"): calls(read=0.2, start=0.4),
    ("small", "minute", "t"): calls(read=0.6, reach=0.75),
    ("small", "hour", "t"): calls(read=0.15, reach=0.75),
}


def own(states: dict[Any, CacheCell], rates: dict[tuple[str, str, str], LiveCalls] = RATES) -> CostCube:
    return with_own_caches(CUBE, {MOVED: states}, LiveRates(rates))


def read_usd(cube: CostCube, caches: Any = "own") -> float:
    """Input of the shadow in one bucket."""
    return float(cube.cells[MOVED].read_usd(caches)[7])


def test_a_turn_reads_what_live_reads_after_a_like_pause() -> None:
    """Rates .6 / .75 = .8 of what is within reach, .2 / .4 = .5 of a first prompt; the larger one counts."""
    assert read_usd(own({("minute", "t"): cell(reach=0.5, start=0.3)})) == pytest.approx(10 - 0.8 * 0.5 * 9)
    assert read_usd(own({("first", "t"): cell(start=0.3)})) == pytest.approx(10 - 0.5 * 0.3 * 9)
    assert read_usd(own({("hour", "t"): cell(reach=0.5, start=0.3)})) == pytest.approx(10 - 0.5 * 0.3 * 9)
    assert read_usd(own({("hour", "t"): cell(reach=0.5, start=0.1)})) == pytest.approx(10 - 0.2 * 0.5 * 9)
    assert read_usd(own({("short", "t"): cell(reach=0.5, start=0.3)})) == pytest.approx(10)


def test_what_is_not_read_is_written_where_writes_are_billed() -> None:
    """Live writes .3 of the .4 that it does not read: three quarters of the rest, at 2 dollars more."""
    rates = RATES | {("small", "minute", "t"): calls(read=0.6, reach=0.75, write=0.3)}
    found = own({("minute", "t"): cell(reach=0.5, start=0.3, writes=True)}, rates)
    assert read_usd(found) == pytest.approx(10 - 0.4 * 9 + 0.75 * 0.6 * 2)
    assert read_usd(found, "none_read") == pytest.approx(10 + 0.75 * 2)
    assert read_usd(found, "all_read") == pytest.approx(10 - 0.5 * 9 + 0.75 * 0.5 * 2)


def test_the_same_calls_cost_what_they_cost_live() -> None:
    """The A/A shadow: as logged after the same last turns, so nothing changes, by no cent and without an error."""
    cells = {KEPT: dollars(cached_usd=0.5, cold_usd=5.0), replace(PAID, shadow_model="big"): CUBE.cells[PAID]}
    states: CacheCells = {KEPT: {("logged", "t"): cell(known_usd=0.5 - 5.0)}}
    found = with_own_caches(CostCube(book="b", cells=cells), states, LiveRates(RATES))
    assert not found.moved.any()
    ends: tuple[tuple[Caches, Caches], ...] = (("own_low", "own"), ("all_read", "none_read"))
    for caches in ends:
        change = change_of(found, SAME_TOKENS, None, caches=caches).relative(lambda: 1_000.0)
        assert isinstance(change, Estimate)
        assert change.value == 0.0


def test_with_nothing_read_it_is_the_cold_start() -> None:
    """Live calls the model and never reads from its cache: the same dollars as without caches."""
    nothing = {key: replace(each, read=each.read * 0) for key, each in RATES.items()}
    nothing["big", "minute", "t"] = calls(read=0.5, reach=0.6)
    found = own({("minute", "t"): cell(reach=0.5, start=0.3), ("first", "t"): cell(start=0.1)}, nothing)
    assert np.allclose(found.usd(), CUBE.usd("cold"))
    assert np.allclose(own({("minute", "t"): cell(reach=0.5)}).cells[MOVED].usd("none_read"), CUBE.cells[MOVED].usd())


def test_a_log_without_cached_tokens_knows_no_caches() -> None:
    """Nobody reports them, or nobody uses them: the cube stays as it is."""
    nothing = {key: replace(each, read=each.read * 0) for key, each in RATES.items()}
    assert own({("minute", "t"): cell(reach=0.5)}, nothing) is CUBE
    assert not cache_fit_of({}, LiveRates(nothing)).is_reported


@pytest.mark.parametrize(("n", "buckets", "counts"), [(30, 10, True), (29, 29, False), (40, 9, False)])
def test_a_rate_counts_from_30_calls_in_10_buckets(n: int, buckets: int, counts: bool) -> None:
    """Below, it lies between those of its neighbours: at most .8 as after a minute, at least .2 as after an hour."""
    few = calls(read=0.4, reach=0.8)
    rows = np.zeros(BUCKETS)
    rows[:buckets] = n / buckets
    rows[0] += n - rows.astype(int).sum()
    rates = RATES | {("small", "five_minutes", "t"): replace(few, n=rows.astype(int).astype(float))}
    found = own({("five_minutes", "t"): cell(reach=0.5)}, rates)
    low, high = read_usd(found, "own_low"), read_usd(found)
    expected = (0.5, 0.5) if counts else (0.8, 0.2)
    assert (low, high) == pytest.approx(tuple(10 - rate * 0.5 * 9 for rate in expected))


def test_a_model_that_live_never_called_leaves_a_range() -> None:
    """From all within reach to nothing; nobody knows, and no amount of traffic tells."""
    rates = {("big", "minute", "t"): calls(read=0.6, reach=0.75), ("big", "first", "t"): calls(read=0.2, start=0.4)}
    found = own({("minute", "t"): cell(reach=0.5), ("first", "t"): cell(start=0.1)}, rates)
    change = change_of(found, SAME_TOKENS, None).relative(lambda: 1_000.0)
    assert isinstance(change, Range)
    assert change.why == "nothing tells what the caches hold of small"
    least, most = 13 - 0.5 * 9 - 0.5 * 0.1 * 9, 13.0
    assert (change.low, change.high) == pytest.approx((least / 8.5 - 1, most / 8.5 - 1))
    fit = cache_fit_of({MOVED: {("minute", "t"): cell(reach=0.5)}}, LiveRates(rates))
    assert (fit.untold_share, fit.logged_share) == (1.0, 0.0)


def test_without_a_session_the_whole_prompt_may_be_read() -> None:
    """Nothing tells which turn came before, so nothing bounds what a cache held."""
    found = own({("untold", "t"): cell()})
    assert (read_usd(found, "own_low"), read_usd(found)) == pytest.approx((10 - 9, 10))


def test_what_hardly_matters_is_no_range() -> None:
    """A thousandth of what live costs; then nothing of it is read."""
    small = {("untold", "t"): cell()}
    shrunk = {key: replace(c, prompt_read_usd=c.prompt_read_usd * 9e-4) for key, c in small.items()}
    assert read_usd(own(shrunk), "own_low") == read_usd(own(shrunk)) == pytest.approx(10)


def test_a_task_has_rates_of_its_own() -> None:
    """Where live called too little of it, those of all tasks serve; a first prompt is as shared as elsewhere."""
    rates = RATES | {
        ("small", "minute", "u"): calls(read=0.3, reach=0.75),
        ("big", "first", "u"): calls(read=0.0, start=0.4),
    }
    assert read_usd(own({("minute", "u"): cell(reach=0.5)}, rates)) == pytest.approx(10 - 0.4 * 0.5 * 9)
    assert read_usd(own({("minute", "v"): cell(reach=0.5)}, rates)) == pytest.approx(10 - 0.6 * 0.5 * 9)
    assert read_usd(own({("minute", None): cell(reach=0.5)}, rates)) == pytest.approx(10 - 0.6 * 0.5 * 9)
    assert read_usd(own({("first", "u"): cell(start=0.5)}, rates)) == pytest.approx(10)
    assert read_usd(own({("first", "v"): cell(start=0.5)}, rates)) == pytest.approx(10 - 0.5 * 0.5 * 9)


@pytest.mark.parametrize("shadow", [hopping, everything])
def test_the_error_is_that_of_leaving_each_bucket_out(shadow: Any) -> None:
    """Requests and rates together: what the interval uses, against everything done again without a bucket."""
    found = week(turns(np.random.default_rng(11), users=1_500), shadow, (DEAR, CHEAP))
    change = change_of(found.cube, SAME_TOKENS, None)
    gap = RatioSums(numerator=change.predictions[-1].usd - change.live, denominator=change.live, n=change.n)
    moved = change.predictions[-1].moved
    assert moved is not None
    felt, outside = with_moved(gap, moved)
    assert outside is None
    assert felt.value == pytest.approx(gap.value, rel=1e-12)
    assert change.live.all()
    heaviest = np.argsort(-np.abs(moved))[:8]
    by_hand = np.array([gap.value - _left_out(found, bucket) for bucket in heaviest])
    assert np.allclose(influence(felt)[heaviest], by_hand, atol=0.02 * np.abs(influence(felt)).max())
    assert not np.allclose(influence(gap)[heaviest], by_hand, atol=0.02 * np.abs(influence(felt)).max())


def _left_out(found: Week, bucket: int) -> float:
    """The relative change without one bucket, its part of live's rates left out as well."""
    kept = np.arange(BUCKETS) != bucket

    def without(row: Any) -> Any:
        arrays = {each.name: getattr(row, each.name) for each in fields(row)}
        return replace(row, **{name: a * kept for name, a in arrays.items() if isinstance(a, np.ndarray)})

    cube = with_own_caches(
        CostCube(book="b", cells={line: without(cell) for line, cell in found.cold.cells.items()}),
        {line: {key: without(cell) for key, cell in cells.items()} for line, cells in found.cells.items()},
        LiveRates({key: without(call) for key, call in found.calls.items()}),
    )
    change = change_of(cube, SAME_TOKENS, None)
    return float((change.predictions[-1].usd - change.live).sum() / change.live.sum())


def test_prices_and_lengths_scale_what_is_cached() -> None:
    """Everything about money is linear in a price."""
    found = own({("minute", "t"): cell(reach=0.5)})
    dearer = found.scaled(lambda _: Factors(price=3.0))
    ends: tuple[Caches, ...] = ("own", "own_low", "none_read", "all_read", "cold", "served")
    for caches in ends:
        assert np.allclose(dearer.usd(caches), 3 * found.usd(caches))
    assert np.allclose(dearer.moved, 3 * found.moved)
    assert np.allclose((found + found).usd(), 2 * found.usd())
