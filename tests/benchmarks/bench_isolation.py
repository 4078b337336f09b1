"""How far shadows move p99 of a live call: paired blocks with and without them, in one run.

A live call waits 1 ms for its provider and then reads a JSON answer, so that it must win the interpreter lock back
each time. The misbehaving policies are those that a rollout meets: one raises, one sleeps 30 s, one changes what it was
given, one names a model that nobody knows.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

from shadow.domain.policy import Policy
from shadow.domain.request import Request
from tests.benchmarks.figures import Figure, collector, milliseconds, percentile
from tests.benchmarks.traffic import REPLY, THREE, observed_call, service
from tests.support.sdk import FunctionPolicy, decision

BLOCKS = 5
CALLS = 2_000
"""Per block and side: 20,000 calls in all."""

BODY = json.dumps(REPLY)


def live() -> Any:
    """One call to a provider."""
    time.sleep(0.001)
    return json.loads(BODY)


def raising(request: Request) -> Any:
    """Every time."""
    raise ValueError(request.task)


def sleeping(request: Request) -> Any:
    """Far over its budget."""
    time.sleep(30)


def mutating(request: Request) -> Any:
    """Past the frozen dataclass."""
    object.__setattr__(request, "task", "changed")
    object.__setattr__(request, "messages", ())
    return decision("small", "mutating")


def unknown(request: Request) -> Any:
    """A typing mistake."""
    return decision("smal", "unknown")


MISBEHAVING = (
    FunctionPolicy("raising", raising),
    FunctionPolicy("sleeping", sleeping),
    FunctionPolicy("mutating", mutating),
    FunctionPolicy("unknown", unknown),
)


def run() -> list[Figure]:
    """Median over five pairs of blocks."""
    return [
        _shift("3 shadows", THREE),
        _shift("shadows that raise, sleep 30 s, mutate, name no model", MISBEHAVING),
    ]


def _shift(what: str, shadows: tuple[Policy, ...]) -> Figure:
    shifts = []
    with collector() as url:
        for number in range(BLOCKS):
            sides = [(), shadows] if number % 2 else [shadows, ()]
            p99 = {bool(side): _p99(side, url) for side in sides}
            shifts.append(p99[True] - p99[False])
    shift = statistics.median(shifts)
    return Figure(f"p99 of the live call, moved by {what}", milliseconds(shift), "< 1 ms")


def _p99(shadows: tuple[Policy, ...], url: str) -> float:
    """p99 of one block, in a fresh observer."""
    took = []
    with service(shadows, url) as observer:
        for _ in range(CALLS):
            started = time.perf_counter()
            observed_call(observer, live)
            took.append(time.perf_counter() - started)
    return percentile(took, 99)
