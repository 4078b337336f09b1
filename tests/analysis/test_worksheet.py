"""The worksheet: its twelve columns from rows, what sorts them, and what stays empty."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest

from shadowroute.analysis.cost_cube import CostCube, Dollars, Line
from shadowroute.analysis.queries.tasks import PlanRow, TaskCost, TaskRow
from shadowroute.analysis.results import Estimate, Undefined
from shadowroute.analysis.selection import MONTH_DAYS, PolicyRef, Window
from shadowroute.analysis.stats.log_bins import BinRow, bin_of
from shadowroute.analysis.worksheet import Worksheet, worksheet_of
from shadowroute.app.worksheet_text import csv_rows, worksheet_json, worksheet_text

DAY = dt.date(2026, 11, 16)
WINDOW = Window(DAY, DAY + dt.timedelta(days=6))
CHEAP, BOLD = PolicyRef("cheap", "1"), PolicyRef("bold", "1")
CASCADE = json.dumps(
    [
        {"kind": "primary", "model": "small", "accept_if": ["json_schema", "not_refusal"]},
        {"kind": "escalation", "model": "big", "accept_if": []},
        {"kind": "fallback", "model": "llama", "accept_if": []},
    ]
)


def rows(task: str, n: int, *, judged: int = 0, refused: int = 0) -> list[TaskRow]:
    """`n` requests in each of 100 buckets, half a second each."""
    return [
        TaskRow(
            task=task,
            bucket=bucket,
            n=n,
            token_n=n,
            input_tokens=1_000.0 * n,
            output_tokens=100.0 * n,
            judged_n=judged,
            refused_n=refused if bucket % 2 else 0,
            timed_n=n,
            bins=BinRow(bucket, np.array([float(bin_of(0.5))]), np.array([float(n)])),
        )
        for bucket in range(100)
    ]


def cube(live: float, shadow: float, *, unpriced: int = 0) -> CostCube:
    """Dollars of one task."""

    def dollars(usd: float) -> Dollars:
        zero = np.zeros(256)
        return Dollars(
            n=1,
            unpriced_n=unpriced,
            weight=np.ones(256),
            input_usd=np.full(256, usd / 256),
            cache_usd=zero,
            cold_usd=zero,
            output_usd=zero,
        )

    lines = {
        Line("big", "small", "live", "primary", "big"): dollars(live),
        Line("big", "small", "shadow", "primary", "small"): dollars(shadow),
        Line("big", "small", "shadow", "primary", "small", is_contaminated=True): dollars(99.0),
    }
    return CostCube(book="b", cells=lines)


@pytest.fixture
def sheet() -> Worksheet:
    """Extract: much money, little saving; chat: less money, much saving; a third task without a price."""
    days = frozenset(WINDOW)
    return worksheet_of(
        [*rows("extract", 6), *rows("chat", 3, judged=2, refused=1), *rows("", 1)],
        [
            PlanRow(task="chat", model="small", steps=CASCADE, n=240),
            PlanRow(task="chat", model="big", steps="[]", n=60),
            PlanRow(task="extract", model="big", steps="[]", n=600),
        ],
        [
            TaskCost(task="extract", usd=70.0, unpriced=(), days=days),
            TaskCost(task="chat", usd=35.0, unpriced=(), days=days),
            TaskCost(task="", usd=1.0, unpriced=("mystery",), days=days),
        ],
        {
            CHEAP: {"extract": cube(70, 63), "chat": cube(35, 14), "": cube(1, 0.1, unpriced=1)},
            BOLD: {"extract": cube(70, 140), "chat": cube(35, 21)},
        },
        window=WINDOW,
        book="b",
    )


def test_the_route_to_optimise_first_is_on_top(sheet: Worksheet) -> None:
    """Money times the best shadow's saving: 60 % of 35 before 10 % of 70; what has no price comes last."""
    assert [row.task for row in sheet.rows] == ["chat", "extract", ""]
    months = 7 / MONTH_DAYS
    assert [row.saving_usd_per_month for row in sheet.rows[:2]] == pytest.approx([21 / months, 7 / months])
    assert [row.saved_by for row in sheet.rows] == [CHEAP, CHEAP, None]
    assert sheet.unpriced == ("mystery",)
    assert sheet.days == 7


def test_the_columns_of_a_cascade(sheet: Worksheet) -> None:
    """Primary, escalation, fallback and rule come from the most frequent plan; the pass rate from judged answers."""
    chat = sheet.rows[0]
    assert chat.share == pytest.approx(0.3)
    assert chat.primary == "small, then big"
    assert chat.fallback == ("llama",)
    assert chat.validation_rule == "json_schema, not_refusal"
    assert chat.plan_share == pytest.approx(0.8)
    assert (chat.input_tokens, chat.output_tokens) == (1_000.0, 100.0)
    assert isinstance(chat.pass_rate, Estimate)
    assert chat.pass_rate.value == pytest.approx(0.75)
    assert chat.pass_rate.interval.low < 0.75 < chat.pass_rate.interval.high
    assert isinstance(chat.latency_p95_s, Estimate)
    assert chat.latency_p95_s.value == pytest.approx(0.5, rel=0.02)
    assert chat.cost_usd == pytest.approx(35 / 300)


def test_unknown_is_empty_and_never_zero(sheet: Worksheet) -> None:
    """No price, no plan, no judged answer, no review: None here, empty in the CSV."""
    bare = sheet.rows[2]
    assert (bare.cost_usd, bare.cost_usd_per_month, bare.saving_usd_per_month) == (None, None, None)
    assert (bare.pass_rate, bare.plan_share, bare.last_review) == (None, None, None)
    assert bare.primary == ""
    cells = list(csv_rows(sheet))[2]
    assert [cell for cell in cells if cell is None] == [None] * 10
    assert 0 not in cells[4:-1]
    few = worksheet_of(rows("chat", 1)[:3], [], [], {}, window=WINDOW, book="")
    assert isinstance(few.rows[0].latency_p95_s, Undefined)


def test_text_and_json(sheet: Worksheet) -> None:
    """The table says its rule and names what has no price; JSON is plain."""
    text = worksheet_text(sheet)
    assert "Sorted by money that could be saved" in text
    assert "No price for mystery" in text
    assert text.index("chat") < text.index("extract") < text.index("(none)")
    assert json.loads(json.dumps(worksheet_json(sheet)))["rows"][0]["task"] == "chat"
