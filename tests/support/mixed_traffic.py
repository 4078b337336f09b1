"""A few days of decisions with everything that makes figures hard, written straight into the store's tables."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections.abc import Mapping
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from shadow.domain.policy import Step
from shadow.telemetry.attributes import plan_texts
from shadowroute.analysis.selection import PolicyRef, Window
from tests.support.decision_rows import insert

FIRST: Final = dt.date(2026, 11, 16)
WINDOW: Final = Window(FIRST, FIRST + dt.timedelta(days=3))
CHEAP: Final = PolicyRef("cheap", "v1")
CONTROL: Final = PolicyRef("main", "1")
BOOK: Final = "b"

TIERS: Final = {"big": "large", "mid": "medium", "small": "small"}
_MODELS: Final = ("big", "mid", "small")
DRAFTED: Final = plan_texts((Step(kind="primary", model="small"), Step(kind="escalation", model="big", verifies=True)))[
    1
]
"""The plan of a draft that another model checks, as it is recorded."""


def store_traffic(client: Client, *, requests: int = 3_000, users: int = 900, seed: int = 5) -> list[dict[str, Any]]:
    """Insert decisions, signals and prices; the rows are returned, so that a test can sum them up itself.

    Shadow `cheap` tries the small model first on two tasks, in a third of the buckets for a draft, and fails now and
    then; `main` is the A/A shadow. A third of the requests is sampled out for shadows, some are contaminated, some
    have no known tokens.
    """
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    signals: list[dict[str, Any]] = []
    for number in range(requests):
        request = _request(rng, number, users)
        rows.append(request)
        if rng.random() < 0.66:
            rows.append(_cheap(rng, request))
            rows.append({**request, "role": "shadow", "sample_rate": 0.66})
        signals.extend(_signals(rng, request))
    insert(client, "decisions", rows)
    insert(client, "signals", signals)
    insert(client, "price_books", [*_prices()])
    return rows


def _request(rng: random.Random, number: int, users: int) -> dict[str, Any]:
    user = f"u{min(int(rng.paretovariate(1.1)) * 7919 + rng.randrange(users), 10**9) % users}"
    task = rng.choice(["code", "chat", "extract"])
    planned = "big" if task == "code" else rng.choice(["big", "mid"])
    served = "mid" if rng.random() < 0.05 else planned
    tokens = rng.randrange(50, 5_000) + (250_000 if rng.random() < 0.02 else 0)
    cached, written = rng.choice([(0, 0), (tokens // 2, 0), (tokens // 3, tokens // 3)])
    output = rng.randrange(1, 900)
    known = rng.random() > 0.03
    answer = ("fallback" if served != planned else "primary", "acme", served, "", tokens, cached, written, output, 0.4)
    failed = [("primary", "acme", planned, "503", 0, 0, 0, 0, 0.1)] if served != planned else []
    return {
        "ts": dt.datetime.combine(FIRST, dt.time(), dt.UTC) + dt.timedelta(seconds=number * 4 * 86_400 / 3_000),
        "request_id": f"r{number}",
        "response_id": f"resp{number}" if number % 3 else "",
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "cluster_key": user,
        "bucket": hashlib.md5(user.encode(), usedforsecurity=False).digest()[0],
        "task": task,
        "user_tier": rng.choice(["free", "pro", ""]),
        "labels": {"team": rng.choice("ab")} if number % 5 else {},
        "model": planned,
        "tier": TIERS[planned],
        "steps_id": planned,
        "live_model": planned,
        "live_tier": TIERS[planned],
        "live_steps_id": planned,
        "served_model": served,
        "outcome_status": "complete" if known else "unreported",
        "contamination": ["fallback"] if served != planned else [],
        "input_tokens": tokens if known else None,
        "cache_read_tokens": cached if known else 0,
        "cache_write_tokens": written if known else 0,
        "output_tokens": output if known else None,
        "attempts": [*failed, answer] if known else [],
    }


def _cheap(rng: random.Random, request: Mapping[str, Any]) -> dict[str, Any]:
    shadow = {**request, "role": "shadow", "policy": CHEAP.name, "policy_version": CHEAP.version, "sample_rate": 0.66}
    if rng.random() < 0.01:
        return {**shadow, "model": "", "tier": "", "steps_id": "", "status": "error", "error_type": "ValueError"}
    if request["task"] == "code":
        return shadow
    seen, is_draft = rng.choice([None, None, 0, 1]), request["bucket"] % 3 == 0
    return {
        **shadow,
        "model": "small",
        "tier": "small",
        "steps_id": "small-big",
        "escalation_model": "big",
        "escalated": None if is_draft else seen,
        "steps": DRAFTED if is_draft else "[]",
    }


def _signals(rng: random.Random, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    if rng.random() > 0.4:
        return []
    target = request["request_id"]
    if request["response_id"] and rng.random() < 0.5:
        target = f"response:{request['response_id']}"
    value = rng.choice([0.0, 0.35, 1.0])
    signal = {"target": target, "value": value, "ts": request["ts"], "version": 1}
    extra = rng.random()
    if extra < 0.1:
        return [signal, {**signal, "scorer": "second", "value": 1.0}]
    if extra < 0.2:
        return [signal, {**signal, "version": 2, "is_deleted": 1}]
    return [signal]


def _prices() -> list[dict[str, Any]]:
    dearer = {"input_usd_per_mtok": 12.0, "effective_from": FIRST + dt.timedelta(days=2)}
    by_model = {"big": 10.0, "mid": 4.0, "small": 0.5}
    rows = []
    for model in _MODELS:
        for band in range(4):
            factor = by_model[model] * (2 if band else 1)
            price: dict[str, Any] = {
                "model": model,
                "context_band": band,
                "input_usd_per_mtok": factor,
                "cache_read_usd_per_mtok": factor / 10,
                "cache_write_usd_per_mtok": factor * 1.25,
                "output_usd_per_mtok": factor * 4,
            }
            rows.append(price)
            if model == "big":
                rows.append({**price, **dearer})
    return rows
