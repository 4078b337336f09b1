"""A shadow that was switched off is tried again, seldom, with one request, and only if nothing of it still runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shadow.domain.policy import Failure
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.recording import policy_runner
from shadow.recording.backlog import Pending
from shadow.recording.policy_runner import FIRST_PROBE_S, FORGIVEN_AFTER, LAST_PROBE_S, PolicyRunner
from shadow.recording.routing_version import RoutingVersion
from shadow.recording.shadow_counts import ShadowCounts
from shadow.recording.state_view import StateView
from shadow.runtime.containment import Containment
from shadow.runtime.worker import Task
from shadow.state.own import OwnState
from shadow.state.settings import StateSettings
from tests.support.sdk import CATALOGUE, FunctionPolicy, complete, decision, request, routing

VERSION = RoutingVersion(routing(), containment=Containment("raise"), counts=ShadowCounts(), id_key="public")
PATIENCE_S = 60.0


class Tried:
    """A runner with a clock of its own, of a policy that loops for ever while it `is_stuck`."""

    def __init__(self, *, strikes: int = 1, budget_s: float = 0.05, catches: bool = False) -> None:
        self.now_s = 0.0
        self.is_stuck = True
        self.asked: list[str] = []
        self._catches = catches
        policy = FunctionPolicy("tried", self._decide)
        containment = Containment("raise")
        self.runner = PolicyRunner(
            policy,
            CATALOGUE,
            containment,
            StateView(policy, lambda _: OwnState(CATALOGUE, StateSettings()), containment),
            budget_s=budget_s,
            strikes=strikes,
            tick=lambda: self.now_s,
        )

    def _decide(self, asked: Request) -> Any:
        self.asked.append(asked.request_id)
        while self.is_stuck:
            try:
                time.sleep(0.001)
            except BaseException:
                if not self._catches:
                    raise
        return decision("small", "tried")

    def ask(self, *request_ids: str) -> list[str]:
        """The error type of each decision; empty if there is one."""
        items = [
            Pending(VERSION, request(each), Snapshot(), decision("big", "live"), 0.0, None, 0.0, final=complete())
            for each in request_ids
        ]
        self.runner.begin(items)
        results = [result.decision for result in self.runner.finish(items)]
        return [made.error_type if isinstance(made, Failure) else "" for made in results]

    def wait_for_threads(self) -> None:
        """Until every thread that was left behind has ended."""
        until = time.monotonic() + PATIENCE_S
        while any(each.is_alive() for each in self.runner._left):
            assert time.monotonic() < until
            time.sleep(0.001)

    def end(self) -> None:
        self.is_stuck = False
        self.wait_for_threads()
        self.runner.stop()


Make = Callable[..., Tried]


@pytest.fixture
def tried() -> Iterator[Make]:
    made: list[Tried] = []

    def make(**options: Any) -> Tried:
        made.append(Tried(**options))
        return made[-1]

    yield make
    for each in made:
        each.end()


def test_pauses_between_probes_double_up_to_an_hour(tried: Make) -> None:
    """A policy that stays broken costs a thread and a budget less and less often."""
    it = tried()
    assert it.ask("a", "b") == ["timeout", "switched_off"]
    pause_s = FIRST_PROBE_S
    for _ in range(9):
        it.wait_for_threads()
        asked = len(it.asked)
        it.now_s += pause_s - 0.1
        assert it.ask("early") == ["switched_off"]
        it.now_s += 0.1
        assert it.ask("probe", "not asked") == ["timeout", "switched_off"]
        assert it.asked[asked:] == ["probe"]
        pause_s = min(2 * pause_s, LAST_PROBE_S)
    assert pause_s == LAST_PROBE_S


def test_a_probe_in_time_switches_it_on_with_all_its_strikes(tried: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Only the probe is asked; what follows finds it on, and its next pause is the first one again."""
    it = tried(strikes=2, budget_s=1.0)
    with caplog.at_level(logging.WARNING, "shadowroute"):
        assert it.ask("a", "b", "c") == ["timeout", "timeout", "switched_off"]
        it.wait_for_threads()
        it.is_stuck = False
        it.now_s += FIRST_PROBE_S
        assert it.ask("probe", "rest") == ["", ""]
        assert it.runner.off == ""
        it.is_stuck = True
        assert it.ask("d") == ["timeout"]
        assert it.runner.off == ""
        assert it.ask("e") == ["timeout"]
    assert it.runner.off == "2 decisions took longer than 1000 ms"
    it.wait_for_threads()
    it.now_s += FIRST_PROBE_S
    it.is_stuck = False
    assert it.ask("probe") == [""]
    assert [record.getMessage().rpartition("tried ")[2] for record in caplog.records] == [
        "again with one request in 30 s",
        "switched on again; it decided in time",
    ] * 2


def test_one_failed_probe_is_enough(tried: Make) -> None:
    """It has no strikes left that it could use up: the next probe waits twice as long."""
    it = tried(strikes=3)
    assert it.ask("a", "b", "c") == ["timeout"] * 3
    it.wait_for_threads()
    it.now_s += FIRST_PROBE_S
    assert it.ask("probe", "rest") == ["timeout", "switched_off"]
    it.wait_for_threads()
    it.now_s += 2 * FIRST_PROBE_S - 0.1
    assert it.ask("early") == ["switched_off"]
    assert it.asked == ["a", "b", "c", "probe"]


def test_a_policy_that_still_runs_is_not_probed(tried: Make) -> None:
    """Threads that cannot be ended stay as few as there are strikes."""
    it = tried(catches=True)
    assert it.ask("a") == ["timeout"]
    it.now_s += 10 * LAST_PROBE_S
    assert it.ask("early") == ["switched_off"]
    it.is_stuck = False
    it.wait_for_threads()
    assert it.ask("probe") == [""]


def test_threads_that_cannot_be_ended_are_as_few_as_strikes(tried: Make) -> None:
    """Forgiven strikes do not make room for more of them."""
    it = tried(strikes=2, catches=True)
    assert it.ask("a") == ["timeout"]
    it.runner._strikes_left = 2
    assert it.ask("b", "c") == ["timeout", "switched_off"]
    assert it.asked == ["a", "b"]


@pytest.mark.parametrize(
    ("course", "further"),
    [
        ((), 3),
        ((FORGIVEN_AFTER, FORGIVEN_AFTER), 3),
        (("overrun", "overrun"), 1),
        (("overrun", "overrun", FORGIVEN_AFTER - 1), 1),
        (("overrun", "overrun", FORGIVEN_AFTER - 1, 1), 2),
        (("overrun", "overrun", FORGIVEN_AFTER, 1, 1), 2),
        (("overrun", "overrun", FORGIVEN_AFTER, FORGIVEN_AFTER), 3),
        (("overrun", FORGIVEN_AFTER - 1, "overrun", 1), 1),
    ],
)
def test_a_thousand_decisions_in_time_forgive_one_strike(
    course: tuple[str | int, ...], further: int, tried: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a row, one overrun between them begins the count again; and never more than there were. `further` ones end it.

    Nothing waits here: what is stuck has overrun at once.
    """
    it = tried(strikes=3, budget_s=PATIENCE_S)

    def overrun(task: Task[Any, Any], _: float) -> int | None:
        while not task.done.wait(0.001):
            if it.is_stuck and task.current is not None:
                return task.current[0]
        return None

    monkeypatch.setattr(policy_runner, "wait_for", overrun)
    for step in (*course, *["overrun"] * further):
        assert it.runner.off == ""
        it.is_stuck = step == "overrun"
        asked = ["stuck"] if isinstance(step, str) else ["in time"] * step
        assert it.ask(*asked) == ["timeout" if it.is_stuck else ""] * len(asked)
        it.wait_for_threads()
    assert it.runner.off
