"""Turns decisions and outcomes into spans, off the request path.

The caller waits for a few dictionary operations and one append. The shadows, the spans and their encoding run on the
recorder's own thread, in batches. Only `flush` and `shutdown` wait, and no method raises into the host after
construction.

Life of a record: `open` at the live decision, closed by the first outcome, by the time-out, by the cap on open requests
or by `shutdown`; then the shadows run, and all spans of the request leave together, once. A later outcome follows.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanContext, get_current_span

from shadow.domain.ids import KeyedHash
from shadow.domain.outcome import UNREPORTED, Outcome
from shadow.domain.policy import Decision, Failure
from shadow.domain.request import Request
from shadow.domain.signals import checked_signal
from shadow.domain.snapshot import Snapshot
from shadow.recording import at_exit
from shadow.recording.backlog import Backlog, LateOutcome, Pending
from shadow.recording.chores import Chores
from shadow.recording.content import Content
from shadow.recording.host_ids import HostIds
from shadow.recording.open_requests import OpenRequests
from shadow.recording.routing_version import RoutingVersion, RoutingVersions
from shadow.recording.shadow_counts import ShadowCounts
from shadow.recording.sink_choice import sink_for
from shadow.recording.span_writer import SpanWriter
from shadow.recording.stats import RecorderStats, ReloadCounts
from shadow.runtime.clock import SYSTEM_CLOCK, Clock
from shadow.runtime.containment import Containment, OnError
from shadow.runtime.forks import on_fork_in_child
from shadow.telemetry.export.sink import SpanSink

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from shadow.config import Routing
    from shadow.state.router_state import State


class Recorder:
    """Records requests, signals and late outcomes of one service.

    Args:
        routing: name of the service, its shadows, and every limit.
        exporter: a sink of ours or any OpenTelemetry `SpanExporter`; by default OTLP/HTTP to `export.to`. A sink that
            is passed in is flushed at the end, but not closed.
        clock: event times of signals and late outcomes.
        on_error: "raise" lets internal errors through, for tests.
        state: learns from closed requests, off the request path. None = the caller updates it.

    Attributes:
        containment: the guard, shared with this recorder's callers, so that there is one count.
        hash_id: turns user and session ids into keys.
        reloads: counts of a `Reloader`.
        chores: small work for the recorder's thread.

    Raises:
        ConfigError: `export.to` is not an address, or content is to be redacted without a function for it.
    """

    def __init__(
        self,
        routing: Routing,
        *,
        exporter: SpanSink | SpanExporter | None = None,
        clock: Clock = SYSTEM_CLOCK,
        on_error: OnError = "count",
        state: State | None = None,
    ) -> None:
        limits = routing.limits
        self._clock = clock
        self._max_pending = limits.max_pending
        self._outcome_timeout_s = limits.outcome_timeout_s
        self._sink, self._owns_sink = sink_for(routing, exporter)
        self.containment = Containment(on_error) if state is None else state.containment
        # Ids of recorded, imported and simulated traffic need no secret.
        self.hash_id = KeyedHash(routing.project, warns=routing.origin == "production")
        self.reloads = ReloadCounts()
        self._counts = ShadowCounts()
        self._content = Content(routing, self.containment)
        self._versions = RoutingVersions(self._made, routing)
        self._span_writer = SpanWriter(
            sink=self._sink,
            routing_version=self._versions.current,
            containment=self.containment,
            reloads=self.reloads,
            content=self._content,
            state=state,
        )
        self._backlog = Backlog(self._span_writer.work_off, self._idle, self._start_threads, limit=limits.max_pending)
        self.chores = Chores(self.containment)
        self._open = OpenRequests()
        self._host_ids = HostIds()
        self._is_shut_down = False
        on_fork_in_child(self._after_fork)
        at_exit.shut_down(self)

    def _after_fork(self) -> None:
        """The parent keeps its threads and delivers its own requests; the child starts empty."""
        self._open.clear()
        self.chores.after_fork()
        self._backlog.reset()
        self._versions.after_fork()
        self._counts.after_fork()
        self._span_writer.after_fork()
        self._content.after_fork()
        self.containment.after_fork()

    @property
    def routing_version(self) -> RoutingVersion:
        """The version for new requests. A request reads it once and keeps it."""
        return self._versions.current

    def adopt(self, routing: Routing) -> None:
        """Use another routing for new requests; earlier requests keep theirs.

        Service, project, origin, export and the queues stay those of the recorder.
        """
        self._span_writer.routing_version = self._versions.adopt(routing, starts=self._backlog.is_running)
        if not self._backlog.is_running:  # else its thread does that
            self._end_unneeded()

    def open(
        self,
        request: Request,
        snapshot: Snapshot,
        decision: Decision | Failure,
        *,
        decide_s: float | None,
        parent: SpanContext | None = None,
        routing_version: RoutingVersion | None = None,
        lacks_complexity: bool = False,
    ) -> Pending:
        """Record the live decision of a request, before it is served.

        Args:
            request: the frozen request of the decision.
            snapshot: the router's state at that moment; shadows see the same.
            decision: of live, or its failure.
            decide_s: seconds of the live decision; None = not measured.
            parent: span of the host to put the spans under; by default its current one. It is only read.
            routing_version: of the decision; by default the one for new requests.
            lacks_complexity: the request was made with `defers_complexity`.
        """
        if parent is None:
            parent = get_current_span().get_span_context()
        pending = Pending(
            self._versions.current if routing_version is None else routing_version,
            request,
            snapshot,
            decision,
            decide_s,
            parent if parent.is_valid else None,
            time.perf_counter(),
            lacks_complexity=lacks_complexity,
        )
        with self.containment.guard("open"):
            if not self._backlog.is_running:
                self._backlog.start()
            self.chores.do_soon()
            while len(self._open) >= self._max_pending and (oldest := self._open.take_oldest()) is not None:
                self._finish_overdue(oldest)
            earlier = self._open.add(pending)
            if earlier is not None:
                self._finish(earlier, earlier.expected)
            self._host_ids.note(request.request_id)
        return pending

    def withdraw(self, pending: Pending) -> None:
        """Forget an open request that turned out to be none."""
        self._open.take(pending)

    def close(self, pending: Pending, outcome: Outcome) -> None:
        """Record the outcome. Only the first call for a request counts. Never blocks, never raises.

        A call that took longer than the time-out has a row already; its outcome follows as a late one.
        """
        with self.containment.guard("close"):
            if self._open.take(pending):
                self._finish(pending, outcome)
            elif pending.is_overdue and not self._is_shut_down and outcome.status != "unreported":
                pending.is_overdue = False
                self._backlog.put(LateOutcome(pending.request.request_id, outcome, self._clock.time_ns(), pending))

    def outcome(self, request_id: str, outcome: Outcome) -> None:
        """Record an outcome by request id; also long after the request was closed, and in another process."""
        with self.containment.guard("outcome"):
            pending = self._open.find(request_id)
            if pending is not None:
                self.close(pending, outcome)
            else:
                self._backlog.put(LateOutcome(request_id, outcome, self._clock.time_ns()))

    def signal(self, target: str, name: str, value: float | None = None, **details: Any) -> None:
        """Record the quality of an answer.

        Args:
            target: request id, or `response:<id>` with the provider's response id (see `target_of`).
            name: of the observation, for example `resolved`.
            value: in [0, 1], 1 is best; None = only a label.
            details: further fields of `Signal`; `time_ns` is now by default. The newest wins.

        Raises:
            ValueError: the target or name is empty, or the value is outside [0, 1].
        """
        if details.get("time_ns") is None:
            details["time_ns"] = self._clock.time_ns()
        signal = checked_signal(target=target, name=name, value=value, **details)
        with self.containment.guard("signal"):
            self._backlog.put(signal)

    def target_of(self, some_id: str) -> str:
        """The signal target of an id of the host."""
        return self._host_ids.target_of(some_id)

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Wait until all requests closed before this call went through the shadows and reached the collector.

        Returns:
            False if that took too long, or if a record was lost.
        """
        deadline = time.monotonic() + timeout_s
        lost = self._lost
        with self.containment.guard("flush"):
            self.chores.do_soon()
            processed = self._backlog.flush(timeout_s)
            posted = self._sink.flush(max(0.0, deadline - time.monotonic()))
            return processed and posted and self._lost == lost
        return False

    def shutdown(self, timeout_s: float = 30.0) -> bool:
        """Close every open request, flush, and end the threads. Safe to call twice.

        A request without an outcome is closed with its expected one, else as unreported.

        Returns:
            As `flush`.
        """
        if self._is_shut_down:
            return True
        deadline = time.monotonic() + timeout_s
        self.chores.do_soon()
        self._is_shut_down = True
        while (oldest := self._open.take_oldest()) is not None:
            self._finish(oldest, oldest.expected)
        flushed = self.flush(timeout_s)
        with self.containment.guard("shutdown"):
            self._backlog.stop(max(0.1, deadline - time.monotonic()))
            self._versions.end()
            self._content.stop()
            if self._owns_sink:
                self._sink.close(max(0.0, deadline - time.monotonic()))
        return flushed

    @property
    def stats(self) -> RecorderStats:
        """Counts since the start of this process."""
        sink = self._sink.stats
        return RecorderStats(
            requests=self._span_writer.requests,
            shadows_evaluated=self._counts.evaluated,
            shadow_failures=self._counts.failures,
            attempts=dict(self._span_writer.attempts),
            failed_attempts=dict(self._span_writer.failed_attempts),
            shed=self._span_writer.shed,
            switched_off=self._versions.current.runner.switched_off,
            reloads=self.reloads.done,
            reloads_refused=self.reloads.refused,
            reload_error=self.reloads.error,
            content_left_out=self._content.left_out,
            exported=sink.exported,
            dropped=self._lost + sink.dropped,
            contained=self.containment.counts,
            backlog=len(self._backlog) + sink.queued,
        )

    @property
    def _lost(self) -> int:
        return self._backlog.refused + self._span_writer.lost

    def _finish(self, pending: Pending, outcome: Outcome) -> None:
        pending.final = outcome
        pending.shed = self._backlog.is_full
        self._backlog.put(pending)

    def _made(self, routing: Routing) -> RoutingVersion:
        return RoutingVersion(routing, containment=self.containment, counts=self._counts, id_key=self.hash_id.kind)

    def _idle(self) -> None:
        self.chores.do_soon()
        self._close_overdue()
        with self.containment.guard("reload"):
            self._end_unneeded()
        self.chores.do_regular()

    def _end_unneeded(self) -> None:
        self._versions.end_unneeded(lambda each: self._open.holds(each) or self._backlog.holds(each))

    def _close_overdue(self) -> None:
        with self.containment.guard("time-out"):
            opened_before = time.perf_counter() - self._outcome_timeout_s
            while (oldest := self._open.take_oldest(opened_before)) is not None:
                self._finish_overdue(oldest)

    def _finish_overdue(self, pending: Pending) -> None:
        """Close a request without a report. While its answer arrives, its outcome is unknown and follows later."""
        self._finish(pending, UNREPORTED if pending.is_running else pending.expected)

    def _start_threads(self) -> None:
        """Start all threads with the first request: at the exit of the process it is too late (Python 3.12)."""
        self._versions.current.runner.start()
        self._sink.start()
