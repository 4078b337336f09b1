"""Numbers as words."""

from __future__ import annotations

import datetime as dt

import pytest

from shadowroute.analysis.format import (
    age,
    basis,
    brief,
    counted,
    headline,
    hours,
    interval,
    percent,
    sentence,
    times,
    usd,
    why_not,
)
from shadowroute.analysis.results import Estimate, Interval, Range, Undefined


def estimate(value: float, low: float, high: float, *, n: int = 412_880) -> Estimate:
    bounds = Interval(low, high)
    return Estimate(
        value=value, interval=bounds, n=n, clusters=256, effective_clusters=201.3, unit="share", method="test"
    )


def test_an_estimate_shows_its_interval() -> None:
    """A point never stands without its interval."""
    assert brief(estimate(0.31, 0.301, 0.319), "percent") == "31.0 % 30.1..31.9"


def test_a_change_carries_its_sign() -> None:
    """More and less cannot be confused."""
    assert headline(estimate(0.271, 0.24, 0.3), "percent", signed=True) == "+27.1 %"
    assert brief(estimate(-0.271, -0.302, -0.24), "percent", signed=True) == "-27.1 % -30.2..-24.0"


def test_a_rounded_zero_has_no_sign() -> None:
    """-0.04 % prints as 0.0 %: a sign in front of a zero would claim a direction."""
    assert percent(-0.0004, signed=True) == "0.0 %"
    assert percent(0.0004, signed=True) == "0.0 %"


def test_a_range_is_never_a_point() -> None:
    """Between two bounds no number is preferred."""
    bounds = Range(low=0.12, high=0.44, n=10, unit="share", why="31 % of the outcomes were not seen")
    assert headline(bounds, "percent") == "12.0 to 44.0 %"
    assert interval(bounds, "percent") == ""
    assert basis(bounds) == "31 % of the outcomes were not seen (10 requests)"


def test_unknown_is_a_word() -> None:
    """What cannot be computed prints no number, and says why."""
    missing = Undefined(reason="3 models have no price", next_step="add them to models.yaml")
    assert headline(missing, "usd") == "unknown"
    assert brief(missing, "percent") == "unknown"
    assert why_not(missing) == "3 models have no price; add them to models.yaml."


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (18_400.4, "$18,400"),
        (-2900, "-$2,900"),
        (5.55, "$5.55"),
        (0, "$0.00"),
        (0.00041, "$0.00041"),
        (-3e-6, "-$3.0e-06"),
    ],
)
def test_dollars_have_the_digits_that_their_size_deserves(amount: float, text: str) -> None:
    """Neither $18,400.40 nor $0.00."""
    assert usd(amount) == text


@pytest.mark.parametrize(("seconds", "text"), [(4, "4 s"), (600, "10 min"), (10_800, "3 h"), (400_000, "5 d")])
def test_age(seconds: float, text: str) -> None:
    """One unit, the largest that still tells something."""
    assert age(seconds) == text


def test_a_sentence_ends_once() -> None:
    """Reason and next step become one sentence, whatever they end with."""
    assert sentence("no ids.", "set from_request.session.") == "No ids; set from_request.session."
    assert sentence("no ids") == "No ids."


def test_a_range_takes_its_interval_along() -> None:
    """Per 1,000 requests: both bounds and the interval around them."""
    unseen = Range(low=-0.002, high=0.001, n=9, unit="usd", why="unseen", interval=Interval(-0.003, 0.002))
    moved = times(unseen, 1000)
    assert isinstance(moved, Range)
    assert (moved.low, moved.high, moved.interval) == (-2.0, 1.0, Interval(-3.0, 2.0))


def test_a_count_of_one_is_not_plural() -> None:
    """Also where the count is a weighted sum that is shown as 1."""
    assert [counted(number, "request") for number in (0, 1, 1.2, 412_880)] == [
        "0 requests",
        "1 request",
        "1 request",
        "412,880 requests",
    ]
    assert counted(1, "request is", "requests are") == "1 request is"
    assert counted(2, "request is", "requests are") == "2 requests are"
    assert basis(estimate(0.1, 0.0, 0.2, n=1)).startswith("1 request in ")


def test_hours_that_adjoin_are_one_span() -> None:
    """Of many spans the first ones and the last are named, and the rest is counted."""
    at = [dt.datetime(2026, 11, 16, tzinfo=dt.UTC) + dt.timedelta(hours=hour) for hour in (10, 11, 23, 24, 30, 50)]
    assert hours(at[:2]) == "16 Nov 10:00 to 12:00 UTC"
    assert hours(at[:4]) == "16 Nov 10:00 to 12:00 and 16 Nov 23:00 to 17 Nov 01:00 UTC"
    assert hours(at) == (
        "16 Nov 10:00 to 12:00, 16 Nov 23:00 to 17 Nov 01:00, 1 further span and 18 Nov 02:00 to 03:00 UTC"
    )
