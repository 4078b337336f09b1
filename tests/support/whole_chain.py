"""Two small days of a whole project as plain rows, so that a test can change the rows and ask for every figure again.

Decisions, signals, executed answers and prices with what makes figures hard: sampling, fallbacks, caches, unreported
outcomes, failed shadows, cascades that nobody saw end, exploration by live, dated prices and late signals.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from shadowroute.analysis.as_json import plain
from shadowroute.analysis.packet.content import packet
from shadowroute.analysis.plan import plan_of
from shadowroute.analysis.plan.registration import judged_by
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.report import project_report
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.signals import SignalRow
from shadowroute.analysis.study import Study
from tests.support.decision_rows import insert
from tests.support.execution_rows import insert_executions

Row = dict[str, Any]

FIRST: Final = dt.date(2026, 10, 5)
DAYS: Final = 2
NOW: Final = dt.datetime(2026, 10, 20, 8, tzinfo=dt.UTC)
BOOK: Final = "chain"
LIVE: Final = PolicyRef("main", "1")
SHADOW: Final = PolicyRef("cheap", "v1")
PLAIN: Final = PolicyRef("plain", "v1")
BIG, MID, SMALL = "lion", "wolf", "mouse"
TIERS: Final = {BIG: "large", MID: "medium", SMALL: "small"}
DOLLARS: Final = {BIG: 10.0, MID: 4.0, SMALL: 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Everything that a project rests on; rows are differences from the defaults of `decision_rows`.

    Attributes:
        costs: of the plan.
        first: day of the plan and of the window. now: when it is judged.
    """

    decisions: Sequence[Row]
    signals: Sequence[Row]
    executions: Sequence[Row]
    prices: Sequence[Row]
    costs: dict[str, float]
    first: dt.date = FIRST
    now: dt.datetime = NOW

    @property
    def window(self) -> Window:
        """The days of the plan."""
        return Window(self.first, self.first + dt.timedelta(days=DAYS - 1))


def chain(requests: int = 600, seed: int = 11) -> Chain:
    """The same rows for the same arguments."""
    dice = random.Random(seed)
    decisions: list[Row] = []
    signals: list[Row] = []
    executions: list[Row] = []
    for number in range(requests):
        live = _live(number, requests, dice)
        decisions.append(live)
        signals += _signals(live, dice)
        if dice.random() < 0.1:
            continue  # sampled out for all shadows
        shadow = _shadow(live, dice)
        decisions += [shadow, _plain(live), {**live, "role": "shadow", "sample_rate": 0.9}]
        if shadow["steps_id"] != live["steps_id"]:
            executions += _executions(shadow, dice)
        executions += _alone(live, dice)
    costs = {"router_usd_per_decision": 0.0004, "running_usd_per_month": 30.0, "bad_answer_usd": 0.02}
    return Chain(decisions=decisions, signals=signals, executions=executions, prices=_prices(), costs=costs)


def store_rows(client: Client, rows: Chain, project: str, *, book: str = BOOK) -> None:
    """Insert everything at once."""
    insert_decisions(client, rows.decisions, project)
    insert_signals(client, rows.signals, project)
    insert_answers(client, rows.executions, project)
    insert(client, "price_books", [{**row, "book": book} for row in rows.prices])


def insert_decisions(client: Client, rows: Iterable[Row], project: str) -> None:
    """Insert decisions as if they had just arrived."""
    arrived = dt.datetime.now(dt.UTC)
    insert(client, "decisions", [{**row, "project": project, "ingested_at": arrived} for row in rows])


def insert_signals(client: Client, rows: Iterable[Row], project: str) -> None:
    """Insert signals."""
    insert(client, "signals", [{**row, "project": project} for row in rows])


def insert_answers(client: Client, rows: Iterable[Row], project: str) -> None:
    """Insert executed answers."""
    insert_executions(client, [{**row, "project": project} for row in rows])


def figures(client: Client, rows: Chain, project: str, *, book: str = BOOK) -> dict[str, Any]:
    """Everything that can be asked about the shadow, judged by a plan of these days, as JSON values."""
    plan = plan_of(
        {
            "plan": "plan-1",
            "policy": SHADOW.name,
            "window": {"starts": str(rows.window.first), "ends": str(rows.window.last), "min_days": DAYS},
            "confidence": "95%",
            "price_book": book,
            "must": {
                "cost": {"saves_at_least": "10%"},
                "quality": [{"signal": "resolved", "loses_at_most_points": 3.0}],
                "escalation": {"below": "break_even"},
                "latency_p95": {"adds_at_most_ms": 300},
            },
            "segments": {"by": ["task"]},
            "signals": {"stars": {"bar": "60%"}},
            "costs": rows.costs,
        }
    )
    q = Queries(client, project).remembering()
    made = packet(q, SHADOW, rows.window, book=book, now=rows.now, plan=judged_by(plan, []))
    thumbs = SignalRow(name="resolved", source="user", n=0)
    made_of = {
        "packet": plain(made),
        "report": plain(project_report(Study(q, rows.window, [SHADOW, PLAIN], book=book), by=("user_tier",))),
        "off_policy": plain(Study(q, rows.window).of(PLAIN).off_policy(thumbs)),
    }
    values: dict[str, Any] = json.loads(json.dumps(made_of))
    return values


def _live(number: int, requests: int, dice: random.Random) -> Row:
    at = dt.datetime.combine(FIRST, dt.time(), dt.UTC) + dt.timedelta(days=DAYS) * ((number + 0.5) / requests)
    user = f"u{int(dice.paretovariate(1.2) * 200) % 900}"
    task = dice.choice(["code", "chat", "extract"])
    explored = task == "chat" and dice.random() < 0.3
    planned = SMALL if explored else BIG if task != "extract" else MID
    served = MID if planned == BIG and dice.random() < 0.04 else planned
    tokens = dice.randrange(100, 4_000) + (150_000 if dice.random() < 0.01 else 0)
    cached = dice.choice([0, tokens // 2])
    output, latency_s = dice.randrange(20, 700), round(dice.lognormvariate(0, 0.6), 4)
    known = dice.random() > 0.02
    answer = ("fallback" if served != planned else "primary", "acme", served, "", tokens, cached, 0, output, latency_s)
    failed = [("primary", "acme", planned, "503", 0, 0, 0, 0, 0.1)] if served != planned else []
    return {
        "ts": at,
        "request_id": f"r{number:04d}",
        "response_id": f"answer{number}" if number % 2 else "",
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "cluster_key": user,
        "bucket": hashlib.md5(user.encode(), usedforsecurity=False).digest()[0],
        "session_key": f"{user}-{at.date()}",
        "task": task,
        "user_tier": dice.choice(["free", "pro"]),
        "model": planned,
        "tier": TIERS[planned],
        "steps_id": planned,
        "steps": _steps(planned),
        "candidates": json.dumps([{"model": model, "score": 0.5, "terms": {}, "rejected": ""} for model in TIERS]),
        "live_model": planned,
        "live_tier": TIERS[planned],
        "live_steps_id": planned,
        "propensity": 1.0 if task != "chat" else 0.3 if explored else 0.7,
        "served_model": served,
        "outcome_status": "complete" if known else "unreported",
        "contamination": ["fallback"] if served != planned else [],
        "input_tokens": tokens if known else None,
        "cache_read_tokens": cached if known else 0,
        "output_tokens": output if known else None,
        "latency_s": latency_s if known else None,
        "eval_s": round(dice.uniform(0.0001, 0.002), 6),
        "attempts": [*failed, answer] if known else [],
    }


def _steps(model: str, escalation: str = "") -> str:
    steps = [{"kind": "primary", "model": model, "accept_if": ["json_schema"] if escalation else []}]
    if escalation:
        steps.append({"kind": "escalation", "model": escalation, "accept_if": []})
    return json.dumps(steps)


def _shadow(live: Row, dice: random.Random) -> Row:
    shadow = {**live, "role": "shadow", "policy": SHADOW.name, "policy_version": SHADOW.version, "sample_rate": 0.9}
    if live["task"] == "code":
        return {**shadow, "propensity": 1.0}
    cascade = live["task"] == "extract"
    return {
        **shadow,
        "model": SMALL,
        "tier": TIERS[SMALL],
        "steps_id": f"{SMALL}>{BIG}" if cascade else SMALL,
        "steps": _steps(SMALL, BIG if cascade else ""),
        "propensity": 1.0,
        "escalation_model": BIG if cascade else "",
        "escalated": dice.choice([None, 0, 0, 1]) if cascade else None,
    }


def _plain(live: Row) -> Row:
    """A shadow that chooses what live explores, so that live's answers tell of it."""
    row = {**live, "role": "shadow", "policy": PLAIN.name, "policy_version": PLAIN.version, "sample_rate": 0.9}
    if live["request_id"].endswith("77"):
        return {**row, "model": "", "tier": "", "steps_id": "", "status": "error", "error_type": "ValueError"}
    chosen = {"model": SMALL, "tier": TIERS[SMALL], "steps_id": SMALL, "steps": _steps(SMALL)}
    return {**row, "propensity": 1.0, **(chosen if live["task"] == "chat" else {})}


def _signals(live: Row, dice: random.Random) -> Iterator[Row]:
    """A yes-or-no signal for most requests, stars for some; by request id or by response id."""
    target = live["request_id"]
    if live["response_id"] and dice.random() < 0.5:
        target = f"response:{live['response_id']}"
    given = {"target": target, "ts": live["ts"] + dt.timedelta(hours=2)}
    if dice.random() < 0.7:
        value = float(dice.random() < (0.85 if live["model"] == SMALL else 0.9))
        yield {**given, "name": "resolved", "value": value}
        if dice.random() < 0.1:
            yield {**given, "name": "resolved", "value": 1 - value, "version": 2}
    if dice.random() < 0.3:
        yield {**given, "name": "stars", "source": "survey", "value": dice.choice([0.2, 0.4, 0.6, 0.8, 1.0])}


def _executions(shadow: Row, dice: random.Random) -> Iterator[Row]:
    """Of the requests that differ, one half of the plan's answers, drawn with unequal chances."""
    chance = 0.3 if shadow["task"] == "chat" else 0.6
    if dice.random() >= chance:
        return
    escalated = dice.random() < 0.25 if shadow["escalation_model"] else None
    luck, output = dice.random(), dice.randrange(20, 900)
    tokens = shadow["input_tokens"] or 500
    yield {
        "request_id": shadow["request_id"],
        "policy": SHADOW.name,
        "policy_version": SHADOW.version,
        "model": SMALL,
        "inclusion_probability": chance,
        "stratum": shadow["task"],
        "escalated": escalated,
        "input_tokens": tokens,
        "output_tokens": output,
        "cost_usd": (tokens * 0.5 + output * 2.0) / 1e6 * (6 if escalated else 1),
        "latency_s": round(dice.lognormvariate(-0.5, 0.5), 4),
        "score": float(luck < 0.88),
        "live_score": float(luck < 0.9) if dice.random() < 0.9 else None,
        "executed_at": shadow["ts"] + dt.timedelta(days=1),
    }


def _alone(live: Row, dice: random.Random) -> Iterator[Row]:
    """Answers of single models to a fifth of all requests."""
    if dice.random() >= 0.2:
        return
    for model, good in ((BIG, 0.9), (SMALL, 0.8)):
        output = dice.randrange(20, 900)
        yield {
            "sample": "alone",
            "request_id": live["request_id"],
            "policy": "",
            "model": model,
            "inclusion_probability": 0.2,
            "input_tokens": 800,
            "output_tokens": output,
            "cost_usd": (800 + 4 * output) * DOLLARS[model] / 1e6,
            "score": float(dice.random() < good),
            "live_score": float(dice.random() < 0.9),
            "executed_at": live["ts"] + dt.timedelta(days=1),
        }


def _prices() -> list[Row]:
    """The big model costs twice as much beyond 128k tokens, and a fifth more from the second day on."""
    rows = []
    for model, usd in DOLLARS.items():
        for band in range(4):
            factor = usd * (2 if band and model == BIG else 1)
            price = {
                "model": model,
                "context_band": band,
                "effective_from": dt.date(2026, 1, 5),
                "input_usd_per_mtok": factor,
                "cache_read_usd_per_mtok": factor / 10,
                "cache_write_usd_per_mtok": factor * 1.25,
                "output_usd_per_mtok": factor * 4,
            }
            rows.append(price)
            if model == BIG:
                dearer = {"input_usd_per_mtok": factor * 1.2, "effective_from": FIRST + dt.timedelta(days=1)}
                rows.append({**price, **dearer})
    return rows
