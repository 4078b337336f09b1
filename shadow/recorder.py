"""Takes what was decided and served, and turns it into spans behind the caller's back.

The caller pays for a few dictionary operations and one append. Everything else, the shadows, the spans and their
encoding, happens on the recorder's own thread, in batches. Nothing here waits for anything, and nothing here raises
into the host after construction.

Life of a record (contracts.md 3): `open` at the live decision, closed by the first outcome, by the time-out, by the cap
on open requests or by `shutdown`; then the shadows run, and all spans of the request leave together, once.
"""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
import weakref
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanContext, get_current_span

from shadow.clock import SYSTEM_CLOCK, Clock
from shadow.contained import Containment, OnError
from shadow.courtesy import Courtesy
from shadow.errors import PolicyError
from shadow.export.exporter import ExporterSink
from shadow.export.otlp import OtlpSink
from shadow.export.sink import SinkStats, SpanSink
from shadow.forks import on_fork_in_child
from shadow.judge import Judgement, named
from shadow.outcome import UNREPORTED, Outcome
from shadow.policy import Decision, Failure
from shadow.request import Request, Snapshot
from shadow.runner import ShadowRunner
from shadow.signals import Signal, looks_like_our_id
from shadow.spans import Record, SpanBuilder

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

    from shadow.config import Routing

__all__ = ["SYSTEM_CLOCK", "Clock", "Pending", "Recorder", "RecorderStats"]

BATCH: Final = 64
"""Requests that are handed to the shadow threads at once: one switch of threads per request would cost 5 ms each."""

LINGER_S: Final = 0.02
IDLE_S: Final = 1.0
EXIT_FLUSH_S: Final = 5.0
HOST_IDS_KEPT: Final = 10_000


@dataclass(slots=True, eq=False)
class Pending:
    """One request between its live decision and its outcome. A handle: callers only pass it back to `close`."""

    request: Request
    snapshot: Snapshot
    decision: Decision | Failure
    decide_s: float
    parent: SpanContext | None
    opened_at: float
    final: Outcome = UNREPORTED
    shed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStats:
    """What this process recorded so far.

    Attributes:
        requests: closed requests whose spans were built.
        shadows_evaluated: shadow rows, failures included.
        shadow_failures: by policy and `error_type`.
        shed: requests whose shadows were not asked, because the backlog was full. Their rows say so.
        switched_off: policies that are not asked any more, and why.
        exported: spans that the collector has.
        dropped: requests lost to a full backlog, and spans lost on the way to the collector.
        contained: errors of ours that were kept from the host, by place.
        backlog: closed requests waiting for their shadows, and spans waiting for the collector.
    """

    requests: int = 0
    shadows_evaluated: int = 0
    shadow_failures: dict[str, dict[str, int]] = field(default_factory=dict)
    shed: int = 0
    switched_off: dict[str, str] = field(default_factory=dict)
    exported: int = 0
    dropped: int = 0
    contained: dict[str, int] = field(default_factory=dict)
    backlog: int = 0


@dataclass(frozen=True, slots=True)
class _LateOutcome:
    request_id: str
    outcome: Outcome
    time_ns: int


_Entry = Pending | Signal | _LateOutcome | threading.Event
"""What waits for the recorder's thread. An event is a mark that `flush` waits for."""


class Recorder:
    """Records requests, signals and late outcomes of one service.

    Args:
        routing: who the service is, its shadows, and every limit.
        exporter: a sink of ours or any OpenTelemetry `SpanExporter`; by default OTLP/HTTP to `export.to`. A sink that
            is passed in is flushed at the end, not closed: whoever made it closes it.
        clock: event times of signals and late outcomes.
        on_error: "raise" lets internal errors through, for tests.

    Raises:
        ConfigError: `export.to` is not an address.
    """

    def __init__(
        self,
        routing: Routing,
        *,
        exporter: SpanSink | SpanExporter | None = None,
        clock: Clock = SYSTEM_CLOCK,
        on_error: OnError = "count",
    ) -> None:
        limits = routing.limits
        self._clock = clock
        self._catalogue = routing.catalogue
        self._max_pending = limits.max_pending
        self._outcome_timeout_s = limits.outcome_timeout_s
        self._containment = Containment(on_error)
        self._sink, self._owns_sink = _sink_for(routing, exporter)
        self._runner = ShadowRunner(
            routing.shadows,
            routing.catalogue,
            budget_s=limits.budget_s,
            strikes=limits.strikes,
            sample_rate=limits.sample_rate,
            containment=self._containment,
        )
        self._spans = SpanBuilder(
            service=routing.service,
            project=routing.project,
            origin=routing.origin,
            catalogue=routing.catalogue,
            sample_rate=limits.sample_rate,
            sdk_version=version("shadowroute"),
        )
        self._reset()
        on_fork_in_child(self._after_fork)
        atexit.register(_flush_at_exit, weakref.ref(self))

    def _reset(self) -> None:
        self._open: dict[str, Pending] = {}
        self._entries: deque[_Entry] = deque()
        self._host_ids: dict[str, None] = {}
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._start_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._requests = self._shed = self._dropped = 0

    def _after_fork(self) -> None:
        """The parent still has its threads and delivers its own requests; the child begins empty."""
        self._reset()
        self._containment.after_fork()
        self._runner.after_fork()

    def open(
        self,
        request: Request,
        snapshot: Snapshot,
        decision: Decision | Failure,
        *,
        decide_s: float,
        parent: SpanContext | None = None,
    ) -> Pending:
        """Note the live decision of a request that is about to be served.

        Args:
            request: the frozen request that live decided on.
            snapshot: the router's state at that moment; shadows see the same.
            decision: what live decided, or why it failed.
            decide_s: seconds the live decision took.
            parent: span of the host to put the spans under; by default its current one. It is only read.
        """
        if parent is None:
            parent = get_current_span().get_span_context()
        pending = Pending(
            request, snapshot, decision, decide_s, parent if parent.is_valid else None, time.perf_counter()
        )
        with self._containment.guard("open"):
            request_id = request.request_id
            while len(self._open) >= self._max_pending and self._close_oldest():
                pass
            earlier = self._open.get(request_id)
            if earlier is not None:
                self.close(earlier, UNREPORTED)
            self._open[request_id] = pending
            if not looks_like_our_id(request_id):
                self._remember_host_id(request_id)
        return pending

    def close(self, pending: Pending, outcome: Outcome) -> None:
        """Note what was served. Only the first call for a request counts. Never blocks, never raises."""
        with self._containment.guard("close"):
            # `pop` is what makes two threads that close the same request agree on who was first.
            request_id = pending.request.request_id
            popped = self._open.pop(request_id, None)
            if popped is not pending:
                if popped is not None:
                    self._open[request_id] = popped
                return
            pending.final = outcome
            pending.shed = len(self._entries) >= self._max_pending
            self._enqueue(pending)

    def outcome(self, request_id: str, outcome: Outcome) -> None:
        """Note what was served, by request id; also long after the request was closed, and in another process."""
        with self._containment.guard("outcome"):
            pending = self._open.get(request_id)
            if pending is not None:
                self.close(pending, outcome)
            else:
                self._enqueue(_LateOutcome(request_id, outcome, self._clock.time_ns()))

    def signal(
        self,
        target: str,
        name: str,
        value: float | None = None,
        *,
        label: str = "",
        source: str = "code",
        scorer: str = "",
        explanation: str = "",
        time_ns: int | None = None,
        deleted: bool = False,
    ) -> None:
        """Note how good an answer was.

        Args:
            target: request id, or `response:<id>` with the provider's response id (see `target_of`).
            name: what was observed, for example `resolved`.
            value: in [0, 1], 1 is best; None = only a label.
            label: a category beside or instead of the value.
            source: human, user, code, llm or reference.
            explanation: free text of the scorer; it leaves the process.
            scorer: who judged, if one source has several.
            time_ns: when it was observed, epoch nanoseconds; now by default. The newest wins.
            deleted: withdraws the signal.

        Raises:
            ValueError: the target or name is empty, or the value is outside [0, 1].
        """
        if not target or not name:
            raise ValueError(f"signal must have a target and a name, got {target!r} and {name!r}")
        if value is not None and not (math.isfinite(value) and 0 <= value <= 1):
            raise ValueError(f"signal {name} must be in [0, 1], got {value!r}; scale it so that 1 is best")
        signal = Signal(
            target=target,
            name=name,
            value=None if value is None else float(value),
            label=label,
            source=source,
            scorer=scorer,
            explanation=explanation,
            time_ns=self._clock.time_ns() if time_ns is None else time_ns,
            deleted=deleted,
        )
        with self._containment.guard("signal"):
            self._enqueue(signal)

    def target_of(self, some_id: str) -> str:
        """The signal target that an id names: ours or one seen here is a request, any other a response."""
        if some_id.startswith("response:") or looks_like_our_id(some_id) or some_id in self._host_ids:
            return some_id
        return f"response:{some_id}"

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Wait until everything closed before this call went through the shadows and reached the collector.

        Returns:
            False if that took too long, or if something was lost on the way.
        """
        deadline = time.monotonic() + timeout_s
        lost = self._dropped
        mark = threading.Event()
        with self._containment.guard("flush"):
            self._entries.append(mark)
            self._ensure_running()
            self._hurry.set()
            self._wake.set()
            processed = mark.wait(timeout_s)
            posted = self._sink.flush(max(0.0, deadline - time.monotonic()))
            return processed and posted and self._dropped == lost
        return False

    def shutdown(self, timeout_s: float = 30.0) -> bool:
        """Close every open request as unreported, flush, and end the threads. Safe to call twice.

        Returns:
            As `flush`.
        """
        if self._stopped:
            return True
        deadline = time.monotonic() + timeout_s
        while self._close_oldest():
            pass
        flushed = self.flush(timeout_s)
        self._stopped = True
        self._hurry.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.1, deadline - time.monotonic()))
        self._runner.stop()
        if self._owns_sink:
            self._sink.close(max(0.0, deadline - time.monotonic()))
        return flushed

    @property
    def stats(self) -> RecorderStats:
        """Counts since the start of this process."""
        sink: SinkStats = self._sink.stats
        return RecorderStats(
            requests=self._requests,
            shadows_evaluated=self._runner.evaluated,
            shadow_failures=self._runner.failures,
            shed=self._shed,
            switched_off=self._runner.switched_off,
            exported=sink.exported,
            dropped=self._dropped + sink.dropped,
            contained=self._containment.counts,
            backlog=len(self._entries) + sink.queued,
        )

    @property
    def containment(self) -> Containment:
        """The guard that this recorder's callers share, so that one count tells everything."""
        return self._containment

    def _enqueue(self, entry: Pending | Signal | _LateOutcome) -> None:
        """One append. Shadows are shed from the cap on; at twice the cap the newest record is lost and counted."""
        if self._stopped or len(self._entries) >= 2 * self._max_pending:
            self._dropped += 1
            return
        self._entries.append(entry)
        if self._thread is None:
            self._ensure_running()
        if not self._wake.is_set():
            self._wake.set()

    def _remember_host_id(self, request_id: str) -> None:
        self._host_ids[request_id] = None
        if len(self._host_ids) > HOST_IDS_KEPT:
            self._host_ids.pop(next(iter(self._host_ids)), None)

    def _close_oldest(self, opened_before: float = math.inf) -> bool:
        """Close the oldest open request as unreported, if it was opened early enough; whether there was one."""
        try:
            oldest = next(iter(self._open.values()))
        except StopIteration:
            return False
        except RuntimeError:  # another thread opened or closed a request just now
            return True
        if oldest.opened_at >= opened_before:
            return False
        self.close(oldest, UNREPORTED)
        return True

    def _ensure_running(self) -> None:
        with self._start_lock:
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="shadowroute-recorder", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        """Wake up when something was closed, let a batch gather, work it off."""
        while not self._stopped:
            self._wake.wait(IDLE_S)
            self._wake.clear()
            self._hurry.wait(LINGER_S)
            self._hurry.clear()
            with self._containment.guard("recorder"):
                while self._close_oldest(time.perf_counter() - self._outcome_timeout_s):
                    pass
            while self._entries:
                self._work_off(self._take())

    def _take(self) -> list[_Entry]:
        """The next requests, at most a batch of them, and everything that came between them."""
        return [self._entries.popleft() for _ in range(min(BATCH, len(self._entries)))]

    def _work_off(self, entries: list[_Entry]) -> None:
        requests = [entry for entry in entries if isinstance(entry, Pending)]
        lost = len(requests)
        with self._containment.guard("recorder"):
            self._record(requests)
            lost = 0
        self._dropped += lost
        for entry in entries:
            if isinstance(entry, threading.Event):
                entry.set()
            elif not isinstance(entry, Pending):
                with self._containment.guard("recorder"):
                    self._submit([self._fact(entry)])

    def _record(self, requests: list[Pending]) -> None:
        """Ask the shadows, build the spans, hand them over: all spans of a request or none."""
        courtesy = Courtesy()
        for pending in requests:
            pending.decision, pending.final = self._named(pending.decision, pending.final)
        for pending, judgements in zip(requests, self._runner.evaluate(requests), strict=True):
            courtesy.pause()
            self._shed += pending.shed
            self._requests += 1
            with self._containment.guard("spans"):
                self._submit(self._spans.of_request(_record_of(pending, judgements)))

    def _named(self, decision: Decision | Failure, outcome: Outcome) -> tuple[Decision | Failure, Outcome]:
        """Decision and outcome with the catalogue's names instead of aliases and dated ids."""
        if isinstance(decision, Failure):
            return decision, outcome
        with suppress(PolicyError):  # a live model that the catalogue does not know is what happened all the same
            decision = named(decision.policy, decision, self._catalogue)
        if outcome.model:
            name = self._catalogue.canonical(outcome.model, decision.model)
            outcome = outcome if name == outcome.model else replace(outcome, model=name)
        return decision, outcome

    def _fact(self, entry: Signal | _LateOutcome) -> ReadableSpan:
        if isinstance(entry, Signal):
            return self._spans.of_signal(entry)
        return self._spans.of_late_outcome(entry.request_id, entry.outcome, entry.time_ns)

    def _submit(self, spans: list[ReadableSpan]) -> None:
        self._sink.submit(spans)  # what it refuses, it counts


def _record_of(pending: Pending, judgements: list[Judgement]) -> Record:
    return Record(
        request=pending.request,
        decision=pending.decision,
        outcome=pending.final,
        judgements=judgements,
        decide_s=pending.decide_s,
        parent=pending.parent,
    )


def _sink_for(routing: Routing, exporter: SpanSink | SpanExporter | None) -> tuple[SpanSink, bool]:
    """The sink to use, and whether the recorder closes it."""
    queue_spans = routing.limits.queue_spans
    if exporter is None:
        token = os.environ.get(routing.export.token_env, "") if routing.export.token_env else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return OtlpSink(routing.export.to, headers, queue_spans=queue_spans), True
    if isinstance(exporter, SpanSink):
        return exporter, False
    return ExporterSink(exporter, queue_spans=queue_spans), True


def _flush_at_exit(reference: weakref.ref[Recorder]) -> None:
    recorder = reference()
    if recorder is not None:
        recorder.shutdown(EXIT_FLUSH_S)
