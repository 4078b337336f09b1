"""Any OpenTelemetry `SpanExporter` as a sink, for hosts that already have one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shadow.telemetry.export.delivery import Delivery
from shadow.telemetry.export.sink import SinkStats
from shadow.telemetry.span import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


class ExporterSink:
    """Calls `export` of an OpenTelemetry exporter from one background thread, without tracing its own requests."""

    def __init__(
        self, exporter: SpanExporter, *, queue_spans: int = 20_000, batch_spans: int = 512, linger_s: float = 0.2
    ) -> None:
        self._exporter = exporter
        self._delivery: Delivery[Span] = Delivery(
            self._deliver, limit=queue_spans, batch=batch_spans, linger_s=linger_s, name="shadowroute-export"
        )

    def start(self) -> None:
        """Start the background thread."""
        self._delivery.start()

    def submit(self, spans: Sequence[Span]) -> bool:
        """Queue all of these spans, or none."""
        return self._delivery.offer(spans)

    def flush(self, timeout_s: float) -> bool:
        """Wait until the exporter took everything queued; False if that took too long or spans were lost."""
        return self._delivery.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush, then shut the exporter down."""
        flushed = self._delivery.close(timeout_s)
        self._exporter.shutdown()
        return flushed

    @property
    def stats(self) -> SinkStats:
        """Counts since the start of this process."""
        return self._delivery.stats

    def _deliver(self, batch: list[Span]) -> int:
        """One export; an exporter retries by itself, so that a failure is final."""
        from opentelemetry import context  # noqa: PLC0415 - heavy, and the thread has time
        from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415

        # The key that OpenTelemetry's own processors set; it has no public name.
        token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))  # noqa: FBT003, SLF001
        try:
            result = self._exporter.export([span.readable() for span in batch])
        finally:
            context.detach(token)
        return len(batch) if result is SpanExportResult.SUCCESS else 0
