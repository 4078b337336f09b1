from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from shadow.errors import ConfigError
from shadow.telemetry.export import otlp
from shadow.telemetry.export.delivery import Delivery
from shadow.telemetry.export.exporter import ExporterSink
from shadow.telemetry.export.otlp import OtlpSink
from shadow.telemetry.span import Part, Source, Span
from tests.support.scripted_collector import Answer, ScriptedCollector, scripted_collector

SOURCE = Source(resource=(("service.name", "s"),), scope="shadowroute", version="0.1.0")


def spans(*names: str) -> list[Span]:
    return [
        Span(source=SOURCE, name=name, trace_id=b"t" * 16, span_id=b"s" * 8, start_ns=1, end_ns=2, parts=())
        for name in names
    ]


@pytest.fixture
def collector() -> Iterator[ScriptedCollector]:
    with scripted_collector() as running:
        yield running


@pytest.fixture
def sink(collector: ScriptedCollector, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpSink]:
    monkeypatch.setattr(otlp, "FIRST_DELAY_S", 0.01)
    sink = OtlpSink(collector.url, {"Authorization": "Bearer s3cret"}, queue_spans=100, linger_s=0.02)
    yield sink
    sink.close(0.1)


def test_a_batch_is_one_post(collector: ScriptedCollector, sink: OtlpSink) -> None:
    """Spans that are submitted close together share a request, with the configured headers, at /v1/traces."""
    assert sink.submit(spans("a", "b"))
    assert sink.submit(spans("c"))
    assert sink.flush(5)
    assert collector.names() == ["a", "b", "c"]
    assert len(collector.bodies) == 1
    assert collector.headers[0][":path"] == "/v1/traces"
    assert collector.headers[0]["Authorization"] == "Bearer s3cret"
    assert (sink.stats.exported, sink.stats.dropped, sink.stats.queued) == (3, 0, 0)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_collector_gets_the_same_bytes_again(collector: ScriptedCollector, sink: OtlpSink, status: int) -> None:
    """A body that was stored although its answer said otherwise is recognised by its hash."""
    collector.script += [Answer(status), Answer(status, headers={"Retry-After": "0"})]
    sink.submit(spans("a"))
    assert sink.flush(5)
    assert len(collector.bodies) == 3
    assert len(set(collector.bodies)) == 1
    assert (sink.stats.exported, sink.stats.retries) == (1, 2)


def test_a_cut_connection_is_tried_again(collector: ScriptedCollector, sink: OtlpSink) -> None:
    """The collector may restart at any moment."""
    collector.script += [Answer(0), Answer(0), Answer(0)]
    sink.submit(spans("a"))
    assert sink.flush(5)
    assert sink.stats.exported == 1


def test_an_idle_connection_that_the_server_closed_is_no_failure(collector: ScriptedCollector, sink: OtlpSink) -> None:
    """Servers close kept-alive connections; the next batch just opens another one."""
    collector.script.append(Answer(close_after=True))
    for name in "ab":
        sink.submit(spans(name))
        assert sink.flush(5)
        time.sleep(0.05)
    assert (sink.stats.exported, sink.stats.retries) == (2, 0)


def test_one_connection_serves_many_batches(collector: ScriptedCollector, sink: OtlpSink) -> None:
    """A handshake per batch would cost more than the batch."""
    for name in "abc":
        sink.submit(spans(name))
        assert sink.flush(5)
    assert collector.connections == 1


@pytest.mark.parametrize("status", [400, 401, 404, 413, 415, 500])
def test_a_refused_batch_is_dropped_and_counted(
    collector: ScriptedCollector, sink: OtlpSink, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Sending it again would be refused again; the log says why, once, and never shows the token."""
    refusal = Answer(status, b"no such tenant", "text/plain")
    collector.script += [refusal, refusal]
    for name in "ab":
        sink.submit(spans(name))
        assert not sink.flush(5)
    assert (sink.stats.exported, sink.stats.dropped) == (0, 2)
    assert caplog.text.count("no such tenant") == 1
    assert "s3cret" not in caplog.text
    assert sink.stats.last_error == f"{collector.url} answered {status}: no such tenant"


def test_a_batch_that_is_too_large_is_sent_in_halves(collector: ScriptedCollector, sink: OtlpSink) -> None:
    """A collector that takes less at once loses nothing; one span that is too large alone is refused as ever."""
    collector.script += [Answer(413), Answer(), Answer(413), Answer(), Answer(413, b"too long", "text/plain")]
    sink.submit(spans("a", "b", "c"))
    assert not sink.flush(5)
    assert collector.names() == ["a", "b", "c", "a", "b", "c", "b", "c"]
    assert (sink.stats.exported, sink.stats.dropped) == (2, 1)


def test_the_reason_of_a_protobuf_refusal_is_read(collector: ScriptedCollector, sink: OtlpSink) -> None:
    """OTLP servers answer an error with a google.rpc.Status: code and message."""
    status = ExportTracePartialSuccess(rejected_spans=3, error_message="token is missing").SerializeToString()
    collector.script.append(Answer(401, status))
    sink.submit(spans("a"))
    assert not sink.flush(5)
    assert sink.stats.last_error.endswith("answered 401: token is missing")


def test_spans_that_the_collector_rejects_are_counted(collector: ScriptedCollector, sink: OtlpSink) -> None:
    """partial_success names how many of a taken batch were not stored."""
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="negative token count")
    collector.script.append(Answer(200, ExportTraceServiceResponse(partial_success=partial).SerializeToString()))
    sink.submit(spans("a", "b", "c"))
    assert not sink.flush(5)
    assert (sink.stats.exported, sink.stats.dropped) == (2, 1)
    assert "negative token count" in sink.stats.last_error


def test_a_taken_batch_with_an_unreadable_answer_is_not_lost(collector: ScriptedCollector, sink: OtlpSink) -> None:
    """The status says that it was stored; a proxy may put anything into the body."""
    collector.script.append(Answer(200, b"\xff\xff\xff"))
    sink.submit(spans("a", "b"))
    assert sink.flush(5)
    assert (sink.stats.exported, sink.stats.dropped) == (2, 0)


def test_a_collector_that_says_retry_at_once_is_not_hammered(
    collector: ScriptedCollector, sink: OtlpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retry-After 0, or a date that is past by the clock of the sender, waits the first delay all the same."""
    waited: list[float] = []
    monkeypatch.setattr(sink._delivery, "stopping", _Waits(waited))
    collector.script += [Answer(503, headers={"Retry-After": "0"})] * 3
    sink.submit(spans("a"))
    assert sink.flush(5)
    assert waited == [otlp.FIRST_DELAY_S] * 3


class _Waits(threading.Event):
    """Notes how long somebody wanted to wait."""

    def __init__(self, waited: list[float]) -> None:
        super().__init__()
        self._waited = waited

    def wait(self, timeout: float | None = None) -> bool:
        self._waited.append(timeout or 0.0)
        return False


def test_a_full_queue_refuses_whole_requests(collector: ScriptedCollector, sink: OtlpSink) -> None:
    """Half a request would look like a shadow that never answered. What was queued before is still delivered."""
    hold = threading.Event()
    collector.script.append(Answer(hold=hold))
    assert sink.submit(spans(*["x"] * 99))
    assert not sink.submit(spans("a", "b"))
    assert sink.submit(spans("c"))
    hold.set()
    assert sink.flush(5)
    assert (sink.stats.exported, sink.stats.dropped) == (100, 2)


def test_submit_never_waits_for_the_collector(collector: ScriptedCollector, sink: OtlpSink) -> None:
    """A collector that hangs must not be felt; flush gives up when it should."""
    hold = threading.Event()
    collector.script.append(Answer(hold=hold))
    started = time.monotonic()
    assert sink.submit(spans("a"))
    assert not sink.flush(0.1)
    assert time.monotonic() - started < 5
    hold.set()
    assert sink.flush(5)


def test_closing_gives_up_and_counts_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that is gone must not keep a process from ending."""
    monkeypatch.setattr(otlp, "FIRST_DELAY_S", 30)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    sink = OtlpSink(nobody)
    sink.submit(spans("a", "b"))
    assert not sink.close(0.2)
    assert (sink.stats.dropped, sink.stats.queued) == (2, 0)
    assert "is not reachable" in sink.stats.last_error
    assert not sink.submit(spans("c"))


def test_a_span_that_cannot_be_encoded_is_counted(sink: OtlpSink) -> None:
    """It would be refused anyway, together with its batch."""
    (span,) = spans("a")
    assert not sink.submit([span._replace(parts=(Part({"x": b"1"}),))])
    assert sink.stats.dropped == 1
    assert "attribute must be str, bool, int or float, got bytes" in sink.stats.last_error


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "ftp://host", "http://", ""])
def test_a_wrong_address_is_said_when_the_sink_is_made(url: str) -> None:
    """Not when the first span is lost."""
    with pytest.raises(ConfigError, match=r"export\.to must be an http or https address, got .*; use"):
        OtlpSink(url)


def test_a_failing_delivery_costs_its_batch_and_not_the_thread() -> None:
    """The next batch is delivered all the same."""
    delivered: list[int] = []

    def deliver(batch: list[int]) -> int:
        if 1 in batch:
            raise RuntimeError("broken")
        delivered.extend(batch)
        return len(batch)

    delivery: Delivery[int] = Delivery(deliver, limit=10, batch=1, linger_s=0, name="test")
    delivery.offer([1])
    delivery.offer([2])
    delivery.flush(5)  # its answer depends on whether the first batch fails before or after this call
    assert delivered == [2]
    assert (delivery.stats.exported, delivery.stats.dropped) == (1, 1)
    assert delivery.close(5)


class _Exporter(SpanExporter):
    def __init__(self, result: SpanExportResult) -> None:
        self.result = result
        self.names: list[str] = []
        self.is_shut_down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.names += [span.name for span in spans]
        return self.result

    def shutdown(self) -> None:
        self.is_shut_down = True


@pytest.mark.parametrize(("result", "exported"), [(SpanExportResult.SUCCESS, 2), (SpanExportResult.FAILURE, 0)])
def test_any_opentelemetry_exporter_can_be_used(result: SpanExportResult, exported: int) -> None:
    """Hosts that have one keep it; what it says about success is believed."""
    exporter = _Exporter(result)
    sink = ExporterSink(exporter)
    assert sink.submit(spans("a", "b"))
    assert sink.flush(5) == bool(exported)
    assert exporter.names == ["a", "b"]
    assert (sink.stats.exported, sink.stats.dropped) == (exported, 2 - exported)
    sink.close(1)
    assert exporter.is_shut_down
