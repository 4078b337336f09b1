"""The queue between the request path and the recorder's thread, and that thread.

Adding an entry is one append. The thread wakes up at most ten times a second and works in batches, because each
switch of threads under the interpreter lock may cost a request 5 ms.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanContext

from shadow.domain.outcome import UNREPORTED, Outcome
from shadow.domain.policy import Decision, Failure
from shadow.domain.request import Request
from shadow.domain.signals import Signal
from shadow.domain.snapshot import Snapshot
from shadow.runtime.frozen import quickly_made

if TYPE_CHECKING:
    from shadow.recording.routing_version import RoutingVersion

BATCH: Final = 64
LINGER_S: Final = 0.1
IDLE_S: Final = 1.0


@quickly_made
@dataclass(slots=True, eq=False)
class Pending:
    """One request between its live decision and its spans. A handle: callers only pass it back to `Recorder.close`.

    Attributes:
        routing_version: the version of the routing from start to end of the request.
        decide_s: seconds of the live decision; None = not measured.
        parent: the host's span, read only.
        opened_at: `time.perf_counter()` of the decision.
        final: the outcome; set once, when the request is closed.
        expected: the outcome to record if no other is reported in time.
        is_running: the answer still arrives, so that `expected` counts at the end of the process only.
        is_overdue: it was closed without a report; one that comes later is sent on its own.
        shed: the backlog was full when the request was closed, so that no shadow is asked.
        lacks_complexity: the recorder's thread must compute the complexity, before the shadows read it.
    """

    routing_version: RoutingVersion
    request: Request
    snapshot: Snapshot
    decision: Decision | Failure
    decide_s: float | None
    parent: SpanContext | None
    opened_at: float
    final: Outcome = UNREPORTED
    expected: Outcome = UNREPORTED
    is_running: bool = False
    is_overdue: bool = False
    shed: bool = False
    lacks_complexity: bool = False


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """An outcome of a request that is closed, here or in another process.

    Attributes:
        time_ns: of the report.
        pending: the request, if this process had it open until the time-out.
    """

    request_id: str
    outcome: Outcome
    time_ns: int
    pending: Pending | None = None


Entry = Pending | Signal | LateOutcome


class Backlog:
    """A bounded queue with one daemon thread, which starts with the first entry and again in a forked child.

    Args:
        work_off: gets up to 64 entries in order. It must not raise.
        idle: called at least once a second, for time-outs. It must not raise.
        prepare: called before the thread starts, to start other threads.
        limit: entries above which shadows are shed; at twice as many, new entries are refused.
    """

    def __init__(
        self,
        work_off: Callable[[list[Entry]], None],
        idle: Callable[[], None],
        prepare: Callable[[], None],
        *,
        limit: int,
    ) -> None:
        self._work_off = work_off
        self._idle = idle
        self._prepare = prepare
        self._limit = limit
        self.reset()

    def reset(self) -> None:
        """Empty, without a thread. Also for a forked child: the parent delivers its own entries."""
        self._entries: deque[Entry | threading.Event] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._start_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._idled_at = 0.0
        self.refused = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_full(self) -> bool:
        """Whether shadows must be shed."""
        return len(self._entries) >= self._limit

    @property
    def is_running(self) -> bool:
        """Whether the thread was started."""
        return self._thread is not None

    def start(self) -> None:
        """Start the thread, if it is not running."""
        with self._start_lock:
            if self._thread is None and not self._stopped:
                self._prepare()
                self._thread = threading.Thread(target=self._run, name="shadowroute-recorder", daemon=True)
                self._thread.start()

    def holds(self, routing_version: RoutingVersion) -> bool:
        """Whether a request of that version waits."""
        return any(
            isinstance(entry, Pending) and entry.routing_version is routing_version for entry in list(self._entries)
        )

    def put(self, entry: Entry) -> None:
        """Append, or refuse and count. Never blocks."""
        if self._stopped or len(self._entries) >= 2 * self._limit:
            self.refused += 1
            return
        self._entries.append(entry)
        if self._thread is None:
            self.start()
        if not self._wake.is_set():
            self._wake.set()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all entries before this call were worked off; False if that took too long."""
        if self._stopped or (self._thread is None and not self._entries):
            return not self._entries
        mark = threading.Event()
        self._entries.append(mark)
        self.start()
        self._hurry.set()
        self._wake.set()
        return mark.wait(timeout_s)

    def stop(self, timeout_s: float) -> None:
        """Refuse new entries and end the thread."""
        self._stopped = True
        self._hurry.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _run(self) -> None:
        """Sleep until an entry comes, let a batch gather, work it off."""
        while not self._stopped:
            self._wake.wait(IDLE_S)
            self._wake.clear()
            self._hurry.wait(LINGER_S)
            self._hurry.clear()
            self._idle_now_and_then()
            while self._entries:
                self._work_off_batch()
                self._idle_now_and_then()  # a busy queue is never empty

    def _idle_now_and_then(self) -> None:
        if time.monotonic() - self._idled_at >= IDLE_S:
            self._idle()
            self._idled_at = time.monotonic()

    def _work_off_batch(self) -> None:
        taken = [self._entries.popleft() for _ in range(min(BATCH, len(self._entries)))]
        entries = [entry for entry in taken if not isinstance(entry, threading.Event)]
        if entries:
            self._work_off(entries)
        for mark in taken:
            if isinstance(mark, threading.Event):
                mark.set()
