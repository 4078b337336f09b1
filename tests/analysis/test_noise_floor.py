"""Which shadow is the A/A control, on which days, and what is said of the noise floor with and without one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
import pytest

from shadowroute.analysis.measures.noise_floor import (
    REPEATABLE,
    Control,
    NoiseFloor,
    controls_of,
    noise_floor_of,
    without_control,
)
from shadowroute.analysis.queries.exploration import Exploration
from shadowroute.analysis.queries.rows import PolicyRow
from shadowroute.analysis.results import Estimate, Undefined
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.summaries import RatioSums


def test_a_declaration_on_every_decision_needs_no_floor() -> None:
    """It is said what was declared and where; no doubt, and no shadow to add."""
    said = without_control(Exploration(n=900, unknown=0, random=0))
    assert said == REPEATABLE
    assert "live.decides" in said
    assert "not known" not in said
    assert "A/A" not in said


def test_live_that_chooses_by_chance_is_said_to() -> None:
    """Known probabilities tell that it differs from itself, but not how often its choices fall apart."""
    said = without_control(Exploration(n=1500, unknown=3, random=1200))
    assert "is not known: it chooses by chance (1,200 of 1,500 live decisions" in said
    assert "no A/A shadow ran" in said


@pytest.mark.parametrize(
    ("chance", "named"),
    [
        (Exploration(n=900, unknown=900, random=0), "and live decisions do not record whether chance made them"),
        (Exploration(n=900, unknown=1, random=0), "and 1 of 900 live decisions do not record whether chance made them"),
        (Exploration(n=0, unknown=0, random=0), "and live decisions do not record whether chance made them"),
    ],
)
def test_what_was_not_declared_is_unknown_and_names_the_setting(chance: Exploration, named: str) -> None:
    """One decision without a probability is enough; no decision declares nothing."""
    said = without_control(chance)
    assert named in said
    assert "no A/A shadow ran" in said
    assert "live.decides in shadow.yaml" in said


LIVE = PolicyRef("main", "1")
NEXT = PolicyRef("main", "2")
OTHER = PolicyRef("cheap", "1")


def decided(policy: PolicyRef, *days: int, is_live: bool = False) -> PolicyRow:
    """A policy that decided on these days of November."""
    when = tuple(day(number) for number in days)
    return PolicyRow(policy=policy, is_live=is_live, n=10, weight=10.0, failed_weight=0.0, days=when)


def day(number: int) -> date:
    return date(2026, 11, number)


def run(first: int, last: int) -> Window:
    return Window(day(first), day(last))


def found(*rows: PolicyRow) -> list[tuple[PolicyRef, tuple[Window, ...], bool]]:
    return [(control.policy, control.days, control.is_whole) for control in controls_of(rows)]


@pytest.mark.parametrize(
    ("live", "shadows", "expected"),
    [
        ({LIVE: range(1, 8)}, {LIVE: range(1, 8), OTHER: range(1, 8)}, [(LIVE, (run(1, 7),), True)]),
        ({LIVE: [5]}, {LIVE: [5]}, [(LIVE, (run(5, 5),), True)]),
        ({LIVE: range(1, 8)}, {LIVE: range(3, 6)}, [(LIVE, (run(3, 5),), True)]),
        ({LIVE: range(1, 8)}, {OTHER: range(1, 8)}, []),
        ({LIVE: range(1, 8)}, {NEXT: range(1, 8)}, []),
        # Live changes from one day to the next: the old version becomes a candidate, the new one was one before.
        ({LIVE: range(1, 4), NEXT: range(4, 8)}, {LIVE: range(1, 8)}, [(LIVE, (run(1, 3),), False)]),
        ({LIVE: range(1, 4), NEXT: range(4, 8)}, {NEXT: range(1, 8)}, [(NEXT, (run(4, 7),), False)]),
        (
            {LIVE: range(1, 4), NEXT: range(4, 8)},
            {LIVE: range(1, 8), NEXT: range(1, 8)},
            [(LIVE, (run(1, 3),), False), (NEXT, (run(4, 7),), False)],
        ),
        # On the 4th it changes at some hour: that day is of neither.
        (
            {LIVE: range(1, 5), NEXT: range(4, 8)},
            {LIVE: range(1, 5), NEXT: range(4, 8)},
            [(LIVE, (run(1, 3),), True), (NEXT, (run(5, 7),), True)],
        ),
        ({LIVE: [4], NEXT: [4]}, {LIVE: [4]}, []),
        # There and back: two runs; a weekend without requests parts none.
        (
            {LIVE: [1, 2, 5, 6], NEXT: [3, 4]},
            {LIVE: range(1, 7)},
            [(LIVE, (run(1, 2), run(5, 6)), False)],
        ),
        ({LIVE: [1, 2, 5, 6]}, {LIVE: [1, 2, 5, 6]}, [(LIVE, (run(1, 6),), True)]),
    ],
    ids=[
        "all days", "one day", "some days", "another policy", "another version", "old version", "new version", "both",
        "day of the change", "only that day", "there and back", "days without requests",
    ],
)  # fmt: skip
def test_a_shadow_is_the_control_on_the_days_on_which_its_version_was_lives(
    live: dict[PolicyRef, Iterable[int]],
    shadows: dict[PolicyRef, Iterable[int]],
    expected: list[tuple[PolicyRef, tuple[Window, ...], bool]],
) -> None:
    """By policy and version, day by day, in runs; and whether it was a candidate on other days."""
    rows = [decided(policy, *days, is_live=True) for policy, days in live.items()]
    rows += [decided(policy, *days) for policy, days in shadows.items()]
    assert found(*rows) == expected
    assert found(*reversed(rows)) == expected


def test_the_sentence_names_every_control_with_its_days() -> None:
    """Golden, for one control and for two."""
    one, two = controls_of(
        [
            decided(LIVE, 1, 2, is_live=True),
            decided(NEXT, 3, 4, is_live=True),
            decided(LIVE, 1, 2, 3, 4),
            decided(NEXT, 3, 4),
        ]
    )
    measured = floor_of(one, two).measured
    assert isinstance(measured, Estimate)
    assert measured.interval.level == 0.9
    assert floor_of(one, two).controls == (one, two)
    assert floor_of(one).text == (
        "Live differs from itself on 5.0 % of requests (noise floor of the A/A shadow main 1 on 1 to 2 Nov)."
    )
    assert floor_of(one, two).text == (
        "Live differs from itself on 5.0 % of requests (noise floor of the A/A shadows main 1 on 1 to 2 Nov and main 2"
        " on 3 to 4 Nov)."
    )


def test_a_control_with_too_few_users_names_no_number() -> None:
    """The reason stands in the sentence, with who and when."""
    (control,) = controls_of([decided(LIVE, 5, is_live=True), decided(LIVE, 5)])
    floor = floor_of(control, clusters=3.0)
    assert isinstance(floor.measured, Undefined)
    assert floor.text == (
        f"How often live differs from itself is not known from the A/A shadow main 1 on 5 Nov: {floor.measured.reason}."
    )


def not_read() -> Any:
    """What this floor does not need."""
    raise AssertionError("read")


def test_without_a_control_nothing_is_measured_and_only_chance_is_read() -> None:
    """The sentence says what is known instead."""
    chance = Exploration(n=900, unknown=0, random=0)
    floor = noise_floor_of((), not_read, clusters=not_read, chance=lambda: chance, level=0.9)
    assert floor == NoiseFloor(controls=(), measured=None, text=REPEATABLE)


def test_a_day_without_live_requests_is_no_day_of_a_control() -> None:
    """The rows of live may be lost or late."""
    (control,) = controls_of([decided(LIVE, 1, 2, is_live=True), decided(LIVE, 1, 2, 3)])
    assert control.days == (run(1, 2),)


def floor_of(*controls: Control, clusters: float = 200.0) -> NoiseFloor:
    """5 % of 2,560 requests, ten in each bucket."""
    requests = np.full(256, 10.0)
    sums = RatioSums(numerator=requests / 20, denominator=requests, n=2560)
    if clusters < 40:
        requests = np.where(np.arange(256) < clusters, 10.0, 0.0)
        sums = RatioSums(numerator=requests / 20, denominator=requests, n=int(requests.sum()))
    return noise_floor_of(controls, lambda: sums, clusters=lambda: clusters, chance=not_read, level=0.9)
