"""A small fortnight of decisions for page tests: sessions, a rule-based live policy, and four kinds of shadow.

Rows go straight into the tables, so that a page test does not wait for a router. Figures are not checked against a
truth here; that is what the simulator of `shadowroute demo` is for.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from shadowroute.collector.serve import rollup_now
from shadowroute.collector.store import Store
from tests.support.decision_rows import insert

PROJECT: Final = "support-api"
FIRST: Final = dt.date(2026, 11, 9)
DAYS: Final = 14
BOOK: Final = "book-pages"
LARGE, SMALL, LOCAL = "gpt-5", "gpt-5-mini", "llama-70b"
TIERS: Final = {LARGE: "large", SMALL: "small", LOCAL: "medium"}
TASKS: Final = (("extract", 0.2), ("classify", 0.15), ("chat", 0.35), ("code", 0.2), ("refund", 0.1))
VERSIONS: Final = {
    "live-rules": "77a0d2c41b90", "cheap-first": "9f3c1e0a77b2", "bold": "41ab07d3e5f6", "flaky": "0c5d2e8f9a13",
}  # fmt: skip


def fill(
    store: Store, *, requests: int = 1500, priced: tuple[str, ...] = (LARGE, SMALL, LOCAL), even_users: bool = False
) -> None:
    """Insert the fortnight, pin prices, and roll it up.

    Args:
        store: writable.
        requests: of the fortnight.
        priced: models that have a price.
        even_users: whether all users ask alike often: else a few ask most, too few clusters for a verdict.
    """
    client = store.client()
    dice = random.Random(7)
    made = [row for number in range(requests) for row in _request(number, requests, dice)]
    if even_users:
        for row in made:
            _ask_alike(row)
    insert(client, "decisions", made)
    insert(client, "signals", list(_signals(made, dice)))
    _prices(client, priced)
    rollup_now(store)


def _ask_alike(row: dict[str, Any]) -> None:
    row["cluster_key"] = f"user{int(row['request_id'].removeprefix('req-')) % 900:03d}"
    row["bucket"] = hashlib.md5(row["cluster_key"].encode(), usedforsecurity=False).digest()[0]


def _request(number: int, requests: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    """The live row of one request and those of its shadows."""
    start = dt.datetime.combine(FIRST, dt.time(), dt.UTC)
    at = start + dt.timedelta(days=DAYS) * (number / requests)
    task = dice.choices([name for name, _ in TASKS], [share for _, share in TASKS])[0]
    user = f"user{int(dice.paretovariate(1.2) * 40) % 900:03d}"
    tokens = int(min(60_000, dice.lognormvariate(6.5, 1.0))) + 20
    live = SMALL if task == "extract" and tokens < 2000 else LARGE
    cascade = task in {"extract", "classify"}
    facts = _facts(number, at, task=task, user=user, tokens=tokens, live=live, dice=dice)
    yield {**facts, "model": live, "tier": TIERS[live], "steps_id": live, "reason": f"task is {task}"}
    cheap = SMALL if cascade else LOCAL if task == "chat" and tokens < 1500 else LARGE
    refused = cascade and dice.random() < 0.15
    yield _shadow(
        facts, "cheap-first", cheap, escalation=LARGE if cascade else "",
        escalated=int(refused) if cascade and live == SMALL else None,
    )  # fmt: skip
    yield _shadow(facts, "bold", SMALL if task != "code" else LOCAL)
    yield _shadow(facts, "live-rules", live)
    yield _shadow(facts, "flaky", LOCAL, error="TimeoutError" if dice.random() < 0.08 else "")


def _facts(
    number: int, at: dt.datetime, *, task: str, user: str, tokens: int, live: str, dice: random.Random
) -> dict[str, Any]:
    output = int(dice.lognormvariate(5.0, 0.8)) + 1
    fell_back = dice.random() < 0.02
    served = LOCAL if fell_back else live
    failed = [("primary", "openai", live, "503", 0, 0, 0, 0, 0.2)] if fell_back else []
    latency_s = round(0.3 + output / 90, 3)
    kind = "fallback" if fell_back else "primary"
    return {
        "project": PROJECT, "request_id": f"req-{number:05d}", "ts": at, "policy": "live-rules",
        "policy_version": VERSIONS["live-rules"], "task": task, "user_tier": dice.choice(["free", "pro", "enterprise"]),
        "complexity_band": "low" if tokens < 500 else "mid" if tokens < 3000 else "high",
        "input_band": "lt1k" if tokens < 1000 else "1k-4k" if tokens < 4000 else "4k-16k",
        "cluster_key": user,
        "bucket": hashlib.md5(user.encode(), usedforsecurity=False).digest()[0], "response_id": f"chatcmpl-{number}",
        "live_model": live, "live_tier": TIERS[live], "live_steps_id": live,
        "served_model": served, "served_provider": "onprem" if fell_back else "openai",
        "contamination": ["fallback"] if fell_back else [], "input_tokens": tokens, "cache_read_tokens": tokens // 4,
        "output_tokens": output, "latency_s": latency_s, "ingested_at": dt.datetime.now(dt.UTC),
        "attempts": [*failed, (kind, "openai", served, "", tokens, tokens // 4, 0, output, latency_s)],
        "candidates": _candidates(live), "steps": json.dumps([{"kind": "primary", "model": live}]),
        "labels": {"team": dice.choice(["north", "south"])},
    }  # fmt: skip


def _shadow(
    facts: dict[str, Any],
    policy: str,
    model: str,
    *,
    escalation: str = "",
    escalated: int | None = None,
    error: str = "",
) -> dict[str, Any]:
    steps = [{"kind": "primary", "model": model, "accept_if": ["json_schema"] if escalation else []}]
    if escalation:
        steps.append({"kind": "escalation", "model": escalation, "accept_if": []})
    decided = {
        "model": model, "tier": TIERS[model], "steps_id": f"{model}>{escalation}" if escalation else model,
        "steps": json.dumps(steps), "candidates": _candidates(model), "reason": "short and structured",
        "escalation_model": escalation, "escalated": escalated,
    }  # fmt: skip
    if error:
        decided = {"model": "", "tier": "", "steps_id": "", "status": "error", "error_type": error}
    return {**facts, "role": "shadow", "policy": policy, "policy_version": VERSIONS[policy], **decided}


def _candidates(chosen: str) -> str:
    """Three models with scores, one of them rejected."""
    items = [
        {
            "model": model,
            "score": 0.9 if model == chosen else 0.4,
            "terms": {"cost": 0.7, "latency": 0.2},
            "rejected": "",
        }
        for model in (LARGE, SMALL)
    ]
    return json.dumps([*items, {"model": LOCAL, "score": None, "terms": {}, "rejected": "no tools"}])


def _signals(rows: list[dict[str, Any]], dice: random.Random) -> Iterator[dict[str, Any]]:
    """Thumbs for two fifths of the requests, and a judge's score in between for some."""
    for row in rows:
        if row.get("role") == "shadow":
            continue
        given = {"project": PROJECT, "target": row["request_id"], "ts": row["ts"] + dt.timedelta(hours=3)}
        if dice.random() < 0.4:
            yield {**given, "name": "resolved", "value": float(dice.random() < 0.92)}
        if dice.random() < 0.2:
            yield {
                **given,
                "name": "judge",
                "source": "llm",
                "scorer": "rubric-1",
                "value": round(dice.betavariate(6, 2), 3),
            }


def _prices(client: Client, priced: tuple[str, ...]) -> None:
    dollars = {LARGE: (1.25, 0.125, 10.0), SMALL: (0.25, 0.025, 2.0), LOCAL: (0.4, 0.4, 0.8)}
    insert(
        client,
        "price_books",
        [
            {
                "book": BOOK, "model": model, "context_band": band, "input_usd_per_mtok": dollars[model][0],
                "cache_read_usd_per_mtok": dollars[model][1], "cache_write_usd_per_mtok": dollars[model][0],
                "output_usd_per_mtok": dollars[model][2],
            }
            for model in priced
            for band in range(4)
        ],
    )  # fmt: skip
    pin = [["", BOOK, dt.datetime.now(dt.UTC), "test"]]
    client.insert("price_book_pins", pin, column_names=["project", "book", "pinned_at", "source"])
