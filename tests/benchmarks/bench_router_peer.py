"""The router with three shadows and LiteLLM's Router: what a call costs its caller, without a network."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from itertools import chain

from shadow.config import Routing
from shadow.domain.outcome import Answer
from shadow.domain.usage import answer_of
from shadow.providers.protocol import Call
from shadow.providers.recorded import RecordedProvider
from shadow.router import ShadowRouter
from tests.benchmarks.bench_caller_time import hook_s
from tests.benchmarks.figures import Figure, collector, microseconds, percentile
from tests.benchmarks.litellm_peer import VERSION, router_times
from tests.benchmarks.measured_process import cores
from tests.benchmarks.traffic import MESSAGES, REPLY, THREE, by_task, service
from tests.support.sdk import CATALOGUE

ROUNDS = 5
"""Ours and theirs take turns, because a machine may be twice as fast a minute later."""
CALLS = 1_000
PEER_CALLS = 200
BLOCK = 500
YARDSTICK_S = 0.0038
"""LiteLLM's mocked completion on the machine that the absolute aims were written for."""


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
            rounds = [_round(url, core) for _ in range(ROUNDS)]
        finally:
            os.sched_setaffinity(0, set(available))
    added, ours, picks, theirs = (list(chain.from_iterable(times)) for times in zip(*rounds, strict=True))
    return [
        Figure("added by the hook, 3 shadows: p50, p99", _both(added), "≤ 50 µs, ≤ 250 µs"),
        Figure("whole call, 3 shadows: p50, p99", _both(ours), "-"),
        Figure(f"LiteLLM {VERSION} Router, mocked: p50, p99", _both(theirs), "compare"),
        Figure("  which is, times what it took where the aims were written", _slower(theirs), "1 x"),
        Figure("  its choice of a deployment alone: p50", microseconds(percentile(picks, 50)), "compare"),
        Figure("LiteLLM's choice alone / added by the hook", _ratio(rounds, 2, 0), "≥ 3 x"),
        Figure("LiteLLM's mocked completion / added by the hook", _ratio(rounds, 3, 0), "≥ 30 x"),
        Figure("LiteLLM's choice alone / our whole call", _ratio(rounds, 2, 1), "-"),
        Figure("LiteLLM's mocked completion / our whole call", _ratio(rounds, 3, 1), "-"),
    ]


Round = tuple[list[float], list[float], list[float], list[float]]
"""Times of the hook, of our whole calls, of LiteLLM's choices, and of its whole calls."""


def _round(url: str, core: int) -> Round:
    routing = Routing.of(
        live=by_task("live", "small", 2000), shadows=THREE, catalogue=CATALOGUE, export_to=url, service="bench"
    )
    added = _added_times(url)
    ours = asyncio.run(_our_times(ShadowRouter(routing, providers=_Instant())))
    return added, ours, *router_times(MESSAGES, PEER_CALLS, core)


def _ratio(rounds: Sequence[Round], over: int, under: int) -> str:
    """Of the medians of each round: the median round, and the range of all."""
    ratios = sorted(percentile(each[over], 50) / percentile(each[under], 50) for each in rounds)
    return f"{ratios[len(ratios) // 2]:,.1f} x ({ratios[0]:,.1f} to {ratios[-1]:,.1f})"


def _slower(theirs: list[float]) -> str:
    """How slow this machine is now: read every absolute aim, of the other benchmarks as well, with it."""
    return f"{percentile(theirs, 50) / YARDSTICK_S:,.1f} x"


def _both(times: list[float]) -> str:
    return f"{microseconds(percentile(times, 50))}, {microseconds(percentile(times, 99))}"


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
