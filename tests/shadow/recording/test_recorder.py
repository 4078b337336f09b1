from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from shadow.domain.ids import uuid7
from shadow.domain.outcome import UNREPORTED
from shadow.domain.policy import Failure
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.recording.backlog import Backlog, Entry, LateOutcome
from shadow.recording.recorder import Recorder
from shadow.telemetry import keys
from shadow.telemetry.span import Span
from shadow.testing import ManualClock, MemorySink
from tests.support.sdk import FunctionPolicy, always, complete, decision, record, recorder, request, routing


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def made(sink: MemorySink) -> Iterator[Recorder]:
    running = recorder(sink, [always("small")])
    yield running
    running.shutdown(5)


def statuses(sink: MemorySink) -> list[str]:
    return [row[keys.OUTCOME_STATUS] for row in sink.rows("live")]


def test_a_request_is_recorded_once_with_its_shadows(made: Recorder, sink: MemorySink) -> None:
    """Nothing before it is closed, everything together after that."""
    pending = made.open(request("r1"), Snapshot(), decision("big", "live"), decide_s=0.1)
    assert made.flush(5)
    assert sink.spans == []
    made.close(pending, complete())
    assert made.flush(5)
    assert [span.name for span in sink.spans] == ["route", "shadow cheap"]
    assert sink.rows("shadow")[0][keys.DECISION_MODEL] == "small"
    stats = made.stats
    assert (stats.requests, stats.shadows_evaluated, stats.exported, stats.dropped, stats.backlog) == (1, 1, 2, 0, 0)
    assert stats.contained == {}


def test_only_the_first_outcome_counts(made: Recorder, sink: MemorySink) -> None:
    """A stream may be closed, collected and timed out; the request was served once."""
    pending = made.open(request("r1"), Snapshot(), decision("big", "live"), decide_s=0.1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: made.close(pending, complete()), range(64)))
    made.close(pending, UNREPORTED)
    assert made.flush(5)
    assert statuses(sink) == ["complete"]


def test_an_outcome_by_request_id_closes_an_open_request(made: Recorder, sink: MemorySink) -> None:
    """For hosts whose call ends somewhere else."""
    made.open(request("r1"), Snapshot(), decision("big", "live"), decide_s=0.1)
    made.outcome("r1", complete())
    assert made.flush(5)
    assert statuses(sink) == ["complete"]


def test_an_outcome_of_a_closed_or_foreign_request_is_sent_on_its_own(sink: MemorySink) -> None:
    """The request may have been recorded by another process; its time is the event's."""
    clock = ManualClock()
    made = Recorder(routing(), exporter=sink, clock=clock, on_error="raise")
    made.outcome("elsewhere", complete())
    assert made.flush(5)
    (span,) = sink.spans
    assert (span.name, span.start_time) == ("outcome", clock.time_ns())
    assert sink.rows("outcome")[0][keys.REQUEST_ID] == "elsewhere"
    made.shutdown()


def timed_out(made: Recorder, sink: MemorySink, *, rows: int = 1) -> None:
    """Wait until the time-out has closed what is open."""
    deadline = time.monotonic() + 10
    while len(sink.rows("live")) < rows and time.monotonic() < deadline:
        time.sleep(0.05)
        made.flush(5)


def test_a_request_without_outcome_is_unreported_after_the_time_out(sink: MemorySink) -> None:
    """Its decision counts; its cost is never guessed."""
    made = recorder(sink, [always("small")], outcome_timeout_s=0.05)
    made.open(request("r1"), Snapshot(), decision("big", "live"), decide_s=0.1)
    record(made, request("r2"), complete())
    timed_out(made, sink, rows=2)
    assert {row[keys.REQUEST_ID]: row[keys.OUTCOME_STATUS] for row in sink.rows("live")} == {
        "r1": "unreported",
        "r2": "complete",
    }
    assert len(sink.rows("shadow")) == 2
    made.shutdown()


def test_a_call_that_takes_longer_keeps_its_outcome(sink: MemorySink) -> None:
    """It follows on its own, once, by the catalogue's name and with what the decision makes of it."""
    made = recorder(sink, outcome_timeout_s=0.05)
    pending = made.open(request("r1"), Snapshot(), decision("small", "live"), decide_s=0.1)
    timed_out(made, sink)
    made.close(pending, complete("big-eu"))
    made.close(pending, complete("big-eu"))
    assert made.flush(5)
    (row,) = sink.rows("outcome")
    assert (row[keys.REQUEST_ID], row[keys.OUTCOME_STATUS]) == ("r1", "complete")
    assert (row[keys.RESPONSE_MODEL], row[keys.OUTCOME_CONTAMINATION]) == ("big", "rewritten")
    made.shutdown()


def test_a_stream_that_still_runs_is_unreported_at_the_time_out_and_partial_at_the_end(sink: MemorySink) -> None:
    """The time-out must not close a stream as broken that ends well; at the end of the process it is broken."""
    made = recorder(sink, outcome_timeout_s=0.05)
    for number in range(2):
        pending = made.open(request(f"r{number}"), Snapshot(), decision("big", "live"), decide_s=0.1)
        pending.expected, pending.is_running = replace(complete(), status="partial"), number == 0
    timed_out(made, sink, rows=2)
    assert statuses(sink) == ["unreported", "partial"]
    made.shutdown()
    ending = recorder(sink)
    pending = ending.open(request("r2"), Snapshot(), decision("big", "live"), decide_s=0.1)
    pending.expected, pending.is_running = replace(complete(), status="partial"), True
    ending.shutdown()
    assert statuses(sink)[2:] == ["partial"]


def test_a_task_for_soon_is_done_with_the_next_request_or_the_next_flush(sink: MemorySink) -> None:
    """One that fails is counted, and holds up nothing. A finalizer may hand one over, because that takes no lock."""
    done: list[str] = []
    made = Recorder(routing(()), exporter=sink)
    made.chores.soon(lambda: done.append("request"))
    made.open(request("r1"), Snapshot(), decision("big", "live"), decide_s=0.1)
    assert done == ["request"]
    made.chores.soon(lambda: done.remove("nothing"))
    made.chores.soon(lambda: done.append("flush"))
    made.flush(5)
    assert done == ["request", "flush"]
    assert made.containment.counts == {"soon": 1}
    made.shutdown()


def test_above_the_cap_the_oldest_open_request_is_closed(sink: MemorySink) -> None:
    """A host that forgets to report must not fill the memory."""
    made = recorder(sink, max_pending=3)
    for number in range(5):
        made.open(request(f"r{number}"), Snapshot(), decision("big", "live"), decide_s=0.1)
    assert made.flush(5)
    assert [(row[keys.REQUEST_ID], row[keys.OUTCOME_STATUS]) for row in sink.rows("live")] == [
        ("r0", "unreported"),
        ("r1", "unreported"),
    ]
    made.shutdown()
    assert len(sink.rows("live")) == 5


def test_the_same_id_twice_loses_neither_request(made: Recorder, sink: MemorySink) -> None:
    """An id must be unique; if it is not, the earlier request is closed, and closing it again changes nothing."""
    first = made.open(request("r1"), Snapshot(), decision("big", "live"), decide_s=0.1)
    second = made.open(request("r1"), Snapshot(), decision("big", "live"), decide_s=0.1)
    made.close(first, complete())
    made.close(second, complete())
    assert made.flush(5)
    assert statuses(sink) == ["unreported", "complete"]


def test_shutdown_closes_flushes_and_takes_nothing_more(sink: MemorySink) -> None:
    """And may be called again."""
    made = recorder(sink, [always("small")])
    late = made.open(request("r1"), Snapshot(), decision("big", "live"), decide_s=0.1)
    record(made, request("r2"), complete())
    assert made.shutdown(5)
    assert made.shutdown(5)
    made.close(late, complete())
    record(made, request("r3"), complete())
    assert sorted(statuses(sink)) == ["complete", "unreported"]
    assert made.stats.dropped == 1


class _Blocked(MemorySink):
    """A sink that holds the recorder's thread."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.release = threading.Event()

    def submit(self, spans: Sequence[Span]) -> bool:
        self.entered.set()
        self.release.wait(10)
        return super().submit(spans)


def test_a_full_backlog_gives_up_shadows_before_live_telemetry() -> None:
    """Every live row arrives, shadow rows without a decision say why; only at twice the cap is anything lost."""
    sink = _Blocked()
    made = recorder(sink, [always("small")], max_pending=10)
    record(made, request("first"), complete())
    assert sink.entered.wait(5)
    for number in range(25):
        record(made, request(f"r{number}"), complete())
    assert made.stats.backlog == 20
    sink.release.set()
    assert made.flush(5)
    stats = made.stats
    assert (stats.requests, stats.shed, stats.dropped) == (21, 10, 5)
    assert stats.shadow_failures == {"cheap": {"shed": 10}}
    assert len(sink.rows("live")) == len(sink.rows("shadow")) == 21
    made.shutdown()


class _Refusing(MemorySink):
    def submit(self, spans: Sequence[Span]) -> bool:
        raise RuntimeError("the disk is full")


def test_a_sink_that_raises_is_counted_and_stops_nothing() -> None:
    """An exporter is foreign code too."""
    made = Recorder(routing([always("small")]), exporter=_Refusing())
    record(made, request(), complete())
    made.signal("r1", "resolved", 1)
    made.flush(5)
    assert made.stats.dropped == 1
    assert made.stats.contained == {"spans": 1, "recorder": 1}
    made.shutdown()


def test_shadows_see_what_live_saw(sink: MemorySink) -> None:
    """The same request and the same snapshot, although they run later."""
    seen: list[Any] = []

    class Policy(FunctionPolicy):
        def decide(self, request: Request, snapshot: Snapshot) -> Any:
            seen.append((request, snapshot))
            return decision()

    made = recorder(sink, [Policy("cheap", lambda _: None)])
    asked = request("r1")
    pending = made.open(asked, Snapshot(mode="shared"), decision("big", "live"), decide_s=0.1)
    made.close(pending, complete())
    assert made.flush(5)
    assert seen == [(asked, Snapshot(mode="shared"))]
    made.shutdown()


@pytest.mark.parametrize(
    ("served", "name", "contamination"),
    [
        ("big", "big", None),
        ("azure/big-prod", "big", None),
        ("big-2025-08-07", "big", None),
        ("other", "other", "rewritten"),
        ("some-deployment", "some-deployment", None),
    ],
)
def test_the_served_model_is_compared_by_its_catalogue_name(
    made: Recorder, sink: MemorySink, served: str, name: str, contamination: str | None
) -> None:
    """An alias is the same model; another known one is contamination; an unknown name is left for the cost to name."""
    record(made, request(), complete(served))
    assert made.flush(5)
    row = sink.rows("live")[0]
    assert row[keys.RESPONSE_MODEL] == name
    assert row.get(keys.OUTCOME_CONTAMINATION) == contamination


def test_a_live_alias_is_no_divergence(made: Recorder, sink: MemorySink) -> None:
    """Live and shadow rows use one name for one model."""
    record(made, request(), complete("big-eu"), decision("azure/big-prod", "live"))
    record(made, request(), complete("nobody-knows"), decision("nobody-knows", "live"))
    assert made.flush(5)
    assert [row[keys.LIVE_MODEL] for row in sink.rows("shadow")] == ["big", "nobody-knows"]


def test_a_failed_live_decision_is_a_row_too(made: Recorder, sink: MemorySink) -> None:
    """The shadows may still have had an answer."""
    failure = Failure(policy="live", version="aaaa", status="error", error_type="KeyError")
    made.close(made.open(request(), Snapshot(), failure, decide_s=0.1), UNREPORTED)
    assert made.flush(5)
    assert sink.rows("live")[0][keys.DECISION_STATUS] == "error"
    assert sink.rows("shadow")[0][keys.DECISION_STATUS] == "ok"


def test_signals_keep_their_event_time_and_their_target(sink: MemorySink) -> None:
    """Now, if the caller does not say when."""
    clock = ManualClock()
    made = Recorder(routing(), exporter=sink, clock=clock, on_error="raise")
    made.signal("r1", "resolved", 1, source="user", time_ns=5)
    made.signal("response:x", "resolved", 0)
    assert made.flush(5)
    assert [span.start_time for span in sink.spans] == [5, clock.time_ns()]
    assert (sink.spans[1].attributes or {})[keys.RESPONSE_ID] == "x"
    made.shutdown()


@pytest.mark.parametrize("value", [1.01, -0.1, float("nan"), float("inf")])
def test_a_signal_outside_its_range_is_refused(made: Recorder, value: float) -> None:
    """Five stars are 1.0, not 5."""
    with pytest.raises(ValueError, match=r"signal stars must be in \[0, 1\], got .*; scale it"):
        made.signal("r1", "stars", value)


@pytest.mark.parametrize(("target", "name"), [("", "resolved"), ("r1", "")])
def test_a_signal_needs_a_target_and_a_name(made: Recorder, target: str, name: str) -> None:
    """Without them it could never be found."""
    with pytest.raises(ValueError, match="must have a target and a name"):
        made.signal(target, name, 1)


def test_an_id_is_recognised_as_request_or_response(made: Recorder) -> None:
    """Ours by their form, in any process; the host's own if it was seen here; any other is the provider's."""
    record(made, request("order-7"), complete())
    ours = uuid7()
    assert made.target_of(ours) == ours
    assert made.target_of("order-7") == "order-7"
    assert made.target_of("chatcmpl-1") == "response:chatcmpl-1"
    assert made.target_of("response:x") == "response:x"
    assert made.target_of("9f3c1e52-8f00-4c8e-8e5c-0242ac120002") == "response:9f3c1e52-8f00-4c8e-8e5c-0242ac120002"


def test_the_hosts_span_is_read_and_never_replaced(made: Recorder, sink: MemorySink) -> None:
    """Our spans join its trace, even if it is not sampled, and its context stays as it was."""
    tracer = TracerProvider(sampler=ALWAYS_OFF).get_tracer("host")
    with tracer.start_as_current_span("host") as span:
        record(made, request(), complete())
        assert trace.get_current_span() is span
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert made.flush(5)
    route = sink.spans[0]
    host = span.get_span_context()
    assert route.parent is not None
    assert (route.parent.trace_id, route.parent.span_id) == (host.trace_id, host.span_id)
    assert route.context is not None
    assert route.context.trace_flags.sampled


def test_many_threads_lose_nothing(made: Recorder, sink: MemorySink) -> None:
    """With the interpreter switching threads as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: record(made, request(f"t{n}"), complete()), range(2000)))
    finally:
        sys.setswitchinterval(interval)
    assert made.flush(30)
    assert {row[keys.REQUEST_ID] for row in sink.rows("live")} == {f"t{n}" for n in range(2000)}
    assert len(sink.rows("shadow")) == 2000


def test_a_recorder_without_traffic_has_no_thread_and_nothing_to_flush() -> None:
    """A service that imports us and routes nothing pays nothing."""
    before = threading.active_count()
    made = recorder(MemorySink(), [always("small")])
    assert made.flush(0)
    assert threading.active_count() <= before
    made.shutdown(0)


def test_time_outs_pass_while_the_queue_never_runs_empty() -> None:
    """A service at its limit keeps the thread busy for minutes; overdue requests must be closed all the same."""
    ended = threading.Event()
    late = LateOutcome("r", UNREPORTED, 1)

    def work_off(entries: list[Entry]) -> None:
        if not ended.is_set():
            backlog.put(late)  # there is always one more

    def idle() -> None:
        idled.append(1)
        if len(idled) > 1:
            ended.set()

    idled: list[int] = []
    backlog = Backlog(work_off, idle, lambda: None, limit=9)
    backlog.put(late)
    assert ended.wait(10)
    backlog.stop(5)
