"""The sink of a recorder: a given one, or OTLP/HTTP to the configured address."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from shadow.telemetry.export.exporter import ExporterSink
from shadow.telemetry.export.otlp import OtlpSink
from shadow.telemetry.export.sink import SpanSink

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from shadow.config import Routing


def sink_for(routing: Routing, exporter: SpanSink | SpanExporter | None) -> tuple[SpanSink, bool]:
    """The sink to use, and whether the recorder closes it."""
    queue_spans = routing.limits.queue_spans
    if exporter is None:
        token = os.environ.get(routing.export.token_env, "") if routing.export.token_env else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return OtlpSink(routing.export.to, headers, queue_spans=queue_spans), True
    if isinstance(exporter, SpanSink):
        return exporter, False
    return ExporterSink(exporter, queue_spans=queue_spans), True
