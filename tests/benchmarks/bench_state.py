"""What the router's state costs a request: the snapshot before the decision, and what is told afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from shadow.domain.outcome import Attempt, Outcome, Usage
from shadow.domain.policy import Decision, Step
from shadow.domain.request import Request
from shadow.prices.catalogue import Catalogue, Model
from shadow.state.router_state import State
from shadow.state.settings import SpendingLimit
from tests.benchmarks.figures import Figure, microseconds, percentile

CALLS = 20_000
MODELS = 20


def run() -> list[Figure]:
    """Twenty models with quotas, a session with a warm model, two spending limits."""
    names = [f"m{number}" for number in range(MODELS)]
    catalogue = Catalogue([Model(name=name, provider="p", requests_per_minute=10**9) for name in names])
    limits = [SpendingLimit(name="d", usd=1e9, per="day"), SpendingLimit(name="m", usd=1e9, per="month")]
    plain, full = State(catalogue), State(catalogue, spending=limits)
    usage = Usage(input_tokens=1500, output_tokens=10, cache_read_tokens=1000)
    attempt = Attempt(kind="primary", model="m1", latency_s=1.0, usage=usage)
    outcome = Outcome(status="complete", model="m1", usage=usage, duration_s=1.0, attempts=(attempt,))
    decision = Decision(policy="p", version="1", steps=(Step(kind="primary", model="m1"),))
    alone, session = Request(request_id="r", time_us=1), Request(request_id="r", time_us=1, session_key="s")
    for state in (plain, full):
        for name in names:
            state.attempt(name, error_type="", latency_s=1.0)
        state.observe(session, decision, outcome)

    def one_request() -> None:
        full.admits("m1", session)
        full.attempt("m1", error_type="", latency_s=1.0)
        full.observe(session, decision, outcome, told=True)

    bare = _times(lambda: plain.snapshot(alone))
    whole = _times(lambda: full.snapshot(session))
    told = _times(one_request)
    return [
        Figure("snapshot, no session and no limit, median", microseconds(percentile(bare, 50)), "≤ 5 µs"),
        Figure("snapshot, warm session and two limits, median", microseconds(percentile(whole, 50)), "-"),
        Figure("admission, attempt and end of a request, median", microseconds(percentile(told, 50)), "-"),
    ]


def _times(call: Callable[[], object]) -> Sequence[float]:
    taken = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return taken
