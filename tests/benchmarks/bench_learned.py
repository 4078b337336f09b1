"""How long a learned policy takes to decide."""

from __future__ import annotations

import time
from collections.abc import Sequence

from shadow.config import load_catalogue, load_policy
from shadow.domain.policy import Policy
from shadow.domain.request import Message, Request
from shadow.domain.snapshot import STATELESS
from tests.benchmarks.figures import Figure, microseconds, percentile
from tests.support.groups import ROOT

CALLS = 20_000
SENTENCE = "Prove that the total of an order is the sum of its lines, minus what a coupon takes off. "


def run() -> list[Figure]:
    """Decisions of the example policy on a short prompt and on one that is longer than what is read of it."""
    policy = load_policy(ROOT / "examples/policies/learned.yaml", load_catalogue(ROOT / "examples/routing/models.yaml"))
    short, long = (_times(policy, SENTENCE * times) for times in (2, 50))
    return [
        Figure("a short prompt (34 words), median", microseconds(percentile(short, 50)), "≤ 200 µs"),
        Figure("a long prompt (850 words), median", microseconds(percentile(long, 50)), "≤ 200 µs"),
        Figure("a long prompt (850 words), p99", microseconds(percentile(long, 99)), "-"),
    ]


def _times(policy: Policy, text: str) -> Sequence[float]:
    request = Request(request_id="r", time_us=1, messages=(Message("user", text),), input_tokens=len(text) // 4)
    taken = []
    for _ in range(CALLS):
        started = time.perf_counter()
        policy.decide(request, STATELESS)
        taken.append(time.perf_counter() - started)
    return taken
