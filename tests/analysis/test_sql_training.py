"""Answers to learn from, and content of one request, on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shadowroute.analysis.sql_files import statement
from shadowroute.collector.store import Store
from tests.support.decision_rows import DAY, insert
from tests.support.execution_rows import insert_executions


def select(store: Store, file: str, **params: Any) -> list[dict[str, Any]]:
    return list(store.reader().query(statement(file).text, {"project": "p", **params}).named_results())


def test_training_rows(store: Store) -> None:
    """A served answer weighs 1 / (sampling x chance); a withdrawn signal, a pinned or partial answer is none."""
    client = store.client()
    rows: list[dict[str, Any]] = [
        {"request_id": "r1", "propensity": 0.5, "sample_rate": 0.5, "served_name": "big-2026-11-01"},
        {"request_id": "r2", "propensity": None},
        {"request_id": "r3", "propensity": None, "contamination": ["pinned"]},
        {"request_id": "r4", "propensity": None, "outcome_status": "partial"},
        {"request_id": "r5", "propensity": None},
    ]
    insert(client, "decisions", [{"served_name": "", **row} for row in rows])
    names = [["p", "acme", "big-2026-11-01", "big", "big-2026-11-01", "test"]]
    client.insert("model_names", names, column_names=["project", "provider", "name", "family", "price_key", "source"])
    signals = [{"target": row["request_id"], "name": "resolved", "value": 1.0, "scorer": "a"} for row in rows]
    signals += [{"target": "r2", "name": "resolved", "value": 0.0, "scorer": "b"}]
    signals += [{"target": "r5", "name": "resolved", "value": 1.0, "scorer": "a", "version": 9, "is_deleted": 1}]
    insert(client, "signals", signals)
    executed = {"policy": "", "model": "small", "inclusion_probability": 0.25}
    insert_executions(
        client,
        [
            {**executed, "request_id": "r1", "score": 1.0, "scorer": "a"},
            {**executed, "request_id": "r1", "score": 0.0, "scorer": "b"},
            {**executed, "request_id": "r2", "policy": "cheap"},  # of a whole plan, not of one model alone
            {**executed, "request_id": "r3"},
        ],
    )
    found = select(store, "training_rows", name="resolved", first=DAY, last=DAY)
    got = [(row["request_id"], row["model"], row["score"], row["weight"], row["is_executed"]) for row in found]
    assert got == [("r1", "big", 1.0, 4.0, 0), ("r1", "small", 0.5, 8.0, 1), ("r2", "big", 0.5, 1.0, 0)]
    assert [row["price_key"] for row in found] == ["big-2026-11-01", "small", "big"]
    assert (found[0]["task"], found[0]["cluster_key"], found[0]["day"]) == ("code", "u1", DAY)
    assert (
        select(
            store, "training_rows", name="resolved", first=DAY + dt.timedelta(days=1), last=DAY + dt.timedelta(days=1)
        )
        == []
    )


def test_request_content(store: Store) -> None:
    """The newest route span of the request that carries any; of this project and trace only."""
    at = dt.datetime.now(dt.UTC).replace(microsecond=0)  # the table keeps spans for 14 days after they arrived

    def span(prompt: str, minute: int, **changes: Any) -> list[Any]:
        attributes = {"llm_router.request.id": "r1", "gen_ai.input.messages": prompt} | changes.get("attributes", {})
        return [
            changes.get("trace", "t"), "s", changes.get("name", "route"), at, attributes,
            {"llm_router.project": changes.get("project", "p")}, at + dt.timedelta(minutes=minute),
        ]  # fmt: skip

    rows = [
        span("older", 1),
        span("newer", 2),
        span("", 3),
        span("of a model call", 4, name="chat m"),
        span("of another trace", 5, trace="u"),
        span("of another project", 6, project="q"),
        span("of another request", 7, attributes={"llm_router.request.id": "r2"}),
    ]
    columns = ["TraceId", "SpanId", "SpanName", "Timestamp", "SpanAttributes", "ResourceAttributes", "ingested_at"]
    store.client().insert("otel_traces", rows, column_names=columns)
    found = select(store, "request_content", request_id="r1", trace_id="t")
    assert [(row["prompt"], row["answer"]) for row in found] == [("newer", "")]
    assert select(store, "request_content", request_id="r9", trace_id="t") == []
