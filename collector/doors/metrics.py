"""Counts of the receiver since its start, for `/-/status`, `/metrics`, doctor and the Overview page."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_PREFIX: Final = "shadowroute_receiver_"
_KINDS_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class Refused:
    """Requests or spans that were refused for one reason.

    Attributes:
        status: HTTP status; 200 for spans of an accepted request (partial success).
        kind: the reason without its details.
        reason: the last one in full.
        sender: User-Agent of the last one.
        count: requests, or spans where the status is 200.
        last_at: epoch seconds.
    """

    status: int
    kind: str
    reason: str
    sender: str
    count: int
    last_at: float


class Metrics:
    """Thread-safe counters."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started_at = time.time()
        self._counts: Counter[str] = Counter()
        self._last_stored_at: float | None = None
        self._refused: dict[tuple[int, str], Refused] = {}

    def stored(self, kind: str, items: int, body_bytes: int) -> None:
        """Count one request whose items are stored.

        Args:
            kind: spans or signals.
            items: how many.
            body_bytes: inflated.
        """
        with self._lock:
            self._counts["requests"] += 1
            self._counts[kind] += items
            self._counts["bytes"] += body_bytes
            self._last_stored_at = time.time()

    def refuse(self, status: int, kind: str, reason: str, *, sender: str = "", count: int = 1) -> None:
        """Count a refusal and keep its newest text."""
        with self._lock:
            self._counts["rejected_spans" if status == 200 else "refused_requests"] += count
            key = (status, kind)
            if key not in self._refused and len(self._refused) >= _KINDS_KEPT:
                oldest = min(self._refused, key=lambda known: self._refused[known].last_at)
                del self._refused[oldest]
            known = self._refused.get(key)
            entry = Refused(status, kind, reason[:500], sender[:100], count, time.time())
            self._refused[key] = replace(entry, count=known.count + count) if known else entry

    def refused(self) -> list[Refused]:
        """Newest first."""
        with self._lock:
            return sorted(self._refused.values(), key=lambda entry: -entry.last_at)

    def snapshot(self) -> dict[str, Any]:
        """Everything, ready for JSON; times are epoch seconds, None = never."""
        with self._lock:
            counts = dict(self._counts)
            last = self._last_stored_at
        return {
            "started_at": self._started_at,
            "last_stored_at": last,
            "counts": {name: counts.get(name, 0) for name in COUNTERS},
            "refused": [asdict(entry) for entry in self.refused()],
        }


COUNTERS: Final[Mapping[str, str]] = {
    "requests": "Requests whose items are stored",
    "spans": "Spans stored",
    "signals": "Signals stored",
    "bytes": "Inflated bytes of stored requests",
    "rejected_spans": "Spans rejected inside accepted requests",
    "refused_requests": "Requests refused",
}
GAUGES: Final[Mapping[str, str]] = {
    "in_flight_bytes": "Bytes of bodies that are not stored yet",
    "waiting_bodies": "Bodies that wait for an insert",
    "insert_seconds": "Time spent inserting since the start",
}


@dataclass(frozen=True, slots=True)
class Exposition:
    """Counters and gauges of one moment, in Prometheus' text format.

    Attributes:
        counts: as in `Metrics.snapshot()`.
        gauges: by name.
    """

    counts: Mapping[str, int]
    gauges: Mapping[str, float]

    def text(self) -> bytes:
        """All of them; its content type is `CONTENT_TYPE`."""
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """All of them, for the client library; its global registry would have them once for all stores."""
        for name, count in self.counts.items():
            yield CounterMetricFamily(_PREFIX + name, COUNTERS[name], value=count)
        for name, value in self.gauges.items():
            yield GaugeMetricFamily(_PREFIX + name, GAUGES[name], value=value)
