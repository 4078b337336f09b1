"""A service on real sockets with a fake provider, a collector, and shadows that misbehave."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any, Final

from shadow.config import Limits, Routing
from shadow.domain.outcome import Answer
from shadow.domain.policy import Policy
from shadow.prices.catalogue import Catalogue, Model
from shadow.router import ShadowRouter
from tests.support.fake_openai import FakeOpenAI
from tests.support.otlp_sink import OtlpSink
from tests.support.sdk import always

FULL: Final = os.environ.get("SHADOWROUTE_FAULTS") == "full"
"""The long form, as `make faults` runs it."""


def service(
    server: FakeOpenAI, collector: OtlpSink, shadows: Iterable[Policy], *, isolated: Iterable[str] = (), **limits: Any
) -> Routing:
    """A routing that sends everything to `big` at the fake provider."""
    models = [Model(name=name, provider="fake", base_url=server.base_url) for name in ("big", "small")]
    return Routing.of(
        live=always("big", "live"),
        shadows=shadows,
        catalogue=Catalogue(models),
        export_to=collector.url,
        limits=Limits(**limits),
        isolated=isolated,
    )


def ask(router: ShadowRouter, number: int, task: str = "") -> tuple[Answer, float]:
    """One request, and the seconds that its caller waited."""
    started = time.perf_counter()
    reply = router.complete(messages=[{"role": "user", "content": f"question {number}"}], task=task, seed=number)
    return reply.answer, time.perf_counter() - started


def ask_many(router: ShadowRouter, calls: int, task: str = "") -> list[float]:
    """Requests one after another; every answer is the right one. Seconds, sorted."""
    waits = []
    for number in range(calls):
        answer, seconds = ask(router, number, task)
        assert (answer.text, answer.model) == (f"echo question {number}", "big")
        waits.append(seconds)
    return sorted(waits)


def shift_of_p99_ms(without: list[float], with_shadows: list[float]) -> float:
    """How much later the slowest hundredth came, milliseconds."""
    place = int(0.99 * (len(without) - 1))
    return (with_shadows[place] - without[place]) * 1000
