"""A bounded queue and the one thread that empties it in batches.

OpenTelemetry's BatchSpanProcessor lost 39 % of the spans under load, evicts the oldest and gives up after 10 s. Here a
full queue refuses the newest, and the thread keeps its batch until the other side accepts or refuses it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from shadow.runtime.containment import describe, logger
from shadow.runtime.forks import on_fork_in_child
from shadow.telemetry.export.sink import SinkStats

Item = TypeVar("Item")


class Delivery(Generic[Item]):
    """Hands queued items to `deliver` in batches, from its own daemon thread.

    Args:
        deliver: gets a batch and returns the number of delivered items. It may retry while `stopping` is not
            set; the others are lost and counted.
        limit: items that may wait at the same time.
        batch: most items of one delivery.
        linger_s: seconds that an incomplete batch waits for more items.
    """

    def __init__(
        self, deliver: Callable[[list[Item]], int], *, limit: int, batch: int, linger_s: float, name: str
    ) -> None:
        self._deliver = deliver
        self._limit = limit
        self._batch = batch
        self._linger_s = linger_s
        self._name = name
        self._reset()
        on_fork_in_child(self._reset)

    def _reset(self) -> None:
        """An empty queue and new locks. After a fork, the parent delivers its own items."""
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._flushing = 0
        self._in_flight = 0
        self._accepted = self._exported = self._dropped = self._retries = 0
        self._last_error = ""

    def start(self) -> None:
        """Start the thread now instead of with the first items."""
        with self._changed:
            self._start()

    def offer(self, items: Sequence[Item]) -> bool:
        """Queue all items or none."""
        with self._changed:
            if self._closed or self._waiting + len(items) > self._limit:
                self._dropped += len(items)
                return False
            was_empty = not self._items
            self._items.extend(items)
            self._accepted += len(items)
            self._start()
            if was_empty or len(self._items) >= self._batch:
                self._changed.notify_all()
        return True

    def refuse(self, count: int, reason: str) -> None:
        """Count items that cannot be queued."""
        with self._changed:
            self._dropped += count
            self._last_error = reason

    def flush(self, timeout_s: float) -> bool:
        """Wait until all items accepted before this call are delivered; False if late, or if any was lost meanwhile."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            target, lost = self._accepted, self._dropped
            self._flushing += 1
            self._changed.notify_all()
            try:
                while self._accepted - self._waiting < target:
                    if not self._changed.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                        return False
            finally:
                self._flushing -= 1
            return self._dropped == lost

    def close(self, timeout_s: float) -> bool:
        """Flush, then end the thread; the rest is lost and counted."""
        flushed = self.flush(timeout_s)
        with self._changed:
            self._closed = True
            self.stopping.set()
            self._dropped += len(self._items)
            self._items.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)
        return flushed

    def note_retry(self, reason: str) -> None:
        """Count a delivery that is tried again."""
        with self._changed:
            self._retries += 1
            self._last_error = reason

    def note_error(self, reason: str) -> None:
        """Remember why a delivery failed."""
        with self._changed:
            self._last_error = reason

    @property
    def stats(self) -> SinkStats:
        """Counts since the start of this process."""
        with self._changed:
            return SinkStats(
                queued=self._waiting,
                exported=self._exported,
                dropped=self._dropped,
                retries=self._retries,
                last_error=self._last_error,
            )

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    @property
    def _waiting(self) -> int:
        return len(self._items) + self._in_flight

    def _run(self) -> None:
        while batch := self._take():
            arrived = 0
            try:
                arrived = self._deliver(batch)
            except Exception as error:  # noqa: BLE001 - the thread must live on; the batch is counted as lost
                self.note_error(describe(error))
                logger.warning(
                    "shadowroute: %d spans lost; your requests are unaffected, their records are missing; "
                    "check the exporter: %s",
                    len(batch),
                    describe(error),
                )
            with self._changed:
                self._in_flight = 0
                self._exported += arrived
                self._dropped += len(batch) - arrived
                self._changed.notify_all()

    def _take(self) -> list[Item]:
        """The next batch; empty when the queue was closed."""
        with self._changed:
            while not self._items and not self._closed:
                self._changed.wait()
            linger_ends = time.monotonic() + self._linger_s
            while len(self._items) < self._batch and not self._flushing and not self._closed:
                left_s = linger_ends - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            batch = [self._items.popleft() for _ in range(min(self._batch, len(self._items)))]
            self._in_flight = len(batch)
            return batch
