"""Signals on sums made by hand: who is compared with whom, what is left out, and what silence can hide."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from shadowroute.analysis import caveats
from shadowroute.analysis.measures.direction import Directions
from shadowroute.analysis.measures.live_quality import Quality, quality_of
from shadowroute.analysis.measures.simpson import simpson_of
from shadowroute.analysis.queries.signal_cells import BINS, AskedSums, SignalCells
from shadowroute.analysis.results import Estimate, Undefined
from shadowroute.analysis.selection import Window
from shadowroute.analysis.signals import SignalRow, SignalSpec, spec_of
from shadowroute.analysis.summaries import BUCKETS, Floats, RatioSums

PRICES = Directions({"big": 10.0, "small": 1.0, "twin": 10.0})
THUMBS = SignalRow(name="thumbs", source="user", n=1)
DAY = dt.date(2026, 11, 16)
WEEK = Window(DAY, DAY + dt.timedelta(days=6))


def signal(live: str, shadow: str, values: dict[float, Any]) -> SignalCells:
    """Requests per value and bucket; an array gives one number per bucket."""
    weights = np.zeros((BUCKETS, BINS))
    scores = np.zeros(BUCKETS)
    for value, count in values.items():
        weights[:, round(value * 20)] += count
        scores += value * np.asarray(count, dtype=float)
    return SignalCells(live_model=live, shadow_model=shadow, weights=weights, scores=scores, n=int(weights.sum()))


def asked(live: str, shadow: str, requests: Any) -> AskedSums:
    """So many requests per bucket that could have had the signal."""
    each = np.zeros(BUCKETS) + requests
    return AskedSums(live_model=live, shadow_model=shadow, requests=each, n=int(each.sum()))


def judge(cells: list[SignalCells], requests: list[AskedSums], **changed: Any) -> Quality:
    given: dict[str, Any] = {"signal": THUMBS, "directions": PRICES, "clusters": lambda: float(BUCKETS)}
    return quality_of(cells, requests, **(given | changed))


def uneven(mean: float, seed: int) -> Floats:
    """So many requests per bucket on average, with a spread between buckets."""
    return np.random.default_rng(seed).poisson(mean, BUCKETS).astype(float) + 1


def estimated(measured: object) -> Estimate:
    assert isinstance(measured, Estimate)
    return measured


def undefined(measured: object) -> Undefined:
    assert isinstance(measured, Undefined)
    return measured


# Groups


def test_quality_by_what_the_shadow_would_do() -> None:
    """Downgraded 75 % of four in ten; same 50 %; the rest is same and upgrade together."""
    found = judge(
        [
            signal("big", "small", {1: 3, 0: 1}),
            signal("big", "big", {1: 1, 0: 1}),
            signal("small", "big", {1: 2}),
        ],
        [asked("big", "small", 10), asked("big", "big", 8), asked("small", "big", 2)],
    )
    down = found.downgrade
    assert estimated(down.mean).value == pytest.approx(0.75)
    assert (down.n, down.response_rate) == (4 * BUCKETS, pytest.approx(0.4))
    assert estimated(down.rated).value == pytest.approx(0.4)
    assert (down.silent_low, down.silent_high) == (pytest.approx(0.3), pytest.approx(0.9))
    assert (down.bins[0], down.bins[-1], sum(down.bins)) == (0.25, 0.75, 1.0)
    assert estimated(found.same.mean).value == pytest.approx(0.5)
    assert estimated(found.rest.mean).value == pytest.approx(0.75)
    assert estimated(found.all.mean).value == pytest.approx(0.75)
    assert estimated(found.all.mean).unit == "score"
    assert "not of the shadow" in found.note
    assert (found.signal, found.source) == ("thumbs", "user")


def test_no_signal_is_said_with_the_line_that_sends_one() -> None:
    """Without signals everything between 0 and 1 is possible, and nothing is claimed."""
    found = judge([], [asked("big", "small", 1), asked("big", "big", 1)], signal=None)
    assert undefined(found.downgrade.mean).reason == "no signal arrived for these requests"
    assert "observer.signal(" in undefined(found.all.mean).next_step
    assert (found.all.silent_low, found.all.silent_high, found.all.response_rate) == (0, 1, 0)
    assert (found.signal, found.spec) == ("", None)
    assert undefined(found.comparison.gap).reason == "no signal arrived for these requests"


def test_a_group_without_requests_has_nothing() -> None:
    """Nothing is downgraded: no mean, no rate, no bounds, nothing to compare."""
    found = judge([signal("big", "big", {1: 1, 0: 1})], [asked("big", "big", 8)])
    assert undefined(found.downgrade.mean).reason == "no request in this group"
    assert (found.downgrade.response_rate, found.downgrade.silent_low, found.downgrade.bins) == (None, None, ())
    assert "no downgraded request" in undefined(found.comparison.gap).reason
    assert (found.comparison.distance, found.comparison.tipping) == (None, None)


def test_unranked_models_hide_what_is_a_downgrade() -> None:
    """A diverging model without a price may be cheaper or dearer: the groups that depend on it are undefined."""
    found = judge([signal("big", "mystery", {1: 1, 0: 1})], [asked("big", "mystery", 4), asked("big", "big", 4)])
    assert "no price for mystery" in undefined(found.downgrade.mean).reason
    assert "no price for mystery" in undefined(found.rest.mean).reason
    assert "no price for mystery" in undefined(found.comparison.gap).reason
    assert estimated(found.all.mean).value == pytest.approx(0.5)


def test_a_model_that_stays_needs_no_price() -> None:
    """Live and shadow name the same unpriced model: nothing needs ranking."""
    found = judge([signal("mystery", "mystery", {1: 1, 0: 1})], [asked("mystery", "mystery", 4)])
    assert estimated(found.same.mean).value == pytest.approx(0.5)
    assert estimated(found.rest.mean).value == pytest.approx(0.5)


# A bar


BAR = SignalSpec("judge", bar=0.8)


def test_a_bar_counts_the_requests_that_reach_it() -> None:
    """0.8 reaches a bar of 80 %, 0.75 does not; the bound lies below the share."""
    found = judge([signal("big", "small", {0.75: 1, 0.8: 2, 1: 5})], [asked("big", "small", 10)], spec=BAR)
    assert estimated(found.downgrade.reaching).value == pytest.approx(7 / 8)
    assert found.downgrade.reaching_at_least is not None
    assert 0.8 < found.downgrade.reaching_at_least < 7 / 8


def test_where_lower_is_better_answers_must_stay_below_the_bar() -> None:
    """A bar of 20 % for edits: 0.2 does not stay below it."""
    edits = SignalSpec("edits", lower_is_better=True, bar=0.2)
    found = judge([signal("big", "small", {0.1: 3, 0.2: 2})], [asked("big", "small", 10)], spec=edits)
    assert estimated(found.downgrade.reaching).value == pytest.approx(3 / 5)
    assert estimated(found.downgrade.mean).value == pytest.approx(0.14)


def test_without_a_bar_nothing_is_counted() -> None:
    """No bar is guessed."""
    found = judge([signal("big", "small", {1: 1})], [asked("big", "small", 10)])
    assert undefined(found.downgrade.reaching).reason == "no bar is set for this signal"
    assert found.downgrade.reaching_at_least is None


@pytest.mark.parametrize(
    ("field", "value"), [("bar", 0.83), ("bar", 1.05), ("matures_after_h", -1.0), ("name", ""), ("rung", "gold")]
)
def test_a_spec_that_cannot_be_read_is_refused(field: str, value: Any) -> None:
    """The error names the field and the rule."""
    with pytest.raises(ValueError, match=field.removesuffix("_h")):
        SignalSpec(**({"name": "thumbs"} | {field: value}))


# Comparison


def test_the_better_group_depends_on_the_direction() -> None:
    """Downgraded 0.9 against 0.5: better for thumbs, worse for edits; values are shown as they arrived."""
    cells = [
        signal("big", "small", {1: 9 * uneven(3, 1), 0: uneven(3, 2)}),
        signal("big", "big", {1: uneven(9, 3), 0: uneven(9, 4)}),
    ]
    requests = [asked("big", "small", 100), asked("big", "big", 100)]
    up = judge(cells, requests).comparison
    assert (estimated(up.gap).value > 0.3, up.better) == (True, "downgraded")
    assert estimated(up.effect).value > 0.65
    down = judge(cells, requests, spec=SignalSpec("edits", lower_is_better=True)).comparison
    assert (estimated(down.gap).value, down.better) == (estimated(up.gap).value, "rest")


def test_the_effect_of_thumbs_is_half_their_difference() -> None:
    """For values 0 and 1, P(X < Y) + P(X = Y) / 2 = 1/2 + (p - q) / 2, and the distance is that of two coins."""
    cells = [
        signal("big", "small", {1: uneven(9, 1), 0: uneven(3, 2)}),
        signal("big", "big", {1: uneven(9, 3), 0: uneven(9, 4)}),
    ]
    found = judge(cells, [asked("big", "small", 100), asked("big", "big", 100)])
    gap = estimated(found.downgrade.mean).value - estimated(found.rest.mean).value
    assert estimated(found.comparison.gap).value == pytest.approx(gap)
    assert estimated(found.comparison.effect).value == pytest.approx(0.5 + gap / 2)
    assert found.comparison.distance is not None
    assert 0 < found.comparison.distance < 1


def test_one_level_gives_every_interval() -> None:
    """A look with a wider level widens all intervals and lowers the bound."""
    cells = [
        signal("big", "small", {1: uneven(9, 1), 0: uneven(3, 2)}),
        signal("big", "big", {1: uneven(9, 3), 0: uneven(9, 4)}),
    ]
    requests = [asked("big", "small", 20 + uneven(20, 5)), asked("big", "big", 20 + uneven(20, 6))]
    narrow, wide = (judge(cells, requests, spec=BAR, level=level) for level in (0.95, 0.999))
    for one, other in (
        (narrow.comparison.gap, wide.comparison.gap),
        (narrow.comparison.effect, wide.comparison.effect),
        (narrow.comparison.rated_gap, wide.comparison.rated_gap),
        (narrow.downgrade.mean, wide.downgrade.mean),
        (narrow.downgrade.rated, wide.downgrade.rated),
        (narrow.downgrade.reaching, wide.downgrade.reaching),
    ):
        before, after = estimated(one).interval, estimated(other).interval
        assert after.level == 0.999
        assert after.low < before.low < before.high < after.high
    assert wide.downgrade.reaching_at_least is not None
    assert narrow.downgrade.reaching_at_least is not None
    assert wide.downgrade.reaching_at_least < narrow.downgrade.reaching_at_least


def test_a_gap_in_feedback_is_said() -> None:
    """One in five of the downgraded answered and half of the rest: the means are of different people."""
    cells = [
        signal("big", "small", {1: uneven(9, 1), 0: uneven(9, 2)}),
        signal("big", "big", {1: uneven(9, 3), 0: uneven(9, 4)}),
    ]
    found = judge(cells, [asked("big", "small", 100), asked("big", "big", 40)])
    assert estimated(found.comparison.rated_gap).interval.high < 0
    (said,) = [caveat for caveat in caveats._about_signal(found, ()) if caveat.code == "response_gap"]
    assert "different people" in said.text
    equal = judge(cells, [asked("big", "small", cells[0].weights.sum(1)), asked("big", "big", cells[1].weights.sum(1))])
    assert undefined(equal.comparison.rated_gap).reason.startswith("the difference is the same in every bucket")


def test_the_silent_that_would_turn_the_comparison() -> None:
    """Put in for the silent, the tipping mean makes the downgraded as good as the rest."""
    found = judge(
        [signal("big", "small", {1: 3, 0: 1}), signal("big", "big", {1: 1, 0: 1})],
        [asked("big", "small", 10), asked("big", "big", 10)],
    )
    assert found.comparison.tipping is not None
    assert 0.4 * 0.75 + 0.6 * found.comparison.tipping == pytest.approx(0.5)


def test_a_reversal_is_said_with_both_figures() -> None:
    """The caveat names the key, and the sentence of the same mix is not said."""

    def sums(ones: float, all_of_them: float) -> RatioSums:
        each = np.ones(BUCKETS) / BUCKETS
        return RatioSums(numerator=ones * each, denominator=all_of_them * each, n=int(all_of_them))

    found = judge([signal("big", "small", {1: 1})], [asked("big", "small", 10)])
    groups = {"small": (sums(81, 87), sums(234, 270)), "large": (sums(192, 263), sums(55, 80))}
    stones = simpson_of("task", groups, {"small": 357, "large": 343})
    assert stones is not None
    (said,) = [caveat for caveat in caveats._about_signal(found, [stones]) if caveat.code == "simpson"]
    assert "4.6 points lower over all requests but 5.4 points higher within task" in said.text


# Maturity


@pytest.mark.parametrize(
    ("as_of", "last"),
    [
        (dt.datetime(2026, 11, 23, 0, tzinfo=dt.UTC), 21),
        (dt.datetime(2026, 11, 23, 23, 59, tzinfo=dt.UTC), 21),
        (dt.datetime(2026, 11, 24, 0, tzinfo=dt.UTC), 22),
        (dt.datetime(2027, 1, 1), 22),  # noqa: DTZ001  # drivers give UTC columns without a zone
        (None, 22),
    ],
)
def test_days_must_be_old_enough(as_of: dt.datetime | None, last: int) -> None:
    """The last request of a day must be 24 hours old before the day counts."""
    days = SignalSpec("resolved", matures_after_h=24).matured(WEEK, as_of)
    assert days == Window(DAY, dt.date(2026, 11, last))


def test_no_day_may_be_old_enough() -> None:
    """Then there is no window, and no figure."""
    late = SignalSpec("resolved", matures_after_h=24 * 14)
    assert late.matured(WEEK, dt.datetime(2026, 11, 23, tzinfo=dt.UTC)) is None
    assert SignalSpec("resolved").matured(WEEK, dt.datetime(2026, 11, 16, tzinfo=dt.UTC)) == WEEK
    found = judge([], [], whole=[asked("big", "small", 1)], spec=late, days=None)
    assert found.immature == pytest.approx(BUCKETS)
    assert isinstance(found.all.mean, Undefined)
    (said,) = [caveat for caveat in caveats._about_signal(found, ()) if caveat.code == "immature"]
    assert "256 requests are too young for thumbs, which is complete after 336 hours" in said.text


# What is known of a name


def test_what_is_declared_goes_before_what_is_known() -> None:
    """A plan's spec wins, unless it names another source."""
    edits = SignalRow(name="edits", source="code", n=1)
    assert spec_of(edits).lower_is_better
    assert spec_of(edits).source == "code"
    assert not spec_of(edits, {"edits": SignalSpec("edits")}).lower_is_better
    assert spec_of(edits, {"edits": SignalSpec("edits", source="user")}).lower_is_better
    assert spec_of(SignalRow(name="new", source="derived", n=1)).rung == "proxy"
    assert spec_of(SignalRow(name="new", source="user", n=1)) == SignalSpec("new", source="user")
