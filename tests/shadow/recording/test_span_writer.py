"""What becomes of closed requests: which contamination they carry, and what is counted of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from shadow.domain.outcome import Attempt, Contamination, Outcome
from shadow.domain.policy import Decision, Failure, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.recording.recorder import Recorder
from shadow.runtime.containment import Containment
from shadow.telemetry import keys
from shadow.telemetry.span import Span
from shadow.testing import MemorySink
from tests.support.sdk import always, complete, decision, record, recorder, request, routing

PLAN = (
    Step(kind="primary", model="small", accept_if=("ok",)),
    Step(kind="escalation", model="big"),
    Step(kind="fallback", model="big"),
    Step(kind="fallback", model="other"),
)


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def made(sink: MemorySink) -> Iterator[Recorder]:
    running = recorder(sink, [always("small")])
    yield running
    running.shutdown(5)


@pytest.mark.parametrize(
    ("steps", "served", "given", "recorded"),
    [
        (PLAN, "small", (), None),
        (PLAN, "big", (), None),
        (PLAN, "other", (), "fallback"),
        (PLAN[:2], "other", (), "rewritten"),
        (PLAN[:1] + PLAN[2:], "azure/big-prod", (), "fallback"),
        (PLAN, "a-deployment", (), None),
        (PLAN, "", (), None),
        (PLAN, "other", ("cache_hit",), "cache_hit"),
        (PLAN, "small", ("pinned",), "pinned"),
    ],
    ids=["first", "escalation", "fallback", "unplanned", "alias", "unknown", "nobody", "told", "told of the first"],
)
def test_an_answer_of_another_model_than_the_decided_one_says_why(
    steps: tuple[Step, ...], served: str, given: tuple[Contamination, ...], recorded: str | None
) -> None:
    """An escalation is part of the decision; a fallback and a foreign hand are not; what the host told stands."""
    sink = MemorySink()
    made = recorder(sink, [always("small")])
    plan = decision("small", "live", version="aaaa", steps=steps)
    record(made, request(), complete(served, contamination=given), plan)
    assert made.flush(5)
    assert sink.rows("live")[0].get(keys.OUTCOME_CONTAMINATION) == recorded
    made.shutdown()


def test_attempts_are_counted_by_kind_and_failed_ones_by_error(made: Recorder) -> None:
    """Of every closed request; an answer that was refused is a failure of its own."""
    tried = [
        Attempt(kind="primary", model="small", error_type="503"),
        Attempt(kind="primary", model="small", error_type="503"),
        Attempt(kind="fallback", model="other", error_type="timeout"),
        Attempt(kind="fallback", model="big"),
    ]
    record(made, request(), complete(attempts=tuple(tried)))
    record(made, request(), complete(attempts=tuple(tried[3:])))
    assert made.flush(5)
    stats = made.stats
    assert stats.attempts == {"primary": 2, "fallback": 3}
    assert stats.failed_attempts == {"503": 2, "timeout": 1}
    assert stats.requests == 2


class _RefusesOne(MemorySink):
    """Raises for the live span of one request."""

    def submit(self, spans: Sequence[Span]) -> bool:
        if any((span.attributes or {}).get(keys.REQUEST_ID) == "broken" for span in spans):
            raise RuntimeError("the disk is full")
        return super().submit(spans)


def test_a_request_whose_spans_fail_is_lost_alone() -> None:
    """Its neighbours in the batch are recorded, and the count tells of it."""
    sink = _RefusesOne()
    made = Recorder(routing([always("small")]), exporter=sink)
    for request_id in ("first", "broken", "last"):
        record(made, request(request_id), complete())
    assert made.flush(5) is False
    stats = made.stats
    assert [row[keys.REQUEST_ID] for row in sink.rows("live")] == ["first", "last"]
    assert (stats.requests, stats.dropped, stats.contained) == (2, 1, {"spans": 1})
    record(made, request("broken"), complete())
    assert made.flush(5) is False
    assert made.stats.dropped == 2
    made.shutdown()


def test_a_late_outcome_of_a_request_of_another_process_is_sent_with_its_time(made: Recorder, sink: MemorySink) -> None:
    """Its spans name no policy: this process never knew the decision."""
    made.outcome("elsewhere", complete("big"))
    made.close(made.open(request("here"), Snapshot(), decision("big", "live"), decide_s=0.1), complete())
    assert made.flush(5)
    (late,) = sink.rows("outcome")
    assert (late[keys.REQUEST_ID], late[keys.RESPONSE_MODEL]) == ("elsewhere", "big")
    (live,) = sink.rows("live")
    assert (live[keys.REQUEST_ID], live[keys.DECISION_DURATION_S]) == ("here", 0.1)


class _Learning:
    """A state that only notes the ends of requests."""

    def __init__(self) -> None:
        self.containment = Containment("raise")
        self.ends: list[tuple[str, str, str, str]] = []

    def observe(self, request: Request, decision: Decision, outcome: Outcome) -> None:
        self.ends.append((request.request_id, decision.model, outcome.status, outcome.model))


def test_the_state_learns_from_every_end_of_a_request(sink: MemorySink) -> None:
    """A call that outlasts the time-out ends twice: unreported first, then as it did. Its attempts count once."""
    state = _Learning()
    made = Recorder(routing(outcome_timeout_s=0.05), exporter=sink, state=cast("Any", state))
    record(made, request("quick"), complete("azure/big-prod"))
    late = made.open(request("late"), Snapshot(), decision("small", "live"), decide_s=0.1)
    deadline = time.monotonic() + 30
    while len(sink.rows("live")) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
        assert made.flush(5)
    made.close(late, complete("small", attempts=(Attempt(kind="primary", model="small"),)))
    assert made.flush(5)
    assert state.ends == [
        ("quick", "big", "complete", "big"),
        ("late", "small", "unreported", ""),
        ("late", "small", "complete", "small"),
    ]
    assert made.stats.attempts == {"primary": 1}
    made.shutdown()


def test_what_the_provider_called_its_model_is_recorded_beside_the_catalogues_name(
    made: Recorder, sink: MemorySink
) -> None:
    """A dated version is the model that was asked, also of a model that the catalogue does not list."""
    record(made, request(), complete("azure/big-prod"))
    record(made, request(), complete("small-2025-08-07", reported_model="small-2025-08-07-eu"), decision("small"))
    record(made, request(), complete("unlisted-2025-08-07"), decision("unlisted"))
    assert made.flush(5)
    assert [(row[keys.RESPONSE_MODEL], row.get(keys.REPORTED_MODEL)) for row in sink.rows("live")] == [
        ("big", "azure/big-prod"),
        ("small", "small-2025-08-07-eu"),
        ("unlisted", "unlisted-2025-08-07"),
    ]


def test_an_answer_without_a_decision_is_of_no_other_model(made: Recorder, sink: MemorySink) -> None:
    """What live decided is unknown, so nothing can be said of who answered instead."""
    failure = Failure(policy="live", version="aaaa", status="error", error_type="KeyError")
    made.close(made.open(request(), Snapshot(), failure, decide_s=0.1), complete("azure/big-prod"))
    assert made.flush(5)
    (row,) = sink.rows("live")
    assert (row[keys.RESPONSE_MODEL], row.get(keys.OUTCOME_CONTAMINATION)) == ("big", None)
