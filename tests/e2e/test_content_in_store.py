"""Words of users in the store: none by default, and in one table where the service sends them."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from shadow.config import Export
from shadow.domain.policy import Policy
from shadow.domain.request import Request
from shadow.observer import Observer
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.requests import request_trace
from shadowroute.collector.serve import ingest
from shadowroute.collector.store import Store
from tests.support.sdk import FunctionPolicy, always, routing

CANARY = "canary-7f3a"


def serve(store: Store, content: Any) -> tuple[str, str]:
    """One request with the word in everything that a host may say; its id, and what stats and objects show of it."""

    def decide(request: Request) -> Any:
        raise ValueError(request.text)

    shadows: list[Policy] = [FunctionPolicy("raises", decide), always("small", "healthy")]
    with ingest(store) as endpoint:
        made = replace(routing(shadows), export=Export(to=endpoint.url, content=content), project="default")
        with Observer(made) as observer:
            with observer.request(
                messages=[{"role": "user", "content": f"{CANARY} prompt"}],
                user=f"{CANARY}-user",
                session=f"{CANARY}-session",
                labels={"undeclared": f"{CANARY}-label"},
                tools=[{"type": "function", "function": {"name": CANARY}}],
            ) as request:
                request.chose("big")
                request.served(model="big", text=f"{CANARY} answer")
            try:
                with observer.request(messages=f"{CANARY} again") as failing:
                    failing.chose("big")
                    raise RuntimeError(f"{CANARY} in an error")
            except RuntimeError:
                pass
            assert observer.flush(60)
            return request.request_id, repr((observer.stats, observer.__dict__, made))


def tables_with_canary(store: Store) -> set[str]:
    """Tables that hold the word in any column."""
    reader = store.reader()
    names = [
        row[0] for row in reader.query("SELECT name FROM system.tables WHERE database = currentDatabase()").result_rows
    ]
    assert {"otel_traces", "decisions"} <= set(names)
    return {
        name for name in names if any(CANARY in repr(row) for row in reader.query(f"SELECT * FROM {name}").result_rows)
    }


def test_by_default_no_word_of_a_user_is_in_the_store_the_log_or_a_repr(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Every column of every table, every log line from DEBUG up, and what a traceback would print of our objects."""
    caplog.set_level(logging.DEBUG)
    request_id, shown = serve(store, "none")
    assert tables_with_canary(store) == set()
    assert CANARY not in "\n".join(record.getMessage() for record in caplog.records if record.name == "shadowroute")
    assert CANARY not in shown
    trace = request_trace(Queries(store.reader(), "default"), request_id)
    assert trace is not None
    assert (trace.prompt, trace.answer) == ("", "")


def test_content_that_was_asked_for_is_in_one_table_and_on_the_requests_page(store: Store) -> None:
    """`otel_traces` alone; nothing is computed from it."""
    request_id, _ = serve(store, "full")
    assert tables_with_canary(store) == {"otel_traces"}
    trace = request_trace(Queries(store.reader(), "default"), request_id)
    assert trace is not None
    assert f"{CANARY} prompt" in trace.prompt
    assert f"{CANARY} answer" in trace.answer
