"""A frame of two thousand requests, half of which differ, and answers of the shadow that were run for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from shadow.prices.registry import Price, PriceRow
from shadowroute.analysis.measures.executed import Executed, executed_of
from shadowroute.analysis.measures.executed_cost import CostFrame
from shadowroute.analysis.prices import PriceTable
from shadowroute.analysis.queries.executions import ExecutedAnswer, Frame, PaidCall
from shadowroute.analysis.summaries import BUCKETS, spread

DAY = dt.date(2026, 11, 16)
N = 2_000
"""Requests of the frame, the first half of them diverging; each its own user."""
PRICES = PriceTable(
    PriceRow(
        provider="x", model=model, context_band=0, effective_from=dt.date(2020, 1, 1), source="test",
        price=Price(
            input_usd_per_mtok=usd, cache_read_usd_per_mtok=usd, cache_write_usd_per_mtok=usd, output_usd_per_mtok=usd
        ),
    )
    for model, usd in (("big", 10.0), ("small", 1.0))
)  # fmt: skip

BASE = ExecutedAnswer(
    request_id="", day=DAY, bucket=0, cluster_key="", weight=1.0, sample="s1", inclusion_probability=0.5, stratum="",
    live_model="big", shadow_model="small", escalation_model="", served_model="big", model="small", is_whole_plan=True,
    needs_execution=True, status="ok", signal="resolved", scorer="", score=1.0, live_score=1.0, cost_usd=0.002,
    input_tokens=1000, output_tokens=1000, escalated=None, seen_escalated=None, latency_s=None,
    live_calls=(PaidCall("big", 1000, 0, 0, 1000),), live_input_tokens=1000, live_cache_read_tokens=0,
    live_cache_write_tokens=0, live_output_tokens=1000, live_latency_s=None, task="", user_tier="", complexity_band="",
    input_band="",
)  # fmt: skip
"""Live paid 0.02 USD, and the small model at the same tokens would be 0.002 USD."""


def answer(number: int, **changes: Any) -> ExecutedAnswer:
    """The answer to request `number`; those from N/2 on do not diverge."""
    own = {"request_id": f"r{number}", "cluster_key": f"u{number}", "bucket": number % BUCKETS}
    return replace(BASE, **{**own, "needs_execution": number < N // 2, **changes})


def every(step: int = 2, **changes: Any) -> list[ExecutedAnswer]:
    """A draw that took every `step`-th request."""
    return [answer(number, inclusion_probability=1 / step, **changes) for number in range(0, N, step)]


def frame(cascade: bool = False) -> Frame:
    buckets = np.arange(N) % BUCKETS
    ones, needed = np.ones(N), (np.arange(N) < N // 2).astype(float)
    none = np.zeros(BUCKETS)
    return Frame(
        requests=spread(buckets, ones),
        needed=spread(buckets, needed),
        cascade=spread(buckets, needed) if cascade else none,
        known=none,
        paid_twice=none,
        n=N,
    )


def costs() -> CostFrame:
    buckets = np.arange(N) % BUCKETS
    needed = np.arange(N) < N // 2
    return CostFrame(
        live=spread(buckets, np.full(N, 0.02)),
        predicted=spread(buckets, np.where(needed, 0.002, 0.02)),
        unpriced=(),
        n=N,
    )


def measure(answers: Sequence[ExecutedAnswer], **changes: Any) -> Executed:
    return executed_of(answers, changes.pop("frame", frame()), changes.pop("costs", costs()), PRICES, **changes)
