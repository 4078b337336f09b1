"""The statements about time, on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest

from shadowroute.analysis import sql_files
from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from tests.support.decision_rows import both, insert

DAYS = {"first": dt.date(2026, 11, 16), "last": dt.date(2026, 11, 17)}
POLICY = {"policy": "cheap", "version": "2"}
ANY_ROW: dict[str, list[str]] = {"segment_keys": [], "segment_values": []}


def place(seconds: float) -> int:
    """The bin of a time, worked out apart from the code."""
    return math.floor(math.log(seconds) / math.log(1.02))


def run(store: Store, file: str, /, **params: Any) -> list[tuple[Any, ...]]:
    """Rows of a statement."""
    wanted = sql_files.statement(file).params
    bound = {"project": "p", **params}
    text = sql_files.statement(file).text
    return [tuple(row) for row in store.reader().query(text, {key: bound[key] for key in wanted}).result_rows]


@pytest.fixture
def timed(store: Store) -> Store:
    """Seven requests of `main` and its shadow `cheap`, which tries `small` first and then `big`.

    r1, r2: plain, 0.5 s and 2 s; r3: a fallback; r4: no time; r5: the same plan; r6: small answered, its check failed;
    r7: another bucket and band, no escalation planned. r1 arrived twice; q is another project.
    """
    cascade = {"model": "small", "tier": "small", "steps_id": "small-big", "escalation_model": "big", "eval_s": 0.001}
    small = {"model": "small", "live_model": "small", "served_model": "small", "steps_id": "small", "eval_s": 0.001}
    fallback = {"contamination": ["fallback"], "served_model": "mid"}
    rows = [
        *both({"latency_s": 0.5, "eval_s": 0.002}, cascade),
        *both({"request_id": "r2", "latency_s": 2.0}, {**cascade, "sample_rate": 0.5}),
        *both({"request_id": "r3", **fallback}, cascade),
        *both({"request_id": "r4", "latency_s": None}, cascade),
        *both({"request_id": "r5", "latency_s": 1.0}, {"steps_id": "big", "live_steps_id": "big", "eval_s": 0.004}),
        *both({"request_id": "r6", **small}, {**cascade, "escalated": 1}),
        *both({"request_id": "r7", "bucket": 2, "input_band": "1k-4k"}, {**cascade, "escalation_model": ""}),
    ]
    insert(store.client(), "decisions", [*rows, rows[0], {"project": "q"}])
    Rollup(store).run_once()
    return store


def test_latency_live(timed: Store) -> None:
    """By served model, band, cleanness and bucket; an unknown time is counted and never binned."""
    rows = [
        (*row[:7], sorted(zip(row[7], row[8], strict=True))) for row in run(timed, "latency_live", **DAYS, **ANY_ROW)
    ]
    half, one, two = (place(seconds) for seconds in (0.5, 1.0, 2.0))
    assert rows == [
        ("big", "1k-4k", 1, 2, 1, 0, 1, [(half, 1.0)]),
        ("big", "lt1k", 1, 1, 3, 1, 3, [(half, 1.0), (one, 1.0), (two, 1.0)]),
        ("mid", "lt1k", 0, 1, 1, 0, 1, [(half, 1.0)]),
        ("small", "lt1k", 1, 1, 1, 0, 1, [(half, 1.0)]),
    ]


def test_latency_pairs(timed: Store) -> None:
    """Nothing new is called for r5, big after small for r6, small and perhaps big for r1 and r2."""
    rows = run(timed, "latency_pairs", **POLICY, **DAYS, **ANY_ROW)
    shaped = [(*row[:8], sorted(zip(row[8], row[9], strict=True))) for row in rows]
    half, one, two = (place(seconds) for seconds in (0.5, 1.0, 2.0))
    assert shaped == [
        ("", "", "no", "", 1, 1, 1.0, 2.0, [(one, 1.0)]),
        ("", "big", "yes", "lt1k", 1, 1, 1.0, 0.0, [(half, 1.0)]),
        ("small", "", "no", "1k-4k", 2, 1, 1.0, 0.0, [(half, 1.0)]),
        ("small", "big", "unknown", "lt1k", 1, 2, 3.0, 0.0, [(half, 1.0), (two, 2.0)]),
    ]


def test_latency_executed(timed: Store) -> None:
    """An answer counts once however often it was scored, 1 / probability times; other policies' plans do not count."""
    columns = [
        "project",
        "sample",
        "request_id",
        "policy",
        "policy_version",
        "model",
        "inclusion_probability",
        "stratum",
        "status",
        "escalated",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "latency_s",
        "signal",
        "score",
        "live_score",
        "scorer",
        "executed_at",
        "version",
    ]
    at = dt.datetime(2026, 11, 18, tzinfo=dt.UTC)

    def row(**changes: Any) -> list[Any]:
        given = {
            "project": "p", "sample": "s1", "request_id": "r1", "policy": "", "policy_version": "", "model": "small",
            "inclusion_probability": 0.25, "stratum": "", "status": "ok", "escalated": None, "input_tokens": 1,
            "output_tokens": 1, "cost_usd": 0.1, "latency_s": 0.5, "signal": "resolved", "score": 1.0,
            "live_score": None, "scorer": "", "executed_at": at, "version": 1,
        }  # fmt: skip
        return [(given | changes)[name] for name in columns]

    rows = [
        row(),
        row(signal="polite"),
        row(request_id="r2", latency_s=2.0, inclusion_probability=0.5),
        row(request_id="r3", latency_s=None),
        row(request_id="r4", status="error"),
        row(policy="cheap", policy_version="2", latency_s=2.0),
        row(policy="bold", policy_version="1"),
        row(project="q"),
    ]
    timed.client().insert("executions", rows, column_names=columns)
    assert run(timed, "latency_executed", **POLICY) == [
        ("small", 0, place(0.5), 1, 4.0),
        ("small", 0, place(2.0), 1, 2.0),
        ("small", 1, place(2.0), 1, 4.0),
    ]


def test_decision_times(timed: Store) -> None:
    """Only decisions whose time is known; the shadow's weights are those of its sample."""
    live = run(timed, "decision_times", role="live", policy="", version="", **DAYS)
    assert [(row[0], row[1], sorted(zip(row[2], row[3], strict=True))) for row in live] == [
        (1, 2, [(place(0.001), 1.0), (place(0.002), 1.0)])
    ]
    shadow = run(timed, "decision_times", role="shadow", **POLICY, **DAYS)
    assert [(row[0], row[1], sorted(zip(row[2], row[3], strict=True))) for row in shadow] == [
        (1, 6, [(place(0.001), 6.0), (place(0.004), 1.0)]),
        (2, 1, [(place(0.001), 1.0)]),
    ]
