"""The interface of exporters for finished spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from shadow.telemetry.span import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStats:
    """Counts of spans so far.

    Attributes:
        queued: accepted, neither delivered nor lost yet.
        exported: confirmed by the other side.
        dropped: lost: the queue was full, the server refused them, or the process ended first.
        retries: deliveries that were tried again.
        last_error: why the last delivery failed, empty if none did.
    """

    queued: int = 0
    exported: int = 0
    dropped: int = 0
    retries: int = 0
    last_error: str = ""


@runtime_checkable
class SpanSink(Protocol):
    """Takes spans without blocking and delivers them in the background."""

    def start(self) -> None:
        """Start the background work, unless it runs. From Python 3.12 on, an exit is too late for it."""
        ...

    def submit(self, spans: Sequence[Span]) -> bool:
        """Queue all of these spans, or none: False = dropped and counted. Never blocks on the network."""
        ...

    def flush(self, timeout_s: float) -> bool:
        """Wait until all queued spans are delivered. False if that took too long or spans were lost."""
        ...

    def close(self, timeout_s: float) -> bool:
        """Flush, then stop. The rest after `timeout_s` is dropped and counted."""
        ...

    @property
    def stats(self) -> SinkStats:
        """Counts since the start."""
        ...
