"""Answers of the shadow `bold` that were run, and plans that judge it, beside the fortnight of the page tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shadowroute.analysis.plan import plan_of, register
from shadowroute.collector.executions import Execution, write
from shadowroute.collector.store import Store
from tests.support.page_week import DAYS, FIRST, PROJECT

GOOD, BAD = "resolved", "tone"
"""Signals of the answers: by one they are as good as live's, by the other one in two is worse."""

_DRAWN: Final = 0.5


def run_answers(store: Store) -> None:
    """Store a drawn half of the answers of `bold`, scored twice."""
    rows = store.reader().query(
        "SELECT request_id, model FROM decisions FINAL WHERE project = {p:String} AND policy = 'bold'"
        " ORDER BY request_id",
        {"p": PROJECT},
    )
    answers = [answer for request_id, model in rows.result_rows for answer in _answers(request_id, model)]
    write(store.client(), PROJECT, answers, now=datetime.now(UTC))


def plan_content(name: str, policy: str = "bold", *, saves: str = "10%", signal: str = GOOD) -> dict[str, Any]:
    """A plan for the fortnight; its quality condition allows 8 points."""
    ends = FIRST + timedelta(days=DAYS - 1)
    return {
        "plan": name,
        "policy": policy,
        "window": {"starts": str(FIRST), "ends": str(ends)},
        "confidence": "95%",
        "must": {"cost": {"saves_at_least": saves}, "quality": [{"signal": signal, "loses_at_most_points": 8.0}]},
        "segments": {"by": ["task"]},
    }


def record(store: Store, content: dict[str, Any]) -> None:
    """Record a plan, as the first run of the gate does."""
    register(plan_of(content), PROJECT, reader=store.reader(), writer=store.client())


def _answers(request_id: str, model: str) -> Iterator[Execution]:
    roll = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:4]) / 2**32
    if roll >= _DRAWN:
        return
    for signal, score in ((GOOD, 1.0), (BAD, float(roll < _DRAWN / 2))):
        yield Execution(
            sample=f"draw-{signal}", request_id=request_id, policy="bold", policy_version="", model=model,
            inclusion_probability=_DRAWN, stratum="", status="ok", escalated=None, input_tokens=500, output_tokens=100,
            cost_usd=0.001, latency_s=1.0, signal=signal, score=score, live_score=1.0, scorer="judge",
        )  # fmt: skip
