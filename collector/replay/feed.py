"""Sends past requests through an SDK, each at its own time, and loses none of them.

A lost request would make every figure wrong, so a feed waits while too much is in transit, and at the end compares the
recorder's counts with the sent requests. `routed` feeds requests that a router answers anew, `logged` those with a
recorded answer.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace
from types import TracebackType
from typing import Final, Protocol, Self

from shadow.config import Limits, Routing
from shadow.recording.stats import RecorderStats
from shadow.telemetry.export.otlp import OtlpSink
from shadowroute.collector.errors import StoreError
from shadowroute.collector.serve import IngestEndpoint

CHECK_EVERY: Final = 100
"""Requests between two checks of the backlog."""
MOST_UNDER_WAY: Final = 30_000
"""Requests and spans in transit to the store: the batch that is being stored, and the next ones."""
LIMITS: Final = Limits(budget_s=5.0, max_pending=2 * MOST_UNDER_WAY)
"""No request waits for a shadow here: a slow policy is measured, not switched off, and no request is shed."""
BATCH_SPANS: Final = 6_000
"""Spans per POST: an insert costs the store as much for a thousand rows as for six thousand."""
LINGER_S: Final = 10.0
WAIT_S: Final = 0.01
SEND_TIMEOUT_S: Final = 60.0
"""Time-out of one batch, seconds. A job has time, and a batch with a short time-out is sent again and again."""
FLUSH_TIMEOUT_S: Final = 120.0
CLOSE_TIMEOUT_S: Final = 5.0
"""After a check nothing is left to wait for, and after an error the rest is not needed."""


class LostRecordsError(StoreError):
    """Some records did not arrive, so no figure of the run is reliable."""


class EventClock:
    """Wall time is the time of the request at hand; durations are real."""

    def __init__(self) -> None:
        self.now_us = 0

    def time_ns(self) -> int:
        """Event time, epoch nanoseconds."""
        return self.now_us * 1_000

    def perf_counter(self) -> float:
        """Monotonic seconds of this machine."""
        return time.perf_counter()


class Counting(Protocol):
    """The interface of a recorder or router to a feed."""

    @property
    def stats(self) -> RecorderStats:
        """Its counts."""
        ...

    def flush(self, timeout_s: float = ...) -> bool:
        """Wait until everything arrived; False after the time-out."""
        ...


class Feed(ABC):
    """Leaving its `with` block without an error checks that everything arrived.

    Args:
        routing: the settings; their limits are those of a feed.
        endpoint: for the spans.
    """

    def __init__(self, routing: Routing, endpoint: IngestEndpoint) -> None:
        self.routing = replace(routing, limits=LIMITS)
        self.clock = EventClock()
        self.sink = OtlpSink(
            endpoint.url,
            endpoint.headers,
            queue_spans=MOST_UNDER_WAY * (2 + len(routing.shadows)),
            batch_spans=BATCH_SPANS,
            linger_s=LINGER_S,
            timeout_s=SEND_TIMEOUT_S,
        )
        self._sent = 0

    @property
    @abstractmethod
    def _counting(self) -> Counting: ...

    @abstractmethod
    def _close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is None:
                self.finish()
        finally:
            self._close()
            self.sink.close(CLOSE_TIMEOUT_S)

    def finish(self) -> None:
        """Wait for everything, and compare the recorded, shed and dropped requests with the sent ones.

        Raises:
            LostRecordsError: records did not arrive.
        """
        arrived = self._counting.flush(FLUSH_TIMEOUT_S)
        stats = self._counting.stats
        lost = {
            "not recorded": self._sent - stats.requests,
            "shed": stats.shed,
            "dropped": stats.dropped,
            "not sent": stats.backlog,
        }
        if any(lost.values()):
            counts = ", ".join(f"{name} {count:,}" for name, count in lost.items() if count)
            raise LostRecordsError(
                f"of {self._sent:,} {'request' if self._sent == 1 else 'requests'} sent, records were lost on the"
                f" way to the store: {counts}"
            )
        if not arrived:
            raise self._stuck()

    def _note(self) -> None:
        """Count one request; waits while too many are in transit.

        Raises:
            LostRecordsError: the store accepts no more records.
        """
        self._sent += 1
        if self._sent % CHECK_EVERY:
            return
        last, since = -1, time.monotonic()
        while (backlog := self._counting.stats.backlog) > MOST_UNDER_WAY:
            if backlog != last:
                last, since = backlog, time.monotonic()
            elif time.monotonic() - since > FLUSH_TIMEOUT_S:
                raise self._stuck()
            time.sleep(WAIT_S)

    def _stuck(self) -> LostRecordsError:
        return LostRecordsError(
            f"the store accepted nothing for {FLUSH_TIMEOUT_S:.0f} s after {self._sent:,} requests, and"
            f" {self._counting.stats.backlog:,} records wait; run it again where the machine or the server has less"
            " to do"
        )
