"""OTLP requests as another sender would build them, and a plain HTTP client that posts them."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

Value = str | int | float | bool | bytes | list[Any] | dict[str, Any] | None


@dataclass
class Sent:
    """One span to send. Ids are bytes so that tests can make them wrong."""

    attributes: Mapping[str, Value] = field(default_factory=dict)
    name: str = "route main"
    trace_id: bytes = b"\x01" * 16
    span_id: bytes = b"\x02" * 8
    parent_id: bytes = b""
    start_ns: int = field(default_factory=time.time_ns)
    duration_ns: int = 1_000
    links: Sequence[tuple[bytes, bytes]] = ()
    events: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """The text of a refusal or of a partial success, whatever the encoding."""
        if self.headers.get("content-type", "").startswith("application/json"):
            document = self.json()
            partial = document.get("partialSuccess", {})
            return str(document.get("message") or partial.get("errorMessage", ""))
        if self.status == 200:
            return ExportTraceServiceResponse.FromString(self.body).partial_success.error_message
        return ExportTracePartialSuccess.FromString(self.body).error_message

    @property
    def rejected(self) -> int:
        return ExportTraceServiceResponse.FromString(self.body).partial_success.rejected_spans

    @property
    def rejected_records(self) -> int:
        return ExportLogsServiceResponse.FromString(self.body).partial_success.rejected_log_records


def decision(request_id: str, role: str = "live", policy: str = "main", **more: Value) -> dict[str, Value]:
    """The attributes of a decision that the contract requires; dots of further keys are written as two underscores."""
    required: dict[str, Value] = {
        "llm_router.request.id": request_id,
        "llm_router.role": role,
        "llm_router.policy.name": policy,
        "llm_router.policy.version": "v1",
        "llm_router.decision.model": "gpt-5",
    }
    return required | {key.replace("__", "."): value for key, value in more.items()}


def traces(*spans: Sent, resource: Mapping[str, Value] | None = None) -> bytes:
    """A protobuf trace request."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    for key, value in ({"service.name": "test"} | dict(resource or {})).items():
        attribute = resource_spans.resource.attributes.add(key=key)
        set_value(attribute.value, value)
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "shadowroute"
    scope_spans.scope.version = "1.2.3"
    for sent in spans:
        span = scope_spans.spans.add(
            trace_id=sent.trace_id,
            span_id=sent.span_id,
            parent_span_id=sent.parent_id,
            name=sent.name,
            start_time_unix_nano=sent.start_ns,
            end_time_unix_nano=sent.start_ns + sent.duration_ns,
        )
        for key, value in sent.attributes.items():
            set_value(span.attributes.add(key=key).value, value)
        for trace_id, span_id in sent.links:
            span.links.add(trace_id=trace_id, span_id=span_id)
        for time_ns, name in sent.events:
            span.events.add(time_unix_nano=time_ns, name=name)
    return request.SerializeToString()


def logs(*records: Mapping[str, Value], event: str = "gen_ai.evaluation.result", **context: bytes) -> bytes:
    """A protobuf log request of events."""
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    for attributes in records:
        record = scope_logs.log_records.add(event_name=event, time_unix_nano=time.time_ns(), **context)
        for key, value in attributes.items():
            set_value(record.attributes.add(key=key).value, value)
    return request.SerializeToString()


def set_value(target: AnyValue, value: Value) -> None:
    """Write a Python value in the field that OTLP has for its type; None leaves all fields unset."""
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for item in value:
            set_value(target.array_value.values.add(), item)
    elif isinstance(value, dict):
        target.kvlist_value.SetInParent()
        for key, item in value.items():
            set_value(target.kvlist_value.values.add(key=key).value, item)


def post(
    url: str,
    body: bytes,
    *,
    content_type: str = "application/x-protobuf",
    compress: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """POST one body and read the answer; headers are sent as given."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    sent = {"Content-Type": content_type, **({"Content-Encoding": "gzip"} if compress else {}), **(headers or {})}
    try:
        connection.request("POST", parts.path, gzip.compress(body) if compress else body, sent)
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def get(url: str, headers: Mapping[str, str] | None = None) -> Reply:
    """GET one page."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request("GET", parts.path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()
