"""The statements about all traffic, on rows whose answer is worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from shadowroute.collector.store import Store
from tests.analysis.test_sql import D17, DAYS, rollups, run
from tests.support.decision_rows import insert, sum_up

__all__ = ["rollups"]


@pytest.fixture
def summed(rollups: Store) -> Store:
    """The rollups of `test_sql`, and another policy, summed up as the worker does."""
    client = rollups.client()
    insert(client, "pair_daily", [{"policy": "bold", "n": 4, "w": 8.0, "w_failed": 2.0, "w_sign_2": -8.0}])
    insert(client, "cost_daily", [{"policy": "bold", "n": 4, "output_tokens": 1e6}])
    sum_up(client)
    return rollups


def by_bucket(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row with each array as its buckets that are not 0; a list of the buckets themselves is left out."""
    assert all(len(value) == 256 for value in row if isinstance(value, list))
    return tuple(
        {bucket: number for bucket, number in enumerate(value) if number} if isinstance(value, list) else value
        for value in row
        if value != list(range(256))
    )


def test_pairs_overall(summed: Store) -> None:
    """Both roles and all policies, days added up bucket by bucket; segments are not counted again."""
    rows = [by_bucket(row) for row in run(summed, "pairs_overall", **DAYS)]
    none: dict[int, float] = {}
    assert rows == [
        ("live", "main", "1", "big", "big", 0, 20, {1: 20.0}, *[none] * 11),
        ("shadow", "bold", "2", "big", "small", 0, 4, {1: 8.0}, {1: 2.0}, *[none] * 7, {1: -8.0}, *[none] * 2),
        ("shadow", "cheap", "2", "big", "", 0, 1, {2: 1.0}, {2: 1.0}, *[none] * 10),
        ("shadow", "cheap", "2", "big", "big", 0, 6, {1: 6.0}, none, none, none, {1: 2.0}, *[none] * 7),
        (
            *("shadow", "cheap", "2", "big", "small", 0, 10, {1: 10.0}, none),
            *({1: 10.0}, {1: 10.0}, {1: 10.0}, {1: 10.0}, {1: 4.0}, {1: 1.0}, *[none] * 4),
        ),
        ("shadow", "cheap", "2", "big", "small", 1, 3, {2: 3.0}, none, {2: 3.0}, *[none] * 9),
    ]
    assert [row[6] for row in run(summed, "pairs_overall", first=D17, last=D17)] == [6]


def test_signals_overall(summed: Store) -> None:
    """Every policy and signal by bin; contaminated requests are left out."""
    rows = [by_bucket(row) for row in run(summed, "signals_overall", **DAYS)]
    assert rows == [
        ("bold", "2", "thumbs", "user", "big", "small", 20, 9, {1: 9.0}, {1: 1.0}),
        ("cheap", "2", "judge", "llm", "big", "small", 9, 1, {1: 1.0}, {1: 0.45}),
        ("cheap", "2", "thumbs", "user", "big", "big", 20, 2, {2: 2.0}, {2: 2.0}),
        ("cheap", "2", "thumbs", "user", "big", "small", 0, 1, {1: 1.0}, {}),
        ("cheap", "2", "thumbs", "user", "big", "small", 20, 3, {1: 3.0}, {1: 3.0}),
    ]


def test_costs_overall(summed: Store) -> None:
    """Parts of dollars as in `cost_cube`: prices of the day, another model cold, the unpriced counted."""
    rows = {row[0:8]: by_bucket(row)[8:] for row in run(summed, "costs_overall", book="b", **DAYS)}
    pair = ("big", "small")
    assert rows == {
        ("bold", "2", *pair, "live", "primary", "big", 0): (4, 0, {1: 1.0}, {}, {}, {}, {1: 40.0}),
        # 0.6 x 10, 0.4 x 1, 0.1 x 40; on the 17th 1.0 x 20
        ("cheap", "2", *pair, "live", "primary", "big", 0): (
            *(2, 0, {1: 1.0, 2: 1.0}, {1: 6.0, 2: 20.0}, {1: 0.4}, {1: 0.4}, {1: 4.0}),
        ),
        ("cheap", "2", *pair, "live", "primary", "mystery", 1): (1, 1, {1: 1.0}, {}, {}, {}, {}),
        ("cheap", "2", *pair, "shadow", "escalation_unknown", "big", 0): (
            *(1, 0, {1: 1.0}, {1: 6.0}, {1: 0.4}, {1: 0.4}, {}),
        ),
        ("cheap", "2", *pair, "shadow", "primary", "mystery", 0): (1, 1, {2: 1.0}, {}, {}, {}, {}),
        # 0.6 x 1, 0.4 x 0.5 warm and 0.4 x 1 cold, 0.1 x 4
        ("cheap", "2", *pair, "shadow", "primary", "small", 0): (
            *(1, 0, {1: 1.0}, {1: 0.6}, {1: 0.2}, {1: 0.4}, {1: 0.4}),
        ),
    }


def test_signals_seen(summed: Store) -> None:
    """A request counts once however many shadows it has; contaminated ones still have a signal."""
    assert run(summed, "signals_seen", **DAYS) == [("thumbs", "user", 56), ("judge", "llm", 1)]
