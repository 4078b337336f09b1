"""The SELECTs of executed answers, each on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shadowroute.analysis import sql_files
from shadowroute.analysis.queries.executions import (
    PaidCall,
    executed_answers,
    executed_frame,
    executed_frame_by_value,
)
from shadowroute.analysis.queries.reader import Reader
from shadowroute.analysis.selection import Cross, PolicyRef, Segment, Window
from shadowroute.collector.store import Store
from tests.support.decision_rows import insert
from tests.support.execution_rows import insert_executions

D16, D17 = dt.date(2026, 11, 16), dt.date(2026, 11, 17)
WINDOW = Window(D16, D17)
CHEAP = PolicyRef("cheap", "2")
POLICY = {"policy": "cheap", "version": "2"}
DAYS = {"first": D16, "last": D17}
ANY_ROW: dict[str, list[str]] = {"segment_keys": [], "segment_values": []}


def run(store: Store, file: str, /, **params: Any) -> list[tuple[Any, ...]]:
    """Rows of a statement, read by a client that cannot write."""
    wanted = sql_files.statement(file).params
    bound = {"project": "p", **params}
    text = sql_files.statement(file).text
    return [tuple(row) for row in store.reader().query(text, {key: bound[key] for key in wanted}).result_rows]


@pytest.fixture
def answered(four_requests: Store) -> Store:
    """Executed answers beside `four_requests`.

    r1 (a cascade): a whole plan by two scorers; the model alone says nothing about a cascade; another version's run.
    r2 (same model): the model alone, in two records of which the later counts; its live score arrived as a signal.
    r3 is contaminated, r4's shadow failed, r9 is unknown, and project q is another one.
    """
    insert_executions(
        four_requests.client(),
        [
            {"scorer": "a", "score": 1.0, "live_score": 0.0, "escalated": 1},
            {"scorer": "b", "score": 0.5, "live_score": 1.0, "escalated": 1},
            {"policy": "", "sample": "s2"},
            {"policy_version": "1", "sample": "s3"},
            {"request_id": "r2", "policy": "", "model": "big", "signal": "thumbs", "score": 0.0, "version": 1},
            {"request_id": "r2", "policy": "", "model": "big", "signal": "thumbs", "score": 1.0, "version": 2},
            {"request_id": "r2", "policy": "", "model": "other", "signal": "thumbs"},
            {"request_id": "r3"},
            {"request_id": "r4"},
            {"request_id": "r9"},
            {"project": "q"},
        ],
    )
    return four_requests


def test_executed_answers(answered: Store) -> None:
    """Whole plans of this version, and models alone where the plan is that model; a later record wins."""
    params = {**POLICY, **DAYS, **ANY_ROW, "segment_key": "all"}
    rows = run(answered, "executed_answers", **params)
    picked = [(row[0], row[1], row[2], row[3], row[7], row[8], row[9], row[10]) for row in rows]
    assert picked == [
        ("s1", "r1", 1, "small", "resolved", "a", 1.0, 0.0),
        ("s1", "r1", 1, "small", "resolved", "b", 0.5, 1.0),
        ("s1", "r2", 0, "big", "thumbs", "", 1.0, 0.0),
    ]
    assert len(run(answered, "executed_answers", **{**params, "last": D16})) == 3
    assert run(answered, "executed_answers", **{**params, "version": "1"}) == []
    in_chat = {**params, "segment_keys": ["task"], "segment_values": ["other"], "segment_key": "task"}
    assert len(run(answered, "executed_answers", **in_chat)) == 3


def test_the_rows_carry_what_the_measures_need(answered: Store) -> None:
    """The request beside the answer: what was planned, served and paid, and whether an answer was needed at all."""
    first, _, last = executed_answers(Reader(answered.reader(), "p"), WINDOW, CHEAP)
    assert (first.needs_execution, first.is_cascade, first.escalated, first.seen_escalated) == (True, True, True, None)
    assert (first.bucket, first.cluster_key, first.weight, first.day) == (1, "u1", 1.0, D16)
    assert first.live_calls == (PaidCall("big", 1000, 400, 0, 100),)
    assert (first.live_input_tokens, first.live_cache_read_tokens, first.live_output_tokens) == (1000, 400, 100)
    assert (last.needs_execution, last.is_whole_plan, last.shadow_model, last.live_model) == (
        False,
        False,
        "big",
        "big",
    )


@pytest.fixture
def frame(store: Store) -> Store:
    """Rollup rows of project p: 10 requests to another model, 4 of 10 cascades on the same one, 3 contaminated."""
    insert(
        store.client(),
        "pair_daily",
        [
            {"w_div_model": 10.0},
            {
                "shadow_model": "big",
                "w_cascade": 4.0,
                "w_div_steps": 7.0,
                "w_esc_known": 3.0,
                "w_esc": 1.0,
                "bucket": 2,
            },
            {"contaminated": 1, "n": 3, "w": 3.0},
            {"shadow_model": "", "n": 2, "w": 2.0, "w_failed": 2.0},
            {"segment_key": "task", "segment_value": "code", "n": 6, "w": 6.0},
            {"segment_key": "task", "segment_value": "chat", "shadow_model": "big", "n": 4, "w": 4.0},
            {"role": "live", "policy": "main", "policy_version": "1", "shadow_model": "big", "n": 20, "w": 20.0},
            {"project": "q", "n": 99, "w": 99.0},
        ],
    )
    return store


ALL = {"segment_key": "all", "segment_value": "", "every_value": False}


def test_executed_frame(frame: Store) -> None:
    """Another first model needs an answer, and an escalation does; contaminated and failed decisions do not count."""
    assert run(frame, "executed_frame", **POLICY, **DAYS, **ALL) == [
        ("", 1, 10, 10.0, 10.0, 0.0, 0.0, 0.0),
        ("", 2, 10, 10.0, 4.0, 4.0, 3.0, 1.0),
    ]
    reader = Reader(frame.reader(), "p")
    assert executed_frame(reader, WINDOW, CHEAP).needed.sum() == 14
    by_task = executed_frame_by_value(reader, WINDOW, CHEAP, "task")
    assert {value: (each.n, each.needed.sum()) for value, each in by_task.items()} == {
        "chat": (4, 0.0),
        "code": (6, 6.0),
    }


def test_executed_frame_where_live_escalates(frame: Store) -> None:
    """Where live itself plans an escalation, any other plan on the same first model needs an answer."""
    insert(
        frame.client(),
        "pair_daily",
        [{"role": "live", "policy": "main", "policy_version": "1", "shadow_model": "big", "w_cascade": 5.0}],
    )
    assert run(frame, "executed_live_cascades", **DAYS) == [("big",)]
    assert run(frame, "executed_frame", **POLICY, **DAYS, **ALL)[1][4] == 7.0


def test_executed_live_cascades(frame: Store) -> None:
    """No live plan can escalate here."""
    assert run(frame, "executed_live_cascades", **DAYS) == []


def test_executed_frame_rows(four_requests: Store) -> None:
    """From the decisions: r1 needs an answer, r2 does not, r3 is contaminated and r4 failed."""
    params = {**POLICY, **DAYS}
    assert run(four_requests, "executed_frame_rows", **params, **ANY_ROW) == [("", 1, 2, 2.0, 1.0, 1.0, 0.0, 0.0)]
    code_of_a = {"segment_keys": ["label:team", "user_tier"], "segment_values": ["a", "other"]}
    assert run(four_requests, "executed_frame_rows", **params, **code_of_a) == [("", 1, 1, 1.0, 1.0, 1.0, 0.0, 0.0)]
    where = Cross((Segment("label:team", "a"), Segment("user_tier", "other")))
    assert executed_frame(Reader(four_requests.reader(), "p"), WINDOW, CHEAP, where).n == 1
