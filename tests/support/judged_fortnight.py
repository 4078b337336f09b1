"""A fortnight of two policies and executed answers whose truth is chosen, so that each verdict can be made to come out.

Rows go straight into the tables. Half of the requests are `extract`, a tenth `refund`, the rest `chat`; live answers
all of them with `big`, and the shadow `cheap-first` gives `extract` and `refund` to `small`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import sys
from dataclasses import dataclass
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from shadowroute.analysis.selection import PolicyRef
from shadowroute.collector.serve import rollup_now
from shadowroute.collector.store import Store, open_store
from tests.support.decision_rows import insert

PROJECT: Final = "support-api"
FIRST: Final = dt.date(2025, 3, 3)
SECOND_WEEK: Final = dt.date(2025, 3, 10)
LAST: Final = dt.date(2025, 3, 16)
BOOK: Final = "book-fortnight"
SHADOW: Final = PolicyRef("cheap-first", "9f3c1e0a77b2")
LIVE: Final = PolicyRef("main", "77a0d2c41b90")
USERS: Final = 1500

PLAN: Final = """\
plan: cheap-first-2025-03
policy: cheap-first
window: {starts: 2025-03-03, ends: 2025-03-16}
confidence: 95%
must:
  cost:    {saves_at_least: 10%}
  quality: {signal: resolved, loses_at_most_points: 2.0}
segments: {by: [task]}
review: {signatures: 0}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fortnight:
    """What is true.

    Attributes:
        requests: of the fortnight.
        days: that have requests.
        resolved: chance that an answer of `small` to `extract` is good; `big` has 0.9 everywhere.
        resolved_refund: the same for `refund`.
        executed: share of the diverging requests that a draw took.
        small_usd: price of `small` per million tokens of input; output costs four times as much. `big` costs 10.
        paid: times their tokens at the prices of the book that executed answers cost.
        lost: share of the shadow's rows of the last day that are missing.
        user_share: share of requests that carry a user key.
        explores: chance that live itself gives `small` what the shadow gives it; then every request has the signal.
        live_changes: whether another version of live decides from the second week on.
        control: whether live's first version runs as a shadow too, on all days. It names another model for every 25th
            request of the first week and for every 4th of the second.
    """

    requests: int = 4000
    days: int = 14
    resolved: float = 0.9
    resolved_refund: float = 0.9
    executed: float = 0.5
    small_usd: float = 1.0
    paid: float = 1.0
    lost: float = 0.0
    user_share: float = 1.0
    explores: float = 0.0
    live_changes: bool = False
    control: bool = False


def fill(store: Store, truth: Fortnight = Fortnight(), *, seed: int = 7) -> None:
    """Insert the fortnight with its prices and executed answers, and roll it up."""
    client, dice = store.client(), random.Random(seed)
    rows: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for number in range(truth.requests):
        live = _live(number, truth, dice)
        rows.append(live)
        diverges = live["task"] != "chat"
        if live["ts"].date() != LAST or dice.random() >= truth.lost:
            rows.append(_shadow(live, "small" if diverges else "big"))
        if truth.control:
            is_other = number % (25 if live["ts"].date() < SECOND_WEEK else 4) == 0
            rows.append(_shadow(live, "small" if is_other else live["model"], LIVE))
        if diverges and dice.random() < truth.executed:
            answers.append(_answer(live, truth, dice))
    insert(client, "decisions", rows)
    if truth.explores:
        insert(client, "signals", [_signal(row, truth, dice) for row in rows if row.get("role") != "shadow"])
    if answers:
        columns = list(answers[0])
        client.insert("executions", [[answer[name] for name in columns] for answer in answers], column_names=columns)
    _prices(client, truth)
    rollup_now(store)


def _live(number: int, truth: Fortnight, dice: random.Random) -> dict[str, Any]:
    at = dt.datetime.combine(FIRST, dt.time(), dt.UTC) + dt.timedelta(days=truth.days) * (number / truth.requests)
    task = dice.choices(["extract", "refund", "chat"], [0.5, 0.1, 0.4])[0]
    named = dice.random() < truth.user_share
    user = f"user{dice.randrange(USERS)}" if named else f"request{number}"
    tokens, output = dice.randrange(200, 2000), dice.randrange(50, 400)
    explored = task != "chat" and dice.random() < truth.explores
    model, tier = ("small", "small") if explored else ("big", "large")
    chance = 1.0 if task == "chat" or not truth.explores else truth.explores if explored else 1 - truth.explores
    version = "41ab07d3e5f6" if truth.live_changes and at.date() >= SECOND_WEEK else LIVE.version
    return {
        "project": PROJECT, "ts": at, "request_id": f"r{number}", "policy": LIVE.name, "policy_version": version,
        "cluster_key": user, "cluster_kind": "user" if named else "request",
        "bucket": hashlib.md5(user.encode(), usedforsecurity=False).digest()[0], "task": task,
        "input_tokens": tokens, "cache_read_tokens": 0, "output_tokens": output, "latency_s": output / 100,
        "model": model, "tier": tier, "steps_id": model,
        "live_model": model, "live_tier": tier, "live_steps_id": model, "served_model": model, "propensity": chance,
        "attempts": [("primary", "acme", model, "", tokens, 0, 0, output, output / 100)],
        "ingested_at": dt.datetime.now(dt.UTC),
    }  # fmt: skip


def _shadow(live: dict[str, Any], model: str, policy: PolicyRef = SHADOW) -> dict[str, Any]:
    return {
        **live, "role": "shadow", "policy": policy.name, "policy_version": policy.version, "model": model,
        "tier": "large" if model == "big" else "small", "steps_id": model, "propensity": 1.0,
    }  # fmt: skip


def _signal(live: dict[str, Any], truth: Fortnight, dice: random.Random) -> dict[str, Any]:
    good = dice.random() < (truth.resolved if live["model"] == "small" else 0.9)
    given = {"project": PROJECT, "target": live["request_id"], "ts": live["ts"] + dt.timedelta(hours=1)}
    return {**given, "name": "resolved", "value": float(good)}


def _answer(live: dict[str, Any], truth: Fortnight, dice: random.Random) -> dict[str, Any]:
    chance = truth.resolved_refund if live["task"] == "refund" else truth.resolved
    # One draw decides both, so that equal models answer equally: the difference is paired.
    luck = dice.random()
    tokens, output = live["input_tokens"], live["output_tokens"]
    at = live["ts"] + dt.timedelta(hours=1)
    return {
        "project": PROJECT, "sample": "s1", "request_id": live["request_id"], "policy": SHADOW.name,
        "policy_version": SHADOW.version, "model": "small", "inclusion_probability": truth.executed,
        "status": "ok", "input_tokens": tokens, "output_tokens": output,
        "cost_usd": (tokens + 4 * output) * truth.small_usd * truth.paid / 1e6, "latency_s": output / 150,
        "signal": "resolved", "score": float(luck < chance), "live_score": float(luck < 0.9),
        "scorer": "human", "executed_at": at, "version": int(at.timestamp()) * 10**9,
    }  # fmt: skip


def _prices(client: Client, truth: Fortnight) -> None:
    dollars = {"big": 10.0, "small": truth.small_usd}
    insert(
        client,
        "price_books",
        [
            {
                "book": BOOK, "model": model, "context_band": band, "effective_from": dt.date(2020, 1, 1),
                "input_usd_per_mtok": price, "cache_read_usd_per_mtok": price, "cache_write_usd_per_mtok": price,
                "output_usd_per_mtok": 4 * price,
            }
            for model, price in dollars.items()
            for band in range(4)
        ],
    )  # fmt: skip
    pin = [["", BOOK, dt.datetime.now(dt.UTC), "test"]]
    client.insert("price_book_pins", pin, column_names=["project", "book", "pinned_at", "source"])


if __name__ == "__main__":
    # `python -m tests.support.judged_fortnight chdb://FOLDER`: a store of its own process, for tests of the script.
    with open_store(sys.argv[1], own=True) as opened:
        fill(opened, Fortnight(requests=1000))
