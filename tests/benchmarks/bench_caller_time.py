"""How long a caller waits for the hook: features, live decision, record, three shadows handed over."""

from __future__ import annotations

import time

from shadow.observer import Observer
from tests.benchmarks.figures import Figure, collector, microseconds, percentile
from tests.benchmarks.traffic import MESSAGES, REPLY, THREE, service

CALLS = 50_000
BETWEEN_S = 0.0002
"""Time between two calls, spent waiting as a service does: background threads work then, and caches get cold."""

BLOCK = 2_000
"""Calls back to back, before the backlog is worked off."""


def run() -> list[Figure]:
    """Added time per call over 50,000 calls each way; a warm-up is left out."""
    with collector() as url, service(THREE, url) as observer:
        for _ in range(BLOCK):
            hook_s(observer)
        spaced = []
        for _ in range(CALLS):
            time.sleep(BETWEEN_S)
            spaced.append(hook_s(observer))
        back_to_back = []
        for _ in range(CALLS // BLOCK):
            observer.flush()
            back_to_back += [hook_s(observer) for _ in range(BLOCK)]
        observer.flush()
        stats = observer.stats
    return [
        Figure("added time back to back, median", microseconds(percentile(back_to_back, 50)), "≤ 50 µs"),
        Figure("added time back to back, p99", microseconds(percentile(back_to_back, 99)), "≤ 250 µs"),
        Figure("added time after a wait of 0.2 ms, median", microseconds(percentile(spaced, 50)), "≤ 50 µs"),
        Figure("added time after a wait of 0.2 ms, p99", microseconds(percentile(spaced, 99)), "≤ 250 µs"),
        Figure("requests recorded, shed, lost", f"{stats.requests:,}, {stats.shed:,}, {stats.dropped:,}", "all, 0, 0"),
    ]


def hook_s(observer: Observer) -> float:
    """Seconds that one call spends in the hook."""
    started = time.perf_counter()
    with observer.request(
        messages=MESSAGES, user="user-17", session="s-4", task="support", labels={"team": "a"}
    ) as request:
        request.chose("big")
        request.served(REPLY)
    return time.perf_counter() - started
