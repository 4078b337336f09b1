"""Everything that forbids a verdict, each alone; and the days that are judged."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shadowroute.analysis.measures.completeness import Completeness, MissingHour
from shadowroute.analysis.queries.rows import PolicyRow, RowCount
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.verdict.blockers import blockers, cells_of, mismatch_p
from shadowroute.analysis.verdict.facts import Facts
from shadowroute.analysis.verdict.looks import judged_days
from tests.support.plans import plan_with

pytestmark = pytest.mark.dates

FIRST = dt.date(2026, 11, 9)


def row(name: str, *, is_live: bool = False, version: str = "1", last: int = 13) -> PolicyRow:
    return PolicyRow(
        policy=PolicyRef(name, version),
        is_live=is_live,
        n=1000,
        weight=1000.0,
        failed_weight=0.0,
        days=tuple(FIRST + dt.timedelta(days=place) for place in range(last + 1)),
    )


def row_count(place: int, value: str = "", **given: Any) -> RowCount:
    """Of the day at `place`; all requests state which shadows were meant, unless others are given."""
    nothing = {"live_unstated_n": 0, "meant_n": 0, "stated_n": 0, "unstated_n": 0, "unstated_weight": 0.0}
    return RowCount(day=FIRST + dt.timedelta(days=place), segment_value=value, **{**nothing, **given})


def counts(*shadow: int, live: int = 1000) -> list[RowCount]:
    """One row per day."""
    return [row_count(place, live_n=live, meant_n=live, stated_n=n) for place, n in enumerate(shadow)]


def unstated(*shadow: int, live: int = 1000) -> list[RowCount]:
    """One row per day, of requests that do not state which shadows were meant."""
    return [
        row_count(place, live_n=live, live_unstated_n=live, unstated_n=n, unstated_weight=float(n))
        for place, n in enumerate(shadow)
    ]


def lost(n: int, *, meant: int = 1000) -> Completeness:
    """So many of the decisions of an hour."""
    hour = dt.datetime(2026, 11, 9, 23, tzinfo=dt.UTC)
    return Completeness(meant=meant, missing_hours=(MissingHour(hour, meant, n),))


WELL = Facts(
    policy="cheap-first",
    versions=[row("cheap-first")],
    live=[row("main", is_live=True)],
    known=["cheap-first"],
    completeness=Completeness(meant=14_000),
    counts={"all": counts(*[1000] * 14)},
    failed_share=0.0,
    unpriced=(),
    book="b",
    uncosted_share=0.0,
    days=14,
    min_days=7,
    immature=0,
    mature_on=None,
    signals=["resolved"],
    effective_clusters=180.0,
    known_clusters_share=0.95,
    clusters_are_requests=False,
)


def test_nothing_stands_in_the_way_of_complete_data() -> None:
    """No blocker without a reason."""
    assert blockers(WELL) == ()


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"live": []}, "no_requests", "No complete day of the window has live requests"),
        (
            {"versions": []},
            "no_decisions",
            "cheap-first has not decided in this window; policies that have: cheap-first",
        ),
        (
            {"completeness": lost(21)},
            "incomplete",
            (
                "2.1 % of the decisions that were meant are missing (limit 0.1 %): 21 of 1,000,"
                " 9 Nov 23:00 to 10 Nov 00:00 UTC"
            ),
        ),
        (
            {"completeness": Completeness(meant=0, unstated=2000, unstated_weight=1000.0)},
            "incomplete",
            (
                "It is unknown whether shadow decisions are missing: 2,000 requests do not state which shadows were"
                " meant, and 50.0 % of them have no decision of this one: lost, or absent by design"
            ),
        ),
        (
            {"counts": {"all": unstated(*[1000] * 13, 800)}},
            "row_mismatch",
            "Shadow rows do not fit the live requests: on 22 Nov there are 800 of 1,000",
        ),
        (
            {"counts": {"all": counts(*[1000] * 13, 800)}},
            "row_mismatch",
            "Shadow rows do not fit the live requests: on 22 Nov there are 800 of 1,000",
        ),
        (
            {"not_audited": ["gpt-5", "llama-70b"]},
            "model_not_audited",
            "cheap-first names gpt-5 and llama-70b, which models.only of the plan does not",
        ),
        (
            {"not_pinned": ["gpt-4o"]},
            "model_not_pinned",
            "cheap-first names gpt-4o, and the plan asks for exact versions",
        ),
        ({"failed_share": 0.0021}, "failed", "0.2 % of this shadow's decisions failed (limit 0.1 %)"),
        ({"unpriced": ("llama-70b",)}, "unpriced", "No price in book b for llama-70b"),
        ({"book": ""}, "unpriced", "No price book is pinned"),
        ({"uncosted_share": 0.06}, "uncosted", "6.0 % of requests have no known tokens or no list price (limit 5.0 %)"),
        ({"days": 5}, "min_days", "5 complete days of 7 with requests"),
        (
            {"immature": 2, "mature_on": dt.date(2026, 11, 25)},
            "immature",
            "resolved of the last 2 days may still arrive",
        ),
        ({"effective_clusters": 64.0}, "few_clusters", "64 effective clusters (100 needed)"),
        (
            {"known_clusters_share": 0.89},
            "unknown_clusters",
            "Only 89.0 % of requests carry a user or session id (limit 90 %)",
        ),
        (
            {"live": [row("main", is_live=True, last=4), row("main-2", is_live=True)]},
            "live_changed",
            "The live policy changed within the window: main 1 (9 to 13 Nov) and main-2 1 (9 to 22 Nov)",
        ),
        (
            {"policy": "cheap", "versions": [row("cheap", last=4), row("cheap", version="2")]},
            "shadow_changed",
            "The cheap policy changed within the window: cheap 1 (9 to 13 Nov) and cheap 2 (9 to 22 Nov)",
        ),
    ],
)
def test_each_blocker_alone(changes: dict[str, Any], code: str, text: str) -> None:
    """The figures, the limit and the next step."""
    (blocker,) = blockers(replace(WELL, **changes))
    assert (blocker.code, blocker.text) == (code, text)
    assert blocker.next_step


@pytest.mark.parametrize(
    "changes",
    [
        {"completeness": lost(1)},
        {"completeness": Completeness(meant=0, unstated=1000, unstated_weight=999.1)},
        {"completeness": Completeness(meant=0, unstated=1000, unstated_weight=980.0, sampling_error=0.01)},
        {"completeness": Completeness(meant=1000, absent_by_design=0.5)},
        {"completeness": None},
        {"failed_share": 0.001},
        {"counts": {"all": counts(*[1000] * 13, 990)}},
        {"counts": {"all": counts(*[100] * 14)}},
        {"days": 7},
        {"effective_clusters": 100.0},
        {"known_clusters_share": 0.9},
        {"known_clusters_share": None},
        {"known_clusters_share": 0.0, "clusters_are_requests": True},
    ],
)
def test_what_is_within_the_limits_blocks_nothing(changes: dict[str, Any]) -> None:
    """The limit itself is allowed."""
    assert blockers(replace(WELL, **changes)) == ()


def test_a_few_requests_without_tokens_block_nothing() -> None:
    """One in twenty is said, not blocked."""
    assert blockers(replace(WELL, uncosted_share=0.05)) == ()


def test_several_blockers_all_stand() -> None:
    """Loss first."""
    codes = [each.code for each in blockers(replace(WELL, days=2, failed_share=0.5, book=""))]
    assert codes == ["failed", "unpriced", "min_days"]


def test_a_segment_that_loses_its_rows_is_seen() -> None:
    """Half the rows of a small segment are gone while 99.9 % of all rows are there."""
    kept = [
        row_count(0, value, live_n=n, meant_n=n, stated_n=seen)
        for value, n, seen in (("chat", 100_000, 100_000), ("refund", 100, 50), ("code", 50_000, 50_000))
    ]
    (blocker,) = blockers(replace(WELL, counts={"task": kept}))
    assert blocker.code == "row_mismatch"
    assert "and task=refund there are 50 of 100" in blocker.text


def test_rows_that_nobody_meant_are_no_mismatch() -> None:
    """Half of the traffic is another service's; without a word about that, only the lack of the word blocks."""
    half = [row_count(0, live_n=1000, meant_n=100, stated_n=100)]
    half += [row_count(place, live_n=1000, meant_n=500, stated_n=500) for place in range(1, 14)]
    assert blockers(replace(WELL, counts={"all": half})) == ()
    silent = Completeness(meant=0, unstated=14_000, unstated_weight=6600.0)
    (blocker,) = blockers(replace(WELL, counts={"all": unstated(100, *[500] * 13)}, completeness=silent))
    assert blocker.code == "incomplete"


def test_a_sampled_shadow_fits_its_rate() -> None:
    """Rows taken at a tenth and at a half on other days are as many as they should be; 400 draws of chance alone."""
    dice = np.random.default_rng(3)
    alarms = 0
    for _ in range(400):
        made = []
        for place in range(14):
            rate = 0.1 if place < 7 else 0.5
            for value, live in (("a", 4000), ("b", 300)):
                n = int(dice.binomial(live, rate))
                weight = n / rate
                made.append(
                    row_count(place, value, live_n=live, live_unstated_n=live, unstated_n=n, unstated_weight=weight)
                )
        p = mismatch_p(cells_of(made))
        assert p is not None
        alarms += p < 0.01
    assert alarms <= 0.01 * 400 + 3 * (0.01 * 0.99 * 400) ** 0.5


def test_one_cell_has_nothing_to_be_compared_with() -> None:
    """Neither has a window without shadow rows."""
    assert mismatch_p(cells_of(counts(1000))) is None
    assert mismatch_p(cells_of(counts(0, 0))) is None
    assert mismatch_p([]) is None


def at(day: int, hour: int = 12) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, tzinfo=dt.UTC)


def test_only_complete_and_mature_days_are_judged(tmp_path: Path) -> None:
    """A day is complete when the rollups passed its end, and mature when its signals had their time."""
    plan = plan_with(tmp_path, "48h", "0h")
    judged = judged_days(plan, data_through=at(15), now=at(20))
    assert (judged.window, judged.look.number, judged.look.planned) == (Window(FIRST, dt.date(2026, 11, 14)), 6, 14)
    assert judged_days(plan, data_through=at(20), now=at(15)).window == judged.window
    assert judged_days(plan, data_through=at(15, 0), now=at(20)).window == judged.window
    slow = judged_days(plan_with(tmp_path), data_through=at(15), now=at(20))
    assert slow.window == Window(FIRST, dt.date(2026, 11, 12))
    assert (slow.look.number, slow.immature) == (4, 0)


def test_after_the_end_the_whole_window_is_judged_once_its_signals_are_there(tmp_path: Path) -> None:
    """Until then the last days are said to be too young."""
    plan = plan_with(tmp_path)
    young = judged_days(plan, data_through=at(23), now=at(23))
    assert (young.look.number, young.immature, young.mature_on) == (12, 2, dt.date(2026, 11, 25))
    done = judged_days(plan, data_through=at(30), now=at(30))
    assert (done.window, done.look.number, done.immature) == (Window(FIRST, dt.date(2026, 11, 22)), 14, 0)
    assert done.look.level == pytest.approx(0.9645, abs=1e-3)
    assert young.look.level > done.look.level


def test_before_the_first_day_there_is_nothing_to_judge(tmp_path: Path) -> None:
    """Neither before the window nor before anything was rolled up."""
    plan = plan_with(tmp_path)
    assert judged_days(plan, data_through=at(9), now=at(9)).window is None
    assert judged_days(plan, data_through=None, now=at(30)).window is None


def test_open_monitoring_has_one_width_for_every_look(tmp_path: Path) -> None:
    """3.035 standard errors at any look, and no planned number."""
    plan = plan_with(tmp_path, ", ends: 2026-11-22", "")
    early = judged_days(plan, data_through=at(14), now=at(14)).look
    late = judged_days(plan, data_through=at(29), now=at(29)).look
    assert (early.kind, early.planned, early.number, late.number) == ("open", None, 3, 18)
    assert early.level == late.level == pytest.approx(0.9976, abs=1e-4)
