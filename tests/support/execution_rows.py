"""Rows of executed answers for tests, with defaults for what a test does not care about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from clickhouse_connect.driver.client import Client

_DEFAULTS: Final[Mapping[str, Any]] = {
    "project": "p",
    "sample": "s1",
    "request_id": "r1",
    "policy": "cheap",
    "policy_version": "",
    "model": "small",
    "inclusion_probability": 0.5,
    "stratum": "",
    "status": "ok",
    "escalated": None,
    "input_tokens": 1000,
    "output_tokens": 200,
    "cost_usd": 0.5,
    "latency_s": 1.5,
    "signal": "resolved",
    "score": 1.0,
    "live_score": None,
    "scorer": "",
    "executed_at": dt.datetime(2026, 11, 18, tzinfo=dt.UTC),
    "version": 1,
}


def insert_executions(client: Client, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, each as differences from the defaults."""
    filled = [list({**_DEFAULTS, **row}.values()) for row in rows]
    client.insert("executions", filled, column_names=list(_DEFAULTS))
