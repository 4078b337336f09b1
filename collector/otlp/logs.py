"""OTLP logs: the event `gen_ai.evaluation.result` is a quality signal; other records are not kept."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from shadow.telemetry import keys
from shadowroute.collector.otlp.decode import (
    Decoded,
    InvalidSpanError,
    attribute_map,
    check_attributes,
    check_number,
    check_time,
    decoded,
)
from shadowroute.collector.otlp.limits import Limits
from shadowroute.collector.otlp.rows import SpanRows

EVENT_NAME_KEY: Final = "event.name"
"""Attribute with the event's name, of SDKs before the `event_name` field."""


def decode_logs(request: ExportLogsServiceRequest, limits: Limits, *, now_ns: int | None = None) -> Decoded:
    """Rows of all valid evaluation events; they have the shape of evaluation spans.

    Args:
        request: parsed request.
        limits: of one request.
        now_ns: receiver's time, epoch nanoseconds; records more than a day later are rejected.

    Raises:
        RefusalError: 413, more records than one request may carry.
    """
    now = time.time_ns() if now_ns is None else now_ns

    def records() -> Iterator[tuple[LogRecord, dict[str, str]]]:
        for resource_logs in request.resource_logs:
            resource = attribute_map(resource_logs.resource.attributes)
            for scope_logs in resource_logs.scope_logs:
                yield from ((record, resource) for record in scope_logs.log_records)

    sent = sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)
    check_number(sent, "records", limits, kind="too many log records")
    return decoded(records(), lambda rows, record, resource: _add(rows, record, resource, limits, now))


def add_evaluation(
    rows: SpanRows,
    *,
    time_ns: int,
    attributes: dict[str, str],
    resource: dict[str, str],
    target: tuple[str, str] | None = None,
) -> None:
    """Append a signal as an evaluation span; its ids come from its content, so that a copy has the same ids.

    Args:
        rows: where to append.
        time_ns: of the observation, epoch nanoseconds.
        attributes: `gen_ai.evaluation.*` and the attributes that name the target.
        resource: attributes of the sending process.
        target: trace id and span id of the judged span, hex; None if only an attribute names the target.
    """
    content = repr((time_ns, sorted(attributes.items()), sorted(resource.items()), target))
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    rows.add(
        start_ns=time_ns,
        trace_id=digest[:32],
        span_id=digest[32:48],
        name=f"evaluation {attributes[keys.EVALUATION_NAME]}",
        service=resource.get("service.name", ""),
        resource=resource,
        attributes=attributes,
        links=[(*target, "", {})] if target else [],
    )


def _add(rows: SpanRows, record: LogRecord, resource: dict[str, str], limits: Limits, now_ns: int) -> None:
    attributes = check_attributes(record.attributes, limits)
    if (record.event_name or attributes.get(EVENT_NAME_KEY)) != keys.EVALUATION_EVENT:
        raise InvalidSpanError(f"only {keys.EVALUATION_EVENT} events are kept; send other logs elsewhere")
    if not attributes.get(keys.EVALUATION_NAME):
        raise InvalidSpanError(f"{keys.EVALUATION_NAME} must be given")
    time_ns = record.time_unix_nano or record.observed_time_unix_nano or now_ns
    check_time(time_ns, now_ns)
    judged = (record.trace_id.hex(), record.span_id.hex()) if record.trace_id and record.span_id else None
    if judged is None and not (attributes.get(keys.REQUEST_ID) or attributes.get(keys.RESPONSE_ID)):
        raise InvalidSpanError(
            f"a signal must name its target: {keys.REQUEST_ID}, {keys.RESPONSE_ID} or a span context"
        )
    add_evaluation(rows, time_ns=time_ns, attributes=attributes, resource=resource, target=judged)
