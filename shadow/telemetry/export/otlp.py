"""Spans to a collector over OTLP/HTTP protobuf: one POST per batch, the same bytes on every retry."""

from __future__ import annotations

import http.client
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from shadow.runtime.containment import logger
from shadow.runtime.forks import on_fork_in_child
from shadow.telemetry.export.compress import gzipped
from shadow.telemetry.export.delivery import Delivery
from shadow.telemetry.export.encode import encode_request, encode_span
from shadow.telemetry.export.poster import Poster, Response
from shadow.telemetry.export.reply import partial_success, status_message
from shadow.telemetry.export.sink import SinkStats
from shadow.telemetry.span import Source, Span

RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})
TOO_LARGE = 413
"""The batch is too large; it is sent in halves."""
FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 30.0

Encoded = tuple[Source, bytes]


class OtlpSink:
    """Posts encoded spans to a collector, with retries without end.

    Args:
        url: base address such as `http://127.0.0.1:4318`, or the full address of its `/v1/traces`.
        headers: further headers, for example `Authorization`. Never logged.
        queue_spans: spans that may wait; beyond them new ones are refused and counted.
        batch_spans: spans per POST.
        linger_s: seconds that an incomplete batch waits for more.
        timeout_s: seconds to connect, and to wait for the answer.

    Raises:
        ConfigError: the address is not an http or https one.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        queue_spans: int = 20_000,
        batch_spans: int = 1024,
        linger_s: float = 0.2,
        timeout_s: float = 10.0,
    ) -> None:
        self._poster = Poster(url, headers or {}, timeout_s)
        self._delivery: Delivery[Encoded] = Delivery(
            self._deliver, limit=queue_spans, batch=batch_spans, linger_s=linger_s, name="shadowroute-export"
        )
        self._last_logged = ""
        on_fork_in_child(self._poster.close)  # parent and child must not share a socket

    def start(self) -> None:
        """Start the background thread."""
        self._delivery.start()

    def submit(self, spans: Sequence[Span]) -> bool:
        """Encode and queue all of these spans, or none."""
        try:
            encoded = [(span.source, encode_span(span)) for span in spans]
        except (TypeError, ValueError) as error:
            self._delivery.refuse(len(spans), str(error))
            return False
        return self._delivery.offer(encoded)

    def flush(self, timeout_s: float) -> bool:
        """Wait until the collector took everything queued; False if that took too long or spans were lost."""
        return self._delivery.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush, then stop; the rest is dropped and counted."""
        flushed = self._delivery.close(timeout_s)
        self._poster.close()
        return flushed

    @property
    def stats(self) -> SinkStats:
        """Counts since the start of this process."""
        return self._delivery.stats

    def _deliver(self, batch: list[Encoded]) -> int:
        """Post one batch until it is accepted or refused; returns the number of delivered spans."""
        body = gzipped(encode_request(_grouped(batch)))
        delay_s = FIRST_DELAY_S
        while True:
            response = self._post(body)
            if isinstance(response, Response):
                if 200 <= response.status < 300:
                    return len(batch) - min(self._rejected(response), len(batch))
                if response.status == TOO_LARGE and len(batch) > 1:
                    middle = len(batch) // 2
                    return self._deliver(batch[:middle]) + self._deliver(batch[middle:])
                reason = f"{self._poster.label} answered {response.status}: {_message(response)}"
                if response.status not in RETRYABLE_STATUSES:
                    self._log_loss(len(batch), reason)
                    return 0
            else:
                reason = response
            self._delivery.note_retry(reason)
            told_s = response.retry_after_s if isinstance(response, Response) else None
            # At least FIRST_DELAY_S, also if the server asks for no wait.
            wait_s = delay_s * random.uniform(0.8, 1.2) if told_s is None else max(told_s, FIRST_DELAY_S)  # noqa: S311
            if self._delivery.stopping.wait(wait_s):
                self._log_loss(len(batch), reason)
                return 0
            delay_s = min(delay_s * 2, LONGEST_DELAY_S)

    def _post(self, body: bytes) -> Response | str:
        """The answer, or the reason why there is none."""
        try:
            return self._poster.post(body)
        except (OSError, http.client.HTTPException) as error:
            return f"{self._poster.label} is not reachable: {str(error) or type(error).__name__}"

    def _rejected(self, response: Response) -> int:
        """Number of rejected spans of an accepted batch; 0 for an unreadable answer."""
        if not response.is_protobuf:
            return 0
        rejected, reason = partial_success(response.body)
        if rejected:
            self._log_loss(rejected, f"{self._poster.label} rejected them: {reason}")
        return rejected

    def _log_loss(self, count: int, reason: str) -> None:
        """Log a reason once, until there is another one; the counts are in `stats`."""
        self._delivery.note_error(reason)
        if reason != self._last_logged:
            self._last_logged = reason
            logger.error(
                "shadowroute: %d spans lost; your requests are unaffected, their records are missing; "
                "check export.to and the collector: %s",
                count,
                reason,
            )


def _grouped(batch: Sequence[Encoded]) -> Iterable[tuple[Source, list[bytes]]]:
    groups: dict[Source, list[bytes]] = defaultdict(list)
    for source, encoded in batch:
        groups[source].append(encoded)
    return groups.items()


def _message(response: Response) -> str:
    """The server's reason, from a google.rpc.Status or from text, at most 300 characters."""
    if not response.is_protobuf:
        return response.body[:300].decode("utf-8", "replace").strip()
    message = status_message(response.body)
    return "an answer that is not protobuf" if message is None else message[:300]
