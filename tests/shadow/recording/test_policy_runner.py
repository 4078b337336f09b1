from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from shadow.domain.policy import Failure, Policy
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.policies.guarded import PolicyResult
from shadow.recording.backlog import Pending
from shadow.recording.routing_version import RoutingVersion
from shadow.recording.shadow_counts import ShadowCounts
from shadow.recording.shadow_runner import ShadowRunner, sampled
from shadow.runtime.containment import Containment
from shadow.runtime.worker import Worker, wait_for
from shadow.state.own import OwnState
from shadow.state.settings import StateSettings
from tests.support.sdk import CATALOGUE, FunctionPolicy, always, complete, decision, request, routing

EDITION = RoutingVersion(routing(), containment=Containment("raise"), counts=ShadowCounts(), id_key="public")


def runner(*policies: Policy, **options: Any) -> ShadowRunner:
    settings: dict[str, Any] = {
        "budget_s": 0.05,
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


def test_every_policy_answers_every_request_in_order() -> None:
    """One row per request and policy, whatever the threads do."""
    by_id = FunctionPolicy("by-id", lambda asked: decision("small", "by-id", reason=asked.request_id))
    rows = runner(always("small"), by_id).evaluate([closed(str(n)) for n in range(100)])
    assert [len(row) for row in rows] == [2] * 100
    reasons = [row[1].decision.reason for row in rows if not isinstance(row[1].decision, Failure)]
    assert reasons == [str(n) for n in range(100)]


def slow_for(slow: set[str], sleep_s: float = 30) -> FunctionPolicy:
    def decide(asked: Request) -> Any:
        if asked.request_id in slow:
            time.sleep(sleep_s)
        return decision("small", "slow")

    return FunctionPolicy("slow", decide)


def test_an_overrun_is_a_failure_of_its_own_request_only() -> None:
    """The thread is left behind; a new one takes the rest of the batch."""
    started = time.monotonic()
    rows = runner(slow_for({"1"}), always("small")).evaluate([closed(str(n)) for n in range(4)])
    assert error_types(rows, 0) == ["", "timeout", "", ""]
    assert error_types(rows, 1) == [""] * 4
    failed = rows[1][0].decision
    assert isinstance(failed, Failure)
    assert (failed.status, failed.message) == ("timeout", "the decision took longer than 50 ms")
    assert time.monotonic() - started < 10


def test_three_overruns_switch_a_policy_off_loudly(caplog: pytest.LogCaptureFixture) -> None:
    """Its rows are still written, with the reason, so that no request is missing."""
    counts = ShadowCounts()
    used = runner(slow_for({"0", "1", "2"}), counts=counts)
    assert error_types(used.evaluate([closed(str(n)) for n in range(5)])) == [*["timeout"] * 3, *["switched_off"] * 2]
    assert error_types(used.evaluate([closed("9")])) == ["switched_off"]
    assert used.switched_off == {"slow": "3 decisions took longer than 50 ms"}
    assert counts.failures == {"slow": {"timeout": 3, "switched_off": 3}}
    assert caplog.text.count("shadow policy slow switched off (3 decisions took longer than 50 ms)") == 1


def test_a_strike_is_forgiven_after_a_thousand_decisions_in_time() -> None:
    """A rare pause of the machine must not add up over weeks."""
    # No pause of a busy machine reaches this budget, and the first thread has ended when the second is left behind.
    used = runner(slow_for({"a", "b", "c"}, sleep_s=1.5), strikes=2, budget_s=1.0)
    for name in ("a", "b"):
        assert error_types(used.evaluate([closed(name)])) == ["timeout"]
        used.evaluate([closed(str(n)) for n in range(1000)])
    assert used.switched_off == {}


def test_a_loop_without_end_is_stopped_by_the_exception_into_its_thread() -> None:
    """A busy thread would take the interpreter from the host for ever."""
    stopped = threading.Event()

    def decide(_: Request) -> Any:
        try:
            while True:
                pass
        finally:
            stopped.set()

    assert error_types(runner(FunctionPolicy("busy", decide)).evaluate([closed()])) == ["timeout"]
    assert stopped.wait(10)


def test_a_policy_that_catches_everything_is_left_behind_all_the_same() -> None:
    """It keeps its thread; the requests go on without it."""
    release = threading.Event()

    def decide(_: Request) -> Any:
        while not release.is_set():
            with suppress(BaseException):
                release.wait(0.01)
        return decision()

    used = runner(FunctionPolicy("stubborn", decide), strikes=1)
    assert error_types(used.evaluate([closed(), closed()])) == ["timeout", "switched_off"]
    release.set()


def test_shed_requests_are_not_asked_and_say_so() -> None:
    """A full backlog gives up shadows first, and every request that it cost is counted."""
    asked: list[str] = []
    policy = FunctionPolicy("seen", lambda r: asked.append(r.request_id) or decision("small", "seen"))
    rows = runner(policy).evaluate([closed("a"), closed("b", shed=True), closed("c")])
    assert error_types(rows) == ["", "shed", ""]
    assert asked == ["a", "c"]


def test_sampling_is_the_same_in_every_process() -> None:
    """It is a hash of the request id, so that all policies see the same requests, and another process agrees."""
    chosen = [n for n in range(10_000) if sampled(f"request-{n}", 0.1)]
    assert chosen[:5] == [11, 15, 16, 50, 64]
    assert 900 < len(chosen) < 1100
    assert all(sampled(f"request-{n}", 0.3) for n in chosen)


def test_requests_outside_the_sample_have_no_row() -> None:
    """A row that was never meant to be is not missing."""
    requests = [closed(f"request-{n}") for n in range(60)]
    rows = runner(always("small"), always("big", "second"), sample_rate=0.1).evaluate(requests)
    assert [n for n, row in enumerate(rows) if row] == [11, 15, 16, 50]
    assert all(len(row) in (0, 2) for row in rows)


def test_a_watcher_that_is_woken_late_gives_the_item_that_time_too() -> None:
    """On a machine that stands still nobody overruns."""
    worker: Worker[float, str] = Worker("test", lambda seconds: time.sleep(seconds) or "done")
    task = worker.start([0.02])
    original = task.done.wait

    def late(timeout: float | None = None) -> bool:
        original(timeout)
        time.sleep(0.2)
        return task.done.is_set()

    task.done.wait = late  # type: ignore[method-assign]  # a machine that stands still
    assert wait_for(task, 0.01) is None
    worker.stop()
