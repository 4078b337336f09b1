"""Spans to a collector over OTLP/HTTP protobuf: one POST per batch, the same bytes on every retry.

The standard library's client is enough for one connection of one thread, loads fast, and is not patched by
instrumentations that would turn our own posts into spans of the host.
"""

from __future__ import annotations

import email.utils
import gzip
import http.client
import random
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shadow.contained import logger
from shadow.courtesy import Courtesy
from shadow.errors import ConfigError
from shadow.export.delivery import Delivery
from shadow.export.encode import encode_request, encode_span
from shadow.export.sink import SinkStats
from shadow.forks import on_fork_in_child

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

TRACES_PATH = "/v1/traces"
RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})
FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 30.0
LONGEST_RETRY_AFTER_S = 60.0
MOST_OF_AN_ANSWER = 64 * 1024

Encoded = tuple["Resource", "InstrumentationScope", bytes]


@dataclass(frozen=True, slots=True)
class Response:
    """What the collector said. `retry_after_s` is None without a usable Retry-After header."""

    status: int
    body: bytes
    is_protobuf: bool
    retry_after_s: float | None


class OtlpSink:
    """Posts encoded spans to a collector, for as long as it takes.

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
        self._courtesy = Courtesy()
        self._delivery: Delivery[Encoded] = Delivery(
            self._deliver, limit=queue_spans, batch=batch_spans, linger_s=linger_s, name="shadowroute-export"
        )
        self._last_logged = ""
        on_fork_in_child(self._poster.close)  # parent and child must not talk over one socket

    def start(self) -> None:
        """Start the background thread."""
        self._delivery.start()

    def submit(self, spans: Sequence[ReadableSpan]) -> bool:
        """Encode and queue all of these spans, or none."""
        try:
            encoded = [_encoded(span) for span in spans]
        except (TypeError, ValueError) as error:
            self._delivery.refuse(len(spans), str(error))
            return False
        return self._delivery.offer(encoded)

    def flush(self, timeout_s: float) -> bool:
        """Wait until the collector took everything queued; False if that took too long or spans were lost."""
        return self._delivery.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush, then stop; what is left is dropped and counted."""
        flushed = self._delivery.close(timeout_s)
        self._poster.close()
        return flushed

    @property
    def stats(self) -> SinkStats:
        """Counts since the start of this process."""
        return self._delivery.stats

    def _deliver(self, batch: list[Encoded]) -> int:
        """Post one batch until it is taken or refused; how many spans arrived."""
        body = gzip.compress(encode_request(_grouped(batch)), compresslevel=1, mtime=0)
        delay_s = FIRST_DELAY_S
        while True:
            response = self._post(body)
            if isinstance(response, Response):
                if 200 <= response.status < 300:
                    return len(batch) - self._rejected(response)
                reason = f"{self._poster.label} answered {response.status}: {_message(response)}"
                if response.status not in RETRYABLE_STATUSES:
                    self._log_loss(len(batch), reason)
                    return 0
            else:
                reason = response
            self._delivery.note_retry(reason)
            told_s = response.retry_after_s if isinstance(response, Response) else None
            wait_s = delay_s * random.uniform(0.8, 1.2) if told_s is None else told_s  # noqa: S311 - jitter
            if self._delivery.stopping.wait(wait_s):
                self._log_loss(len(batch), reason)
                return 0
            delay_s = min(delay_s * 2, LONGEST_DELAY_S)

    def _post(self, body: bytes) -> Response | str:
        """The answer, or in one sentence why there is none."""
        try:
            return self._poster.post(body)
        except (OSError, http.client.HTTPException) as error:
            return f"{self._poster.label} is not reachable: {str(error) or type(error).__name__}"

    def _rejected(self, response: Response) -> int:
        """Spans of a taken batch that the collector refused one by one."""
        if not response.body or not response.is_protobuf:
            return 0
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 - 65 ms, rarely needed
            ExportTraceServiceResponse,
        )

        partial = ExportTraceServiceResponse.FromString(response.body).partial_success
        if partial.rejected_spans:
            self._log_loss(partial.rejected_spans, f"{self._poster.label} rejected them: {partial.error_message}")
        return int(partial.rejected_spans)

    def _log_loss(self, count: int, reason: str) -> None:
        """Log a reason once, until another one takes its place; the counts are in `stats`."""
        self._delivery.note_error(reason)
        if reason != self._last_logged:
            self._last_logged = reason
            logger.error("shadowroute lost %d spans: %s", count, reason)


class Poster:
    """One kept-alive connection. Used by one thread at a time. Follows no redirect and no proxy variable."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f'export.to must be an http or https address, got {url!r}; use "http://127.0.0.1:4318"')
        path = parts.path.rstrip("/")
        self._path = path if path.endswith(TRACES_PATH) else path + TRACES_PATH
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._timeout_s = timeout_s
        self._headers = {**headers, "Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        self._connection: http.client.HTTPConnection | None = None
        self.label = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"

    def post(self, body: bytes) -> Response:
        """Send one body.

        Raises:
            OSError: no connection, or no answer in time.
            http.client.HTTPException: the answer is not HTTP.
        """
        kept = self._connection is not None
        try:
            return self._exchange(body)
        except (ConnectionError, http.client.RemoteDisconnected):
            # A server may close an idle connection at any moment; only a fresh one tells that it is really down.
            if not kept:
                raise
            return self._exchange(body)

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _exchange(self, body: bytes) -> Response:
        if self._connection is None:
            self._connection = self._connect()
        try:
            self._connection.request("POST", self._path, body, self._headers)
            answer = self._connection.getresponse()
            content = answer.read(MOST_OF_AN_ANSWER)
            if not answer.isclosed():
                self.close()  # the rest of an absurdly long answer would be read as the next one
        except BaseException:
            self.close()
            raise
        return Response(
            status=answer.status,
            body=content,
            is_protobuf=answer.headers.get_content_type() == "application/x-protobuf",
            retry_after_s=retry_after_s(answer.headers.get("Retry-After"), time.time()),
        )

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """Seconds to wait as a Retry-After header says, in [0, 60]; None if it is absent or not understood."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        parsed = email.utils.parsedate_tz(header)
        if parsed is None:
            return None
        seconds = email.utils.mktime_tz(parsed) - now_s
    if seconds != seconds:  # noqa: PLR0124 - NaN
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def _encoded(span: ReadableSpan) -> Encoded:
    scope = span.instrumentation_scope
    if scope is None:
        raise ValueError(f"span must have an instrumentation scope, got {span.name!r} without one")
    return span.resource, scope, encode_span(span)


def _grouped(batch: Sequence[Encoded]) -> list[tuple[Resource, InstrumentationScope, list[bytes]]]:
    """Spans of the same resource and scope together, in order."""
    groups: dict[tuple[int, int], tuple[Resource, InstrumentationScope, list[bytes]]] = {}
    for resource, scope, encoded in batch:
        groups.setdefault((id(resource), id(scope)), (resource, scope, []))[2].append(encoded)
    return list(groups.values())


def _message(response: Response) -> str:
    """The server's reason, from a google.rpc.Status or from text, at most 300 characters."""
    if not response.is_protobuf:
        return response.body[:300].decode("utf-8", "replace").strip()
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - only when something went wrong
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess  # noqa: PLC0415

    try:
        # google.rpc.Status has its code and message in the same two fields, and its own package is not needed here.
        return ExportTracePartialSuccess.FromString(response.body).error_message[:300]
    except DecodeError:
        return "an answer that is not protobuf"
