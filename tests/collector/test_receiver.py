"""The OTLP port over a real socket: what is stored, what is refused, and what the sender is told."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics

from shadowroute.collector.otlp.limits import Limits
from shadowroute.collector.serve import CollectorServer
from shadowroute.collector.store import Store
from tests.support.otlp import Sent, Value, decision, get, logs, post, traces

HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
SMALL = Limits(body_bytes=20_000, inflated_bytes=200_000, read_s=0.5, in_flight_bytes=300_000)


@pytest.fixture
def server(store: Store) -> Iterator[CollectorServer]:
    with CollectorServer(store, otlp_port=0, clickhouse_port=None, rollup=False, limits=SMALL) as running:
        yield running


def rows(store: Store, sql: str) -> list[Any]:
    return list(store.client().query(sql).result_rows)


def test_spans_are_stored_before_the_answer(server: CollectorServer, store: Store) -> None:
    """After 200 the rows are there, in the span table and in the decisions."""
    reply = post(f"{server.otlp_url}/v1/traces", traces(Sent(decision("r1"))), compress=True)
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"", "application/x-protobuf")
    assert rows(store, "SELECT SpanName, SpanAttributes['llm_router.request.id'] FROM otel_traces") == [
        ("route main", "r1")
    ]
    assert rows(store, "SELECT request_id, role, model FROM decisions") == [("r1", "live", "gpt-5")]


def test_json_spans_are_stored(server: CollectorServer, store: Store) -> None:
    """A curl with OTLP JSON works, and is answered in JSON."""
    now = time.time_ns()
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in decision("r2").items()]
    attributes.append({"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}})
    span = {
        "traceId": "5b" * 16,
        "spanId": "ee" * 8,
        "name": "route",
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": now,
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "attributes": attributes}]}]}]}
    reply = post(
        f"{server.otlp_url}/v1/traces", json.dumps(body).encode(), content_type="application/json; charset=utf-8"
    )
    assert (reply.status, reply.json()) == (200, {})
    assert rows(store, "SELECT request_id, trace_id, input_tokens FROM decisions") == [("r2", "5b" * 16, 12)]


def test_rejected_spans_are_counted_and_explained(server: CollectorServer, store: Store) -> None:
    """Partial success: the good span is stored, the sender and the status page learn about the bad one."""
    bad = Sent({**decision("r4"), "gen_ai.usage.output_tokens": -1})
    reply = post(f"{server.otlp_url}/v1/traces", traces(Sent(decision("r3")), bad))
    assert (reply.status, reply.rejected) == (200, 1)
    assert "gen_ai.usage.output_tokens must be an integer from 0 to 4,294,967,295, got '-1'" in reply.reason
    assert rows(store, "SELECT request_id FROM decisions") == [("r3",)]
    (refused,) = server.status()["refused"]
    assert (refused["status"], refused["count"]) == (200, 1)


def test_a_log_event_becomes_a_signal(server: CollectorServer, store: Store) -> None:
    """gen_ai.evaluation.result over /v1/logs is a signal."""
    event: dict[str, Value] = {
        "gen_ai.evaluation.name": "helpful",
        "gen_ai.evaluation.score.value": 0.5,
        "gen_ai.response.id": "chatcmpl-1",
    }
    reply = post(f"{server.otlp_url}/v1/logs", logs(event))
    assert (reply.status, reply.rejected_records) == (200, 0)
    assert rows(store, "SELECT target, name, source, value FROM signals") == [
        ("response:chatcmpl-1", "helpful", "code", 0.5)
    ]


@pytest.mark.parametrize(
    ("content_type", "headers", "body", "answer"),
    [
        ("application/x-protobuf", {}, b"\xff\xff\xff", (400, "body must be a protobuf ExportTraceServiceRequest")),
        ("application/json", {}, b"{", (400, "body must be JSON")),
        ("application/x-protobuf", {"Content-Encoding": "gzip"}, b"plain", (400, "body must be gzip")),
        (
            "text/plain",
            {},
            b"x",
            (415, "Content-Type must be application/x-protobuf or application/json, got 'text/plain'"),
        ),
        (
            "application/x-protobuf",
            {"Content-Encoding": "deflate"},
            b"x",
            (415, "Content-Encoding must be gzip or absent"),
        ),
        ("application/grpc+proto", {}, b"x", (415, "this is OTLP/HTTP, not gRPC")),
        ("application/x-protobuf", {}, b"x" * 20_001, (413, "body must be at most 20,000 bytes")),
        (
            "application/x-protobuf",
            {"Content-Encoding": "gzip"},
            gzip.compress(bytes(300_000)),
            (413, "must inflate to at most"),
        ),
        ("application/x-protobuf", {"Origin": "https://evil.example"}, b"", (403, "a web page may not send here")),
        ("application/x-protobuf", {"Host": "evil.example:4318"}, b"", (403, "Host must be a loopback name")),
    ],
)
def test_a_refusal_says_why(
    server: CollectorServer, content_type: str, headers: dict[str, str], body: bytes, answer: tuple[int, str]
) -> None:
    """The protocol's status, the reason in the answer and in the list of refusals; nothing is stored."""
    status, reason = answer
    reply = post(f"{server.otlp_url}/v1/traces", body, content_type=content_type, headers=headers)
    assert reply.status == status
    assert reason in reply.reason
    (refused,) = server.status()["refused"]
    assert (refused["status"], refused["count"], reason in refused["reason"]) == (status, 1, True)
    assert server.status()["writer"]["rows"] == 0


def test_grpc_to_the_http_port_is_recognised(server: CollectorServer) -> None:
    """The commonest wrong exporter is named in the status, though it cannot read our answer."""
    parts = urlsplit(server.otlp_url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as raw:
        raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        answer = raw.recv(4096)
    assert answer.startswith(b"HTTP/1.1 415")
    (refused,) = server.status()["refused"]
    assert (refused["kind"], "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in refused["reason"]) == (
        "application/grpc",
        True,
    )


def test_a_body_without_length_is_cut_at_the_limit(server: CollectorServer) -> None:
    """Chunked bodies are counted while they arrive."""
    parts = urlsplit(server.otlp_url)
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as raw:
        raw.sendall(head + b"4000\r\n" + bytes(0x4000) + b"\r\n4000\r\n" + bytes(0x4000) + b"\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_slow_body_is_given_up(server: CollectorServer) -> None:
    """A sender that trickles bytes loses its connection after the read time-out."""
    parts = urlsplit(server.otlp_url)
    head = HEAD + b"Content-Length: 100\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as raw:
        raw.sendall(head + b"x")
        assert raw.recv(4096).startswith(b"HTTP/1.1 408")


def test_too_much_in_flight_is_pushed_back(store: Store) -> None:
    """429 with Retry-After: the sender keeps its batch; the bytes are free again afterwards."""
    limits = Limits(in_flight_bytes=2_000)
    with CollectorServer(store, otlp_port=0, clickhouse_port=None, rollup=False, limits=limits) as server:
        reply = post(f"{server.otlp_url}/v1/traces", traces(Sent({"k": "x" * 3_000})))
        assert (reply.status, reply.headers["retry-after"]) == (429, "1")
        assert server.status()["in_flight_bytes"] == 0
        assert post(f"{server.otlp_url}/v1/traces", traces(Sent())).status == 200


def test_a_store_that_fails_is_503_and_the_batch_can_be_sent_again(server: CollectorServer, store: Store) -> None:
    """Nothing is answered 200 that is not stored; the reason travels; the repeat is stored."""
    body = traces(Sent(decision("r9")))
    store.client().command("RENAME TABLE otel_traces TO otel_traces_away")
    reply = post(f"{server.otlp_url}/v1/traces", body)
    store.client().command("RENAME TABLE otel_traces_away TO otel_traces")
    assert (reply.status, reply.headers["retry-after"]) == (503, "2")
    assert "the rows are not stored" in reply.reason
    assert post(f"{server.otlp_url}/v1/traces", body).status == 200
    assert rows(store, "SELECT count() FROM decisions FINAL") == [(1,)]


def test_a_token_is_asked_for_where_one_is_set(store: Store) -> None:
    """401 without it or with a wrong one; health stays open; a foreign Host is fine with it."""
    with CollectorServer(store, otlp_port=0, clickhouse_port=None, rollup=False, token="s3cret") as server:
        url = f"{server.otlp_url}/v1/traces"
        for headers in (
            {},
            {"Authorization": "Bearer nope"},
            {"Authorization": "Basic s3cret"},
            {"Authorization": "Bearer "},
        ):
            assert post(url, traces(Sent()), headers=headers).status == 401
        fine = {"Authorization": "Bearer s3cret", "Host": "collector.internal"}
        assert post(url, traces(Sent()), headers=fine).status == 200
        assert get(f"{server.otlp_url}/-/status").status == 401
        assert get(f"{server.otlp_url}/healthz").status == 200
        assert "s3cret" not in json.dumps(server.status())


def test_pages_about_the_port(server: CollectorServer) -> None:
    """A browser that opens the port learns what it is; monitoring finds health, readiness and counters."""
    post(f"{server.otlp_url}/v1/traces", traces(Sent(), Sent()))
    assert b"not a page to look at" in get(server.otlp_url + "/").body
    assert get(f"{server.otlp_url}/readyz").json() == {"ready": True}
    metrics = get(f"{server.otlp_url}/metrics")
    assert b"shadowroute_receiver_spans_total 2.0\n" in metrics.body
    assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    status = get(f"{server.otlp_url}/-/status").json()
    assert (status["schema"], status["counts"]["spans"]) == ("shadowroute/receiver-status/1", 2)
    assert abs(status["last_stored_at"] - time.time()) < 60


def metrics_request() -> bytes:
    metric = Metric(name="http.server.duration", gauge=Gauge(data_points=[NumberDataPoint(as_int=5)]))
    scopes = [ScopeMetrics(metrics=[metric])]
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(scope_metrics=scopes)]).SerializeToString()


def logs_request() -> bytes:
    record = LogRecord(time_unix_nano=time.time_ns(), body=AnyValue(string_value="started"))
    scopes = [ScopeLogs(log_records=[record])]
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=scopes)]).SerializeToString()


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/v1/traces", "metrics sent to /v1/traces", metrics_request()),
        ("/v1/traces", "logs sent to /v1/traces", logs_request()),
        ("/v1/logs", "spans sent to /v1/logs", traces(Sent())),
        ("/v1/logs", "metrics sent to /v1/logs", metrics_request()),
        ("/v1/traces", "metrics sent to /v1/traces", b'{"resourceMetrics": []}'),
        ("/v1/traces", "logs sent to /v1/traces", b'{"resourceLogs": []}'),
        ("/v1/logs", "spans sent to /v1/logs", b'{"resource_spans": []}'),
        ("/v1/traces", "body must have resourceSpans", b'{"spans": []}'),
    ],
    ids=range(8),
)
def test_another_signal_is_refused_and_counted(server: CollectorServer, path: str, kind: str, body: bytes) -> None:
    """It would be taken with 200 and be gone; doctor shows what was refused, and what to set instead."""
    content_type = "application/json" if body.startswith(b"{") else "application/x-protobuf"
    reply = post(f"{server.otlp_url}{path}", body, content_type=content_type)
    assert reply.status == 400
    (refused,) = get(f"{server.otlp_url}/-/status").json()["refused"]
    assert (refused["kind"], refused["count"]) == (kind, 1)


NO_METRICS = "metrics sent to /v1/metrics; send them elsewhere, or set OTEL_METRICS_EXPORTER=none"


@pytest.mark.parametrize(
    ("path", "body", "kind", "reason"),
    [
        ("/v1/metrics", metrics_request(), "metrics sent to /v1/metrics", NO_METRICS),
        ("/v1/metrics", b'{"resourceMetrics": []}', "metrics sent to /v1/metrics", NO_METRICS),
        ("/v1/trace", traces(Sent()), "unknown path", "nothing is received at /v1/trace; spans go to /v1/traces"),
        ("/", traces(Sent()), "unknown path", "nothing is received at /;"),
        ("/v1/traces/v1/traces", b"{}", "unknown path", "received at /v1/traces/v1/traces;"),
    ],
    ids=range(5),
)
def test_a_path_that_takes_nothing_is_counted(
    server: CollectorServer, path: str, body: bytes, kind: str, reason: str
) -> None:
    """An SDK that sends all its signals posts metrics there; doctor shows it, as for any other refusal."""
    content_type = "application/json" if body.startswith(b"{") else "application/x-protobuf"
    reply = post(f"{server.otlp_url}{path}", body, content_type=content_type)
    assert (reply.status, reason in reply.reason) == (404, True)
    (refused,) = get(f"{server.otlp_url}/-/status").json()["refused"]
    assert (refused["status"], refused["kind"], refused["count"]) == (404, kind, 1)


def test_other_logs_are_counted_and_explained(server: CollectorServer) -> None:
    """Logs of a service are no signals: accepted by the protocol, kept by nobody, and shown."""
    reply = post(f"{server.otlp_url}/v1/logs", logs_request())
    assert reply.status == 200
    (refused,) = get(f"{server.otlp_url}/-/status").json()["refused"]
    assert refused["reason"] == "only gen_ai.evaluation.result events are kept; send other logs elsewhere"
    assert (refused["status"], refused["count"]) == (200, 1)


def test_an_empty_request_is_taken(server: CollectorServer) -> None:
    """A sender may ask whether the receiver is there."""
    for path in ("/v1/traces", "/v1/logs"):
        assert post(f"{server.otlp_url}{path}", b"{}", content_type="application/json").status == 200
        assert post(f"{server.otlp_url}{path}", b"", content_type="application/x-protobuf").status == 200
