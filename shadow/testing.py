"""For tests of services with this package: spans in memory, and a manual clock."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shadow.telemetry import keys
from shadow.telemetry.export.sink import SinkStats
from shadow.telemetry.span import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


class MemorySink:
    """Keeps all spans.

    Attributes:
        spans: all submitted spans, in order, as OpenTelemetry's `ReadableSpan`.
    """

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Do nothing: there is no background work."""

    def submit(self, spans: Sequence[Span]) -> bool:
        """Keep the spans."""
        with self._lock:
            self.spans.extend(span.readable() for span in spans)
        return True

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 - nothing is ever waiting
        """True: no span waits."""
        return True

    def close(self, timeout_s: float) -> bool:
        """Keep the spans."""
        return self.flush(timeout_s)

    @property
    def stats(self) -> SinkStats:
        """Everything counts as exported."""
        return SinkStats(exported=len(self.spans))

    def rows(self, role: str) -> list[dict[str, Any]]:
        """Attributes of the spans with this `llm_router.role`, in order."""
        return [dict(span.attributes or {}) for span in self.spans if (span.attributes or {}).get(keys.ROLE) == role]

    def named(self, prefix: str) -> list[ReadableSpan]:
        """Spans whose name begins with `prefix`."""
        return [span for span in self.spans if span.name.startswith(prefix)]


class ManualClock:
    """Event time and durations that move only by `advance`."""

    def __init__(self, time_ns: int = 1_700_000_000_000_000_000) -> None:
        self._time_ns = time_ns
        self._elapsed_s = 0.0

    def time_ns(self) -> int:
        """Epoch nanoseconds."""
        return self._time_ns

    def perf_counter(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Move both clocks."""
        self._time_ns += round(seconds * 1e9)
        self._elapsed_s += seconds
