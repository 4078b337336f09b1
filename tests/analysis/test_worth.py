"""When not to route: the most that any policy could save, uniform traffic, trivial volume (R54)."""

from __future__ import annotations

import pytest

from shadowroute.analysis.caveats import about_worth
from shadowroute.analysis.measures.variety import Common, uniform
from shadowroute.analysis.queries.rows import SegmentRow
from shadowroute.analysis.results import Estimate, Interval, Measured, Range, Undefined
from shadowroute.analysis.selection import Segment


def sizes(key: str, **values: int) -> list[SegmentRow]:
    return [SegmentRow(key=key, value=value, n=n, weight=float(n)) for value, n in values.items()]


def usd(value: float, high: float) -> Estimate:
    return Estimate(
        value=value,
        interval=Interval(value / 2, high),
        n=1000,
        clusters=256,
        effective_clusters=200.0,
        unit="usd",
        method="test",
    )


def test_requests_that_nothing_tells_apart_are_uniform() -> None:
    """Nearly all have one task and one band; labels do not count, because nobody knows what they mean to a router."""
    rows = [*sizes("task", chat=97, code=3), *sizes("complexity", low=100), *sizes("label:team", a=50, b=50)]
    assert uniform(rows) == (Common(Segment("task", "chat"), 0.97), Common(Segment("complexity", "low"), 1.0))


@pytest.mark.parametrize(
    "rows",
    [
        [*sizes("task", chat=97, code=3), *sizes("complexity", low=90, high=10)],
        sizes("task", chat=100),
        [*sizes("task", chat=100), SegmentRow(key="user_tier", value="", n=100, weight=100.0)],
        [],
    ],
    ids=["one key tells them apart", "one key alone", "an unknown key", "nothing"],
)
def test_what_may_differ_is_not_called_uniform(rows: list[SegmentRow]) -> None:
    """One key that differs is enough to choose by; what is not known is no likeness."""
    assert uniform(rows) == ()


@pytest.mark.parametrize(
    ("most", "is_trivial"),
    [
        (usd(40.0, 99.0), True),
        (usd(40.0, 101.0), False),
        (Range(low=10.0, high=60.0, n=1, unit="usd", why="test"), True),
        (usd(-5.0, -1.0), True),
        (Undefined(reason="no price"), False),
    ],
)
def test_a_saving_below_the_upkeep_is_trivial(most: Measured, is_trivial: bool) -> None:
    """Only where the interval leaves no doubt; an unknown saving is not called small."""
    assert [caveat.code for caveat in about_worth(most, ())] == ["trivial_volume"] * is_trivial


def test_both_reasons_are_sentences_with_figures() -> None:
    """What a reader of a first report sees before a plan is written."""
    common = (Common(Segment("task", "chat"), 0.97), Common(Segment("input_band", "lt1k"), 1.0))
    trivial, alike = about_worth(usd(40.0, 61.0), common)
    assert trivial.text == (
        "The volume is trivial: no policy over these models could save more than $61.00 a month, less than keeping one"
        " up to date costs."
    )
    assert alike.text == (
        "Traffic is uniform: 97.0 % have task=chat and 100.0 % have input_band=lt1k. A router has little to choose by."
    )
    assert trivial.next_step
    assert alike.next_step
