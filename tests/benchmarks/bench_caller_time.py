"""How long a caller waits for the hook: features, live decision, record, three shadows handed over."""

from __future__ import annotations

import time

from tests.benchmarks.figures import Figure, collector, microseconds, percentile
from tests.benchmarks.traffic import MESSAGES, REPLY, THREE, service

CALLS = 100_000
BETWEEN_S = 0.0002
"""Time between two calls, spent waiting as a service does: background threads work then, and now and then too long."""


def run() -> list[Figure]:
    """Added time per call over 100,000 calls, about 3,000 a second."""
    added = []
    with collector() as url, service(THREE, url) as observer:
        for _ in range(CALLS):
            time.sleep(BETWEEN_S)
            started = time.perf_counter()
            with observer.request(
                messages=MESSAGES, user="user-17", session="s-4", task="support", labels={"team": "a"}
            ) as request:
                request.chose("big")
                request.served(REPLY)
            added.append(time.perf_counter() - started)
        observer.flush()
        stats = observer.stats
    added = added[CALLS // 50 :]
    return [
        Figure("caller's added time, 3 shadows, median", microseconds(percentile(added, 50)), "≤ 50 µs"),
        Figure("caller's added time, 3 shadows, p99", microseconds(percentile(added, 99)), "≤ 250 µs"),
        Figure("requests recorded, shed, lost", f"{stats.requests:,}, {stats.shed:,}, {stats.dropped:,}", "all, 0, 0"),
    ]
