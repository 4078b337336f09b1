"""F1 to F3: shadows that raise, block, change what they see or answer nonsense; the service must not notice."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from shadow.domain.policy import Decision, Policy
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.recording.isolation import process
from shadow.router import ShadowRouter
from shadow.telemetry import keys
from tests.support.fake_openai import FakeOpenAI, fake_openai
from tests.support.faulty_shadows import FULL, ask_many, service, shift_of_p99_ms
from tests.support.isolated import Asked
from tests.support.otlp_sink import OtlpSink, otlp_sink
from tests.support.sdk import FunctionPolicy, decision

CALLS = 1000 if FULL else 12


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def collector() -> Iterator[OtlpSink]:
    with otlp_sink() as running:
        yield running


def rows_of(collector: OtlpSink, router: ShadowRouter) -> Counter[tuple[str, str]]:
    """Status and reason of every shadow row, once all are there."""
    assert router.flush(120)
    rows = collector.by_role("shadow")
    return Counter((row[keys.DECISION_STATUS], row.get(keys.ERROR_TYPE, "")) for row in rows)


@pytest.mark.parametrize("error", [Exception, BaseException, SystemExit, RecursionError, MemoryError])
def test_f1_a_shadow_that_always_raises_costs_its_own_rows_only(
    error: type[BaseException], server: FakeOpenAI, collector: OtlpSink
) -> None:
    """Every user is served, every row names the error, nothing is switched off, and it decides as soon as it can."""
    broken = True

    def decide(_: Request) -> Any:
        if broken:
            raise error
        return decision("small", "shadow")

    with ShadowRouter(service(server, collector, [FunctionPolicy("shadow", decide)], budget_s=60)) as router:
        ask_many(router, CALLS)
        assert rows_of(collector, router) == {("error", error.__name__): CALLS}
        broken = False
        ask_many(router, 3)
        assert rows_of(collector, router) == {("error", error.__name__): CALLS, ("ok", ""): 3}
        assert router.stats.switched_off == {}
        assert router.stats.contained == {}


async def never_awaited(_: Request) -> Any:
    """Written async by mistake."""


def sleeping(_: Request) -> Any:
    time.sleep(30)


@pytest.mark.parametrize(
    ("decide", "expected"),
    [
        (sleeping, {("timeout", "timeout"): 3, ("error", "switched_off"): CALLS - 3}),
        (never_awaited, {("invalid", "invalid_decision"): CALLS}),
    ],
)
def test_f2_a_shadow_that_blocks_in_a_thread(
    decide: Any, expected: dict[tuple[str, str], int], server: FakeOpenAI, collector: OtlpSink
) -> None:
    """Answers are right, overruns are counted, and no more threads are stuck than there are strikes."""
    name = decide.__name__.replace("_", "-")
    with ShadowRouter(service(server, collector, [])) as router:
        without = ask_many(router, CALLS)
    with ShadowRouter(service(server, collector, [FunctionPolicy(name, decide)], strikes=3)) as router:
        beside = ask_many(router, CALLS)
        assert rows_of(collector, router) == expected
        stuck = [thread for thread in threading.enumerate() if thread.name == f"shadowroute-{name}"]
        assert len(stuck) <= 3
    print(f"{decide.__name__} in a thread: p99 moved by {shift_of_p99_ms(without, beside):.2f} ms over {CALLS} calls")


@pytest.mark.parametrize("behaviour", ["loops", "blocks"])
def test_f2_a_shadow_that_blocks_in_a_process(
    behaviour: str, server: FakeOpenAI, collector: OtlpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop without an end and a call into C that no exception reaches: the process is killed, each time."""
    monkeypatch.setattr(process, "START_PATIENCE_S", 60.0)
    monkeypatch.setattr(process, "START_TIMEOUT_S", 120.0)
    routing = service(server, collector, [Asked("asked")], isolated=["asked"], strikes=2, budget_s=1.0)
    with ShadowRouter(service(server, collector, [])) as router:
        without = ask_many(router, CALLS)
    with ShadowRouter(routing) as router:
        beside = ask_many(router, CALLS, task=behaviour)
        counts = rows_of(collector, router)
        asked = router._recorder.routing_version.runner._runners[0]
        assert counts == {("timeout", "timeout"): 2, ("error", "switched_off"): CALLS - 2}
        assert asked._worker is None
        for left in asked._left:
            assert isinstance(left, process.ProcessWorker)
            assert left._process is None or left._process.wait(60) is not None
    print(f"{behaviour} in a process: p99 moved by {shift_of_p99_ms(without, beside):.2f} ms over {CALLS} calls")


def test_f3_what_a_shadow_changes_or_answers_reaches_nobody(server: FakeOpenAI, collector: OtlpSink) -> None:
    """The provider gets the same bytes as without shadows; each row says why it holds no decision."""

    def mutate(request: Request) -> Any:
        object.__setattr__(request, "messages", ())
        return decision("small", "mutate")

    def catalogue(_: Request) -> Any:
        router._recorder.routing_version.routing.catalogue.models["big"] = None  # type: ignore[index]  # what it tries
        return decision("small", "catalogue")

    answers: dict[str, Any] = {
        "unknown": decision("smal", "unknown"),
        "nan": decision("small", "nan", confidence=float("nan")),
        "huge": decision("small", "huge", reason="x" * 10_000_000),
    }
    shadows: list[Policy] = [FunctionPolicy("mutate", mutate), FunctionPolicy("catalogue", catalogue)]
    shadows += [FunctionPolicy(name, lambda _, made=made: made) for name, made in answers.items()]  # type: ignore[misc]
    with ShadowRouter(service(server, collector, [])) as router:
        ask_many(router, CALLS)
    without = [json.dumps(each.body) for each in server.received]
    server.received.clear()
    with ShadowRouter(service(server, collector, shadows, budget_s=60)) as router:
        ask_many(router, CALLS)
        assert router.flush(120)
        assert router.stats.contained == {}
    assert [json.dumps(each.body) for each in server.received] == without
    reasons = Counter((row[keys.POLICY_NAME], row[keys.ERROR_TYPE]) for row in collector.by_role("shadow"))
    assert reasons == {
        ("mutate", "mutated_request"): CALLS,
        ("catalogue", "TypeError"): CALLS,
        ("unknown", "unknown_model"): CALLS,
        ("nan", "invalid_decision"): CALLS,
        ("huge", "invalid_decision"): CALLS,
    }


class ChangesSettings(Asked):
    """Changes what only a process of its own can keep from its host."""

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        """Points every client of this process somewhere else."""
        os.environ["OPENAI_BASE_URL"] = "http://127.0.0.1:9"
        return decision("small", self.name)


def test_f3_global_settings_are_safe_from_a_shadow_in_a_process(
    server: FakeOpenAI, collector: OtlpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment belongs to the process that changes it."""
    monkeypatch.setattr(process, "START_PATIENCE_S", 60.0)
    before = os.environ.get("OPENAI_BASE_URL")
    shadow = ChangesSettings("settings")
    with ShadowRouter(service(server, collector, [shadow], isolated=["settings"], budget_s=60)) as router:
        ask_many(router, 3)
        assert rows_of(collector, router) == {("ok", ""): 3}
    assert os.environ.get("OPENAI_BASE_URL") == before
