"""Shadows that misbehave in every way we could think of, beside a service that must not notice."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from shadow.domain.policy import Candidate, Policy
from shadow.domain.request import Request
from shadow.observer import Observer
from shadow.telemetry import keys
from tests.support.fake_openai import FakeOpenAI, fake_openai
from tests.support.otlp_sink import OtlpSink, otlp_sink
from tests.support.sdk import FunctionPolicy, always, decision, routing

CALLS = 8
BUDGET_S = 0.5
"""Of what shall run out of it. The healthy policy beside it has no more, on a machine that may be busy."""
STUCK_S = 4.0
"""Nothing ends a thread before this call returns; the test waits for it."""
MESSAGES: Any = [{"role": "user", "content": "How do I return an order?"}]


def raising(error: type[BaseException]) -> Callable[[Request], Any]:
    def decide(_: Request) -> Any:
        raise error

    return decide


def recursing(request: Request) -> Any:
    return recursing(request)


def sleeping(_: Request) -> Any:
    time.sleep(STUCK_S)


def looping(_: Request) -> Any:
    while True:
        pass


def waiting(_: Request) -> Any:
    threading.Event().wait(STUCK_S)


def mutating(request: Request) -> Any:
    object.__setattr__(request, "messages", ())
    object.__setattr__(request, "request_id", "stolen")
    return decision(policy="shadow")


def assigning(request: Request) -> Any:
    request.task = "changed"  # type: ignore[misc]  # what a careless policy does
    return decision(policy="shadow")


async def awaiting(_: Request) -> Any:
    """Written async by mistake."""


def ending_threads(_: Request) -> Any:
    raise threading.ThreadError("bye")


MISBEHAVIOURS: dict[str, tuple[Callable[[Request], Any], str, str]] = {
    "raises": (raising(ValueError), "error", "ValueError"),
    "exits": (raising(SystemExit), "error", "SystemExit"),
    "interrupts": (raising(KeyboardInterrupt), "error", "KeyboardInterrupt"),
    "memory": (raising(MemoryError), "error", "MemoryError"),
    "recursion": (recursing, "error", "RecursionError"),
    "thread error": (ending_threads, "error", "RuntimeError"),
    "sleeps": (sleeping, "timeout", "timeout"),
    "loops": (looping, "timeout", "timeout"),
    "waits": (waiting, "timeout", "timeout"),
    "mutates": (mutating, "invalid", "mutated_request"),
    "assigns": (assigning, "error", "FrozenInstanceError"),
    "async": (awaiting, "invalid", "invalid_decision"),
    "unknown model": (lambda _: decision("smal", "shadow"), "invalid", "unknown_model"),
    "NaN": (
        lambda _: decision(policy="shadow", candidates=(Candidate(model="small", score=math.nan),)),
        "invalid",
        "invalid_decision",
    ),
    "10 MB": (lambda _: decision(policy="shadow", reason="x" * 10_000_000), "invalid", "invalid_decision"),
    "nothing": (lambda _: None, "invalid", "invalid_decision"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def collector() -> Iterator[OtlpSink]:
    with otlp_sink() as running:
        yield running


def serve(server: FakeOpenAI, observer: Observer | None) -> tuple[list[str], list[Any]]:
    """What callers of a service get, and what its provider got: answers, streams and an error."""
    client = openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0)
    if observer is not None:
        observer.wrap(client)
    first = len(server.received)
    answers = []
    for number in range(CALLS):
        create = client.chat.completions.create
        if number % 2:
            stream = create(model="big", messages=MESSAGES, stream=True, stream_options={"include_usage": True})
            answers.append("".join(chunk.model_dump_json(exclude={"id", "created"}) for chunk in stream))
        else:
            reply = create(model="big", messages=MESSAGES, seed=number)
            answers.append(reply.model_dump_json(exclude={"id", "created"}))
    return answers, [received.body for received in server.received[first:]]


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_live_answers_are_the_same_bytes_and_the_failure_is_on_record(
    name: str, server: FakeOpenAI, collector: OtlpSink
) -> None:
    """Acceptance: byte-identical answers and requests; one failed row per request with its reason; others unharmed."""
    decide, status, error_type = MISBEHAVIOURS[name]
    without = serve(server, None)
    shadows: list[Policy] = [FunctionPolicy("shadow", decide), always("small", "healthy")]
    # A busy machine may take that long for anything, so only those that shall run out of it have so little.
    budget_s = BUDGET_S if status == "timeout" else 30.0
    with Observer(routing(shadows, export_to=collector.url, budget_s=budget_s)) as observer:
        assert serve(server, observer) == without
        assert observer.flush(20)
        stats = observer.stats
    assert (stats.requests, stats.dropped, stats.contained) == (CALLS, 0, {})
    live, rows = collector.by_role("live"), collector.by_role("shadow")
    assert [row[keys.OUTCOME_STATUS] for row in live] == ["complete"] * CALLS
    healthy = [row for row in rows if row[keys.POLICY_NAME] == "healthy"]
    assert [row[keys.DECISION_MODEL] for row in healthy] == ["small"] * CALLS
    failed = [row for row in rows if row[keys.POLICY_NAME] == "shadow"]
    reasons = [(row[keys.DECISION_STATUS], row[keys.ERROR_TYPE]) for row in failed]
    if status == "timeout":
        assert reasons == [(status, error_type)] * 3 + [("error", "switched_off")] * (CALLS - 3)
    else:
        assert reasons == [(status, error_type)] * CALLS
    assert {row.get(keys.TASK, "") for row in rows} == {""}
    assert {row[keys.REQUEST_ID] for row in failed} == {row[keys.REQUEST_ID] for row in live}
    assert all(len(json.dumps(row)) < 4000 for row in rows)


def test_a_caller_never_waits_for_a_sleeping_shadow(server: FakeOpenAI, collector: OtlpSink) -> None:
    """All calls are over while the shadow still holds its first decision; it never runs in a thread of the caller."""
    threads: set[int] = set()
    asked, release = threading.Event(), threading.Event()

    def decide(_: Request) -> Any:
        threads.add(threading.get_ident())
        asked.set()
        release.wait(60)
        return decision(policy="shadow")

    with Observer(routing([FunctionPolicy("shadow", decide)], budget_s=60, export_to=collector.url)) as observer:
        serve(server, observer)
        assert asked.wait(10)
        assert observer.stats.shadows_evaluated == 0
        release.set()
        assert observer.flush(20)
        assert observer.stats.shadows_evaluated == CALLS
    assert threading.get_ident() not in threads


def test_a_collector_that_is_down_is_not_felt(server: FakeOpenAI) -> None:
    """Answers go on, spans wait, and at the end the loss is counted."""
    without = serve(server, None)
    observer = Observer(routing([always("small")], export_to="http://127.0.0.1:9"))
    assert serve(server, observer) == without
    assert not observer.close(0.5)
    stats = observer.stats
    assert (stats.requests, stats.exported, stats.dropped) == (CALLS, 0, 2 * CALLS)


def test_no_prompt_answer_or_raw_id_leaves_the_process(server: FakeOpenAI, collector: OtlpSink) -> None:
    """Not in decisions, reasons of failures, labels or ids: content is off, and there is no switch for it yet."""

    def decide(request: Request) -> Any:
        raise ValueError(request.text)

    shadows: list[Policy] = [FunctionPolicy("shadow", decide), always("small", "healthy")]
    with Observer(routing(shadows, export_to=collector.url)) as observer:
        client = observer.wrap(openai.OpenAI(base_url=server.base_url, api_key="canary-key"))
        with observer.labels(user="canary-user", session="canary-session", undeclared="canary-label"):
            client.chat.completions.create(model="big", messages=[{"role": "user", "content": "canary-prompt"}])
        assert observer.flush(20)
    assert len(collector.spans) == 3
    assert "canary" not in json.dumps(collector.spans)
