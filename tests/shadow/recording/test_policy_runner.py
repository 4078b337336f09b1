from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from shadow.domain.policy import Decision, Failure, Policy
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.policies.guarded import PolicyResult
from shadow.recording.backlog import Pending
from shadow.recording.routing_version import RoutingVersion
from shadow.recording.shadow_counts import ShadowCounts
from shadow.recording.shadow_runner import ShadowRunner, sampled
from shadow.runtime import worker
from shadow.runtime.containment import Containment
from shadow.runtime.worker import Task, wait_for
from shadow.state.own import OwnState
from shadow.state.settings import StateSettings
from tests.support.sdk import CATALOGUE, FunctionPolicy, always, complete, decision, request, routing

EDITION = RoutingVersion(routing(), containment=Containment("raise"), counts=ShadowCounts(), id_key="public")


Runner = Callable[..., ShadowRunner]


@pytest.fixture
def runner() -> Iterator[Runner]:
    """Makes runners, and ends their threads after the test."""
    with ExitStack() as ends:

        def make(*policies: Policy, **options: Any) -> ShadowRunner:
            made = shadow_runner(*policies, **options)
            ends.callback(made.end)
            return made

        yield make


def shadow_runner(*policies: Policy, **options: Any) -> ShadowRunner:
    settings: dict[str, Any] = {
        "budget_s": 60.0,  # no pause of a busy machine is an overrun; a test of overruns says its own
        "strikes": 3,
        "sample_rate": 1.0,
        "containment": Containment("raise"),
        "counts": ShadowCounts(),
        "own_state": lambda policy: OwnState(CATALOGUE, StateSettings(), models=policy.models),
    }
    return ShadowRunner(policies, CATALOGUE, **(settings | options))


def closed(request_id: str | None = None, *, shed: bool = False) -> Pending:
    return Pending(
        EDITION, request(request_id), Snapshot(), decision("big", "live"), 0.0, None, 0.0, final=complete(), shed=shed
    )


def error_types(rows: Sequence[Sequence[PolicyResult]], place: int = 0) -> list[str]:
    decisions = [row[place].decision for row in rows]
    return [made.error_type if isinstance(made, Failure) else "" for made in decisions]


def test_every_policy_answers_every_request_in_order(runner: Runner) -> None:
    """One row per request and policy, whatever the threads do."""
    by_id = FunctionPolicy("by-id", lambda asked: decision("small", "by-id", reason=asked.request_id))
    rows = runner(always("small"), by_id).evaluate([closed(str(n)) for n in range(100)])
    assert [len(row) for row in rows] == [2] * 100
    reasons = [row[1].decision.reason for row in rows if not isinstance(row[1].decision, Failure)]
    assert reasons == [str(n) for n in range(100)]


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Set when the test is over: what still waits for it ends."""
    event = threading.Event()
    yield event
    event.set()


def slow_for(slow: set[str], released: threading.Event, at_most_s: float = 600) -> FunctionPolicy:
    def decide(asked: Request) -> Any:
        if asked.request_id in slow:
            released.wait(at_most_s)
        return decision("small", "slow")

    return FunctionPolicy("slow", decide)


def test_an_overrun_is_a_failure_of_its_own_request_only(runner: Runner, released: threading.Event) -> None:
    """The thread is left behind; a new one takes the rest of the batch."""
    used = runner(slow_for({"1"}, released), always("small"), budget_s=1.0)
    rows = used.evaluate([closed(str(n)) for n in range(4)])
    assert error_types(rows, 0) == ["", "timeout", "", ""]
    assert error_types(rows, 1) == [""] * 4
    failed = rows[1][0].decision
    assert isinstance(failed, Failure)
    assert (failed.status, failed.message) == ("timeout", "the decision took longer than 1000 ms")


def test_three_overruns_switch_a_policy_off_loudly(
    caplog: pytest.LogCaptureFixture, runner: Runner, released: threading.Event
) -> None:
    """Its rows are still written, with the reason, so that no request is missing."""
    counts = ShadowCounts()
    used = runner(slow_for({"0", "1", "2"}, released), counts=counts, budget_s=0.05)
    assert error_types(used.evaluate([closed(str(n)) for n in range(5)])) == [*["timeout"] * 3, *["switched_off"] * 2]
    assert error_types(used.evaluate([closed("9")])) == ["switched_off"]
    assert used.switched_off == {"slow": "3 decisions took longer than 50 ms"}
    assert counts.failures == {"slow": {"timeout": 3, "switched_off": 3}}
    assert caplog.text.count("shadow policy slow switched off (3 decisions took longer than 50 ms)") == 1


def test_a_strike_is_forgiven_after_a_thousand_decisions_in_time(runner: Runner, released: threading.Event) -> None:
    """A rare pause of the machine must not add up over weeks."""
    # No pause of a busy machine reaches this budget, and the first thread has ended when the second is left behind.
    used = runner(slow_for({"a", "b", "c"}, released, at_most_s=1.5), strikes=2, budget_s=1.0)
    for name in ("a", "b"):
        assert error_types(used.evaluate([closed(name)])) == ["timeout"]
        used.evaluate([closed(str(n)) for n in range(1000)])
    assert used.switched_off == {}


def test_a_loop_without_end_is_stopped_by_the_exception_into_its_thread(runner: Runner) -> None:
    """A busy thread would take the interpreter from the host for ever."""
    stopped = threading.Event()

    def decide(_: Request) -> Any:
        try:
            while True:
                pass
        finally:
            stopped.set()

    used = runner(FunctionPolicy("busy", decide), budget_s=0.05)
    assert error_types(used.evaluate([closed()])) == ["timeout"]
    assert stopped.wait(10)


def test_a_policy_that_catches_everything_is_left_behind_all_the_same(
    runner: Runner, released: threading.Event
) -> None:
    """It keeps its thread; the requests go on without it."""

    def decide(_: Request) -> Any:
        while not released.is_set():
            with suppress(BaseException):
                released.wait(0.01)
        return decision()

    used = runner(FunctionPolicy("stubborn", decide), strikes=1, budget_s=0.05)
    assert error_types(used.evaluate([closed(), closed()])) == ["timeout", "switched_off"]


def test_shed_requests_are_not_asked_and_say_so(runner: Runner) -> None:
    """A full backlog gives up shadows first, and every request that it cost is counted."""
    asked: list[str] = []

    def decide(request: Request) -> Decision:
        asked.append(request.request_id)
        return decision("small", "seen")

    policy = FunctionPolicy("seen", decide)
    rows = runner(policy).evaluate([closed("a"), closed("b", shed=True), closed("c")])
    assert error_types(rows) == ["", "shed", ""]
    assert asked == ["a", "c"]


def test_sampling_is_the_same_in_every_process() -> None:
    """It is a hash of the request id, so that all policies see the same requests, and another process agrees."""
    chosen = [n for n in range(10_000) if sampled(f"request-{n}", 0.1)]
    assert chosen[:5] == [11, 15, 16, 50, 64]
    assert 900 < len(chosen) < 1100
    assert all(sampled(f"request-{n}", 0.3) for n in chosen)


def test_requests_outside_the_sample_have_no_row(runner: Runner) -> None:
    """A row that was never meant to be is not missing."""
    requests = [closed(f"request-{n}") for n in range(60)]
    rows = runner(always("small"), always("big", "second"), sample_rate=0.1).evaluate(requests)
    assert [n for n, row in enumerate(rows) if row] == [11, 15, 16, 50]
    assert all(len(row) in (0, 2) for row in rows)


class StandingStill:
    """A clock, and the `done` of a task, of a machine that wakes its watcher late.

    Args:
        lateness_s: by how much, wake-up after wake-up; on time afterwards.
        begins_s: when the watched task takes its first item.
        takes_s: how long it works on it.
    """

    def __init__(self, *lateness_s: float, begins_s: float = 0.0, takes_s: float = math.inf) -> None:
        self.now_s = 0.0
        self.waits: list[float] = []
        self.task: Task[str, str] = Task(["item"])
        self._lateness = list(lateness_s)
        self._begins_s = begins_s
        self._ends_s = begins_s + takes_s
        self.task.done.wait = self._wait  # type: ignore[method-assign, assignment]
        self._pass(0.0)

    def now(self) -> float:
        return self.now_s

    def _wait(self, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        assert len(self.waits) < 10, "the watcher goes on for ever"
        if self.now_s + timeout_s >= self._ends_s:
            return True
        self._pass(timeout_s + (self._lateness.pop(0) if self._lateness else 1e-6))
        return False

    def _pass(self, seconds: float) -> None:
        self.now_s += seconds
        if self.now_s >= self._begins_s:
            self.task.current = (0, self._begins_s)


def test_an_item_within_its_budget_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that needs longer is named, once its budget is over and not before."""
    for takes_s, overran in ((0.009, None), (0.011, 0)):
        machine = StandingStill(takes_s=takes_s)
        monkeypatch.setattr(worker, "PAUSES", machine)
        assert wait_for(machine.task, 0.01) == overran
        assert machine.now_s == pytest.approx(0.0 if overran is None else 0.01, abs=1e-5)


def test_a_watcher_that_is_woken_late_gives_the_item_that_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that began while its watcher waited is not charged for the time that the machine stood still."""
    machine = StandingStill(0.2, begins_s=0.005, takes_s=0.207)
    monkeypatch.setattr(worker, "PAUSES", machine)
    assert wait_for(machine.task, 0.01) is None
    assert machine.waits == pytest.approx([0.01, 0.005])


def test_that_time_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that needs more than its budget and the time lost is named all the same."""
    machine = StandingStill(0.2, begins_s=0.005)
    monkeypatch.setattr(worker, "PAUSES", machine)
    assert wait_for(machine.task, 0.01) == 0
    assert machine.now_s == pytest.approx(0.215, abs=1e-5)
