"""The router with three shadows and LiteLLM's Router: what a call costs its caller, without a network."""

from __future__ import annotations

import asyncio
import os
import time

from shadow.config import Routing
from shadow.outcome import Answer
from shadow.providers.base import Call
from shadow.providers.recorded import RecordedProvider
from shadow.router import ShadowRouter
from shadow.usage import answer_of
from tests.benchmarks.bench_caller_time import hook_s
from tests.benchmarks.figures import Figure, collector, microseconds, percentile
from tests.benchmarks.litellm_peer import VERSION, router_times
from tests.benchmarks.measured_process import cores
from tests.benchmarks.traffic import MESSAGES, REPLY, THREE, by_task, service
from tests.support.sdk import CATALOGUE

CALLS = 5_000
PEER_CALLS = 1_000
BLOCK = 500


class _Instant(RecordedProvider):
    """Answers at once, as LiteLLM's mock does."""

    def __init__(self) -> None:
        super().__init__({})
        self._answer = answer_of(REPLY)

    def complete(self, call: Call) -> Answer:
        """The same answer, always."""
        return self._answer


def run() -> list[Figure]:
    """Whole asynchronous calls of both, on the same core, one after the other."""
    available = cores()
    core = available[0]
    with collector() as url:
        os.sched_setaffinity(0, {core})
        try:
            routing = Routing.of(
                live=by_task("live", "small", 2000), shadows=THREE, catalogue=CATALOGUE, export_to=url, service="bench"
            )
            added = _added_times(url)
            ours = asyncio.run(_our_times(ShadowRouter(routing, providers=_Instant())))
            picks, theirs = router_times(MESSAGES, PEER_CALLS, core)
        finally:
            os.sched_setaffinity(0, set(available))
    hook, half, most = percentile(added, 50), percentile(ours, 50), percentile(ours, 99)
    return [
        Figure(
            "added by the hook, 3 shadows: p50, p99",
            f"{microseconds(hook)}, {microseconds(percentile(added, 99))}",
            "≤ 50 µs, ≤ 250 µs",
        ),
        Figure("whole call, 3 shadows: p50, p99", f"{microseconds(half)}, {microseconds(most)}", "-"),
        Figure(
            f"LiteLLM {VERSION} Router, mocked: p50, p99",
            f"{microseconds(percentile(theirs, 50))}, {microseconds(percentile(theirs, 99))}",
            "compare",
        ),
        Figure("  its choice of a deployment alone: p50", microseconds(percentile(picks, 50)), "compare"),
        Figure("LiteLLM's choice alone / added by the hook", f"{percentile(picks, 50) / hook:,.1f} x", "≥ 3 x"),
        Figure("LiteLLM's choice alone / our whole call", f"{percentile(picks, 50) / half:,.1f} x", "-"),
        Figure("LiteLLM's whole call / ours", f"{percentile(theirs, 50) / half:,.1f} x", "≥ 30 x"),
    ]


def _added_times(url: str) -> list[float]:
    """What an observed router of the host waits for: features, decision, record, three shadows handed over."""
    times = []
    with service(THREE, url) as observer:
        for number in range(CALLS + BLOCK):
            if number % BLOCK == 0:
                observer.flush()
            spent_s = hook_s(observer)
            if number >= BLOCK:
                times.append(spent_s)
    return times


async def _our_times(router: ShadowRouter) -> list[float]:
    times = []
    for number in range(CALLS + BLOCK):
        if number % BLOCK == 0:
            await asyncio.to_thread(router.flush)
        started = time.perf_counter()
        await router.acomplete(messages=MESSAGES, session="s-4", task="support")
        if number >= BLOCK:
            times.append(time.perf_counter() - started)
    await router.aclose()
    return times
