"""How long policies that compare five models take to decide."""

from __future__ import annotations

import time

from shadow.domain.snapshot import ModelState, Snapshot
from shadow.policies.budget import Budget
from shadow.policies.composed import Composed
from shadow.policies.plan import Chooser
from shadow.policies.pool import Pool
from shadow.policies.split import Arm, Split
from shadow.policies.static import Static
from shadow.policies.weighted import PRESETS, Weighted
from tests.benchmarks.figures import Figure, microseconds, percentile
from tests.support.models import catalogue, model, request

CALLS = 20_000
NAMES = ("a", "b", "c", "d", "e")


def run() -> list[Figure]:
    """Everything that a decision may look at is known: averages, a rate limit, a warm prompt."""
    listed = [model(name, at + 1.0, at + 2.0, latency_s=1.0 + at, quality=at / 5) for at, name in enumerate(NAMES)]
    pool = Pool(NAMES, catalogue(*listed))
    choosers: dict[str, Chooser] = {
        "weighted": Weighted(pool, PRESETS["balanced"]),
        "budget": Budget(pool, 0.01),
        "split": Split("split", [Arm(0.05, Static("a"), "arm 1")], Static("b")),
    }
    return [
        Figure(f"decision of {name} over 5 models, median", microseconds(_median_s(chooser)), "≤ 20 µs")
        for name, chooser in choosers.items()
    ]


def _median_s(chooser: Chooser) -> float:
    policy = Composed(name="p", version="1", chooser=chooser)
    states = {name: ModelState(latency_s=1.0 + at, headroom=0.5) for at, name in enumerate(NAMES)}
    snapshot = Snapshot(mode="shared", models=states, warm_tokens={"c": 500})
    asked = request(session_key="s")
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        policy.decide(asked, snapshot)
        times.append(time.perf_counter() - started)
    return percentile(times, 50)
