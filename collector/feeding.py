"""Sends requests that happened at another time through an SDK, and lets none of them be lost.

Every figure would be about fewer requests than it says, so whoever feeds waits while too much is on its way, and at the
end compares what the recorder counted with what was sent. Backtest, demo and import share this.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from shadow.recording.stats import RecorderStats
from shadowroute.collector.errors import StoreError

CHECK_EVERY = 100
"""Requests between two looks at how much is on its way."""
MOST_UNDER_WAY = 8_000
"""Requests and spans on their way: below the requests from which on a recorder sheds, so that none is."""
QUEUE_SPANS = 200_000
"""What the sink of a feed may hold, so that nothing is shed however slow the store is."""
WAIT_S = 0.01
SEND_TIMEOUT_S = 60.0
"""What one batch may take. A job has time, and a batch that is given up too early is sent again and again."""
FLUSH_TIMEOUT_S = 120.0
CLOSE_TIMEOUT_S = 5.0
"""After a check there is nothing left to wait for, and after an error nobody needs the rest."""


class LostRecordsError(StoreError):
    """Some of what was sent did not arrive, so no figure of the run may be believed."""


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


class Pace:
    """Watches a recorder from the side of the one who feeds it.

    Args:
        stats: what the recorder counts.
        flush: waits until everything arrived, at most so many seconds.
        most: requests and spans that may be on their way.
    """

    def __init__(
        self, stats: Callable[[], RecorderStats], flush: Callable[[float], bool], *, most: int = MOST_UNDER_WAY
    ) -> None:
        self._stats = stats
        self._flush = flush
        self._most = most
        self.sent = 0

    def note(self) -> None:
        """One request was handed over; waits while too many are on their way.

        Raises:
            LostRecordsError: the store takes nothing any more.
        """
        self.sent += 1
        if self.sent % CHECK_EVERY == 0:
            self._let_arrive()

    def finish(self) -> None:
        """Wait for everything, and compare the counts.

        Raises:
            LostRecordsError: something did not arrive.
        """
        if not self._flush(FLUSH_TIMEOUT_S):
            self.check()
            raise self._stuck()
        self.check()

    def check(self) -> None:
        """Compare what was recorded, shed and dropped with what was sent.

        Raises:
            LostRecordsError: something did not arrive.
        """
        stats = self._stats()
        lost = {
            "not recorded": self.sent - stats.requests,
            "shed": stats.shed,
            "dropped": stats.dropped,
            "not sent": stats.backlog,
        }
        if any(lost.values()):
            counts = ", ".join(f"{name} {count:,}" for name, count in lost.items() if count)
            raise LostRecordsError(
                f"of {self.sent:,} {'request' if self.sent == 1 else 'requests'} sent, records were lost on the"
                f" way to the store: {counts}"
            )

    def _let_arrive(self) -> None:
        last, since = -1, time.monotonic()
        while (backlog := self._stats().backlog) > self._most:
            if backlog != last:
                last, since = backlog, time.monotonic()
            elif time.monotonic() - since > FLUSH_TIMEOUT_S:
                raise self._stuck()
            time.sleep(WAIT_S)

    def _stuck(self) -> LostRecordsError:
        return LostRecordsError(
            f"the store took nothing for {FLUSH_TIMEOUT_S:.0f} s after {self.sent:,} requests, and"
            f" {self._stats().backlog:,} records wait; run it again where the machine or the server has less to do"
        )
