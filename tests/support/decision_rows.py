"""Rows for the store's tables, with defaults for everything a test does not care about.

What happened has fixed days. When it arrived is now, unless a row says otherwise: retention runs on the arrival.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from clickhouse_connect.driver.client import Client

DAY: Final = dt.date(2026, 11, 16)

_DECISION: Final[Mapping[str, Any]] = {
    "project": "p",
    "ts": dt.datetime(2026, 11, 16, 10, tzinfo=dt.UTC),
    "request_id": "r1",
    "role": "live",
    "policy": "main",
    "policy_version": "1",
    "trace_id": "t" * 32,
    "span_id": "s" * 16,
    "response_id": "",
    "origin": "production",
    "cluster_key": "u1",
    "cluster_kind": "user",
    "bucket": 1,
    "session_key": "",
    "task": "code",
    "user_tier": "free",
    "complexity_band": "low",
    "input_band": "lt1k",
    "labels": {},
    "status": "ok",
    "error_type": "",
    "model": "big",
    "tier": "large",
    "escalation_model": "",
    "steps_id": "big",
    "steps": "[]",
    "candidates": "[]",
    "reason": "default",
    "live_model": "big",
    "live_tier": "large",
    "live_steps_id": "big",
    "outcome_status": "complete",
    "served_model": "big",
    "served_provider": "acme",
    "contamination": [],
    "input_tokens": 1000,
    "cache_read_tokens": 400,
    "cache_write_tokens": 0,
    "output_tokens": 100,
    "latency_s": 0.5,
    "eval_s": None,
    "confidence": None,
    "attempts": [("primary", "acme", "big", "", 1000, 400, 0, 100, 0.5)],
    "escalated": None,
    "sample_rate": 1.0,
    "ingested_at": None,
}

_PAIR: Final[Mapping[str, Any]] = {
    "project": "p",
    "day": DAY,
    "role": "shadow",
    "policy": "cheap",
    "policy_version": "2",
    "segment_key": "all",
    "segment_value": "",
    "live_model": "big",
    "shadow_model": "small",
    "contaminated": 0,
    "bucket": 1,
    "n": 10,
    "w": 10.0,
    "w_failed": 0.0,
    "w_div_model": 0.0,
    "w_div_tier": 0.0,
    "w_div_steps": 0.0,
    "w_cascade": 0.0,
    "w_esc_known": 0.0,
    "w_esc": 0.0,
    "w_sign_1": 0.0,
    "w_sign_2": 0.0,
    "w_sign_3": 0.0,
    "w_sign_4": 0.0,
}

_COUNT_HOURLY: Final[Mapping[str, Any]] = {
    "project": "p",
    "day": DAY,
    "role": "live",
    "policy": "main",
    "policy_version": "1",
    "hour": dt.datetime(2026, 11, 16, 10, tzinfo=dt.UTC),
    "cluster_kind": "user",
    "outcome_status": "complete",
    "n": 1,
    "w": 1.0,
}

_MEANT_HOURLY: Final[Mapping[str, Any]] = {
    "project": "p",
    "day": DAY,
    "role": "live",
    "policy": "main",
    "policy_version": "1",
    "segment_key": "all",
    "segment_value": "",
    "hour": dt.datetime(2026, 11, 16, 10, tzinfo=dt.UTC),
    "meant_n": 0,
    "stated_n": 0,
    "stated_w": 0.0,
    "unstated_n": 0,
    "unstated_w": 0.0,
}

_COUNT_DAILY: Final[Mapping[str, Any]] = {
    "project": "p",
    "day": DAY,
    "role": "shadow",
    "policy": "cheap",
    "policy_version": "2",
    "status": "ok",
    "error_type": "",
    "live_model": "big",
    "shadow_model": "small",
    "n": 1,
    "w": 1.0,
    "no_tier_n": 0,
    "no_live_tier_n": 0,
    "no_steps_n": 0,
}

_COST: Final[Mapping[str, Any]] = {
    "project": "p",
    "day": DAY,
    "policy": "cheap",
    "policy_version": "2",
    "segment_key": "all",
    "segment_value": "",
    "live_model": "big",
    "shadow_model": "small",
    "contaminated": 0,
    "bucket": 1,
    "side": "live",
    "kind": "primary",
    "model": "big",
    "context_band": 0,
    "cache_kept": 1,
    "n": 1,
    "w": 1.0,
    "uncached_tokens": 0.0,
    "cache_read_tokens": 0.0,
    "cache_write_tokens": 0.0,
    "output_tokens": 0.0,
}

_SIGNAL_DAILY: Final[Mapping[str, Any]] = {
    "project": "p",
    "day": DAY,
    "policy": "cheap",
    "policy_version": "2",
    "segment_key": "all",
    "segment_value": "",
    "live_model": "big",
    "shadow_model": "small",
    "contaminated": 0,
    "bucket": 1,
    "name": "thumbs",
    "source": "user",
    "bin": 20,
    "n": 1,
    "w": 1.0,
    "sum_value": 1.0,
    "sum_sq": 1.0,
}

_SIGNAL: Final[Mapping[str, Any]] = {
    "project": "p",
    "target": "r1",
    "name": "thumbs",
    "source": "user",
    "scorer": "",
    "ts": dt.datetime(2026, 11, 16, 12, tzinfo=dt.UTC),
    "value": 1.0,
    "label": "",
    "explanation": "",
    "version": 1,
    "is_deleted": 0,
    "ingested_at": None,
}

_PRICE: Final[Mapping[str, Any]] = {
    "book": "b",
    "provider": "acme",
    "model": "big",
    "context_band": 0,
    "effective_from": dt.date(2026, 1, 1),
    "input_usd_per_mtok": 10.0,
    "cache_read_usd_per_mtok": 1.0,
    "cache_write_usd_per_mtok": 12.0,
    "output_usd_per_mtok": 40.0,
    "source": "test",
}

_RUN: Final[Mapping[str, Any]] = {
    "started_at": None,
    "seconds": 1.0,
    "days": 1,
    "rows": 1,
    "late_after_seal": 0,
}

DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "decisions": _DECISION,
    "pair_daily": _PAIR,
    "count_hourly": _COUNT_HOURLY,
    "count_daily": _COUNT_DAILY,
    "meant_hourly": _MEANT_HOURLY,
    "cost_daily": _COST,
    "signal_daily": _SIGNAL_DAILY,
    "signals": _SIGNAL,
    "price_books": _PRICE,
    "rollup_runs": _RUN,
}


_ARRIVALS: Final = ("ingested_at", "started_at")


def insert(client: Client, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, each as differences from the table's defaults."""
    now = dt.datetime.now(dt.UTC)
    defaults = {column: now if column in _ARRIVALS else value for column, value in DEFAULTS[table].items()}
    unknown = (
        {key for row in rows for key in row}
        - defaults.keys()
        - {"revision", "prompt_version", "reported_cost_usd", "propensity", "served_name", "shadows"}
    )
    if unknown:
        raise ValueError(f"{table} rows must have known columns, got {sorted(unknown)}; see DEFAULTS")
    columns = list(dict.fromkeys([*defaults, *(key for row in rows for key in row)]))
    # The table's own default stands for what neither the row nor our defaults name.
    filled = [[{"revision": 0, **defaults, **row}[column] for column in columns] for row in rows]
    client.insert(table, filled, column_names=columns)


def sum_up(client: Client) -> None:
    """Fill the tables of all traffic out of the daily ones, as the worker does of a day."""
    for name in ("pair", "cost", "signal"):
        daily, overall = f"{name}_daily", f"{name}_overall"
        client.command(f"TRUNCATE TABLE {overall}")
        text = (files("shadowroute.collector") / "sql" / f"{overall}.sql").read_text()
        client.command(text, parameters={"stage": overall, daily: daily})


def both(request: Mapping[str, Any], shadow: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The live row of a request, and a row of the shadow `cheap` that copies its facts."""
    live = dict(request)
    copied = {
        "live_model": live.get("live_model", live.get("model", _DECISION["model"])),
        "live_tier": live.get("tier", _DECISION["tier"]),
        "live_steps_id": live.get("steps_id", _DECISION["steps_id"]),
    }
    return [
        {**live, **copied},
        {**live, **copied, "role": "shadow", "policy": "cheap", "policy_version": "2", **shadow},
    ]
