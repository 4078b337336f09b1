"""Fixtures of the analysis tests."""

from __future__ import annotations

import datetime as dt

import pytest

from shadowroute.collector.store import Store
from tests.support.decision_rows import both, insert

AT_17 = dt.datetime(2026, 11, 17, 9, 30, tzinfo=dt.UTC)


@pytest.fixture
def four_requests(store: Store) -> Store:
    """Four requests of project p over two days, decided by `main` and by the shadow `cheap`, and one of project q.

    r1: user u1, team a, downgraded, a cascade nobody has seen the outcome of, thumbs up by request id.
    r2: user u1, chat, same model, thumbs down by response id.
    r3: user u2, team a, live fell back from small to big, the shadow would have stayed on small.
    r4: session u3, the shadow failed; its row arrived twice.
    """
    small = {"model": "small", "tier": "small", "steps_id": "small"}
    team = {"labels": {"team": "a"}}
    tried_small = [
        ("primary", "acme", "small", "503", 0, 0, 0, 0, 0.1),
        ("fallback", "acme", "big", "", 1000, 0, 0, 100, 0.5),
    ]
    rows = [
        *both(team, {**small, "steps_id": "small-big", "escalation_model": "big"}),
        *both({"request_id": "r2", "task": "chat", "response_id": "resp2"}, {}),
        *both(
            {"request_id": "r3", "ts": AT_17, "cluster_key": "u2", "bucket": 2, **team, **small}
            | {"contamination": ["fallback"], "cache_read_tokens": 0, "attempts": tried_small},
            small,
        ),
        *both(
            {"request_id": "r4", "ts": AT_17, "cluster_key": "u3", "cluster_kind": "session", "bucket": 3},
            {"model": "", "tier": "", "steps_id": "", "status": "error", "error_type": "ValueError"},
        ),
    ]
    client = store.client()
    insert(client, "decisions", [*rows, rows[-1], {"project": "q"}])
    insert(client, "signals", [{}, {"target": "response:resp2", "value": 0.0}, {"project": "q", "value": 0.0}])
    insert(
        client,
        "price_books",
        [
            {},
            {"effective_from": dt.date(2026, 11, 17), "input_usd_per_mtok": 20.0},
            {"model": "small", "input_usd_per_mtok": 1.0, "cache_read_usd_per_mtok": 0.5, "output_usd_per_mtok": 4.0},
            {"book": "other", "input_usd_per_mtok": 99.0},
        ],
    )
    insert(client, "rollup_runs", [{}])
    return store
