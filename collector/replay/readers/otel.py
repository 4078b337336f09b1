"""OTLP traces of any GenAI instrumentation, as a file of the Collector's file exporter or as the body of one request.

The spans of a file are held at once, because the parts of a trace may be anywhere in it. `otel_tree` finds the call
among nested spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from shadow.domain.accounting import settled
from shadow.telemetry import keys
from shadowroute.collector.replay.readers import otel_attributes as names
from shadowroute.collector.replay.readers import values
from shadowroute.collector.replay.readers.cache_side import CacheSide
from shadowroute.collector.replay.readers.otel_files import SpanRead, spans_of
from shadowroute.collector.replay.readers.otel_tree import CallSpan, calls_of
from shadowroute.collector.replay.readers.otel_usage import cost_of_span
from shadowroute.collector.replay.readers.reading import Reading
from shadowroute.collector.replay.record import Read, Record, Skipped

COUNTED_ID: Final = re.compile(r"(?:chatcmpl-)?[0-9]{1,9}")
"""An id as servers give it that count, or draw a small number: Ollama's `chatcmpl-373`, lmdeploy's `12`."""


class OtelLog:
    """Spans of a file.

    Raises:
        ConfigError: the file cannot be read, or holds no traces.
    """

    def __init__(self, file: Path, reading: Reading | None = None) -> None:
        self._reading = reading or Reading()
        self._cache = CacheSide(self._reading.cache_tokens)
        self.name = file.name
        self._spans = list(spans_of(file))

    @property
    def notes(self) -> list[str]:
        """What was concluded from all spans together. Known after the first pass."""
        return self._cache.notes

    def calls(self) -> Iterator[Read]:
        """Every call once, in the file's order; then the skipped records."""
        yield from self._read

    @cached_property
    def _read(self) -> list[Read]:
        spans: list[CallSpan] = []
        read: list[Read] = []
        for span in self._spans:
            if isinstance(span, Skipped):
                read.append(span)
            elif keys.ROLE in span.attributes or keys.EVALUATION_NAME in span.attributes:
                read.append(Skipped(f"span {span.span_id}", "shadowroute's own span"))
            else:
                spans.append(_call_span(span))
        self._spans = []  # they are not needed any more
        kept, skipped = calls_of(spans)
        read = [*read, *skipped]
        for call in kept:
            counted = call.lender or call
            self._cache.notice(counted.counts, _writer(counted), call.place)
        ids = _ids(kept)
        for call in kept:
            read += self._call(call, ids[id(call)])
        return read

    def _call(self, span: CallSpan, request_id: str) -> Iterator[Read]:
        attributes = span.attributes
        renamed = self._reading.renamed(attributes)
        place = f"span {span.span_id}"
        signals, refused = self._reading.judged(attributes, place)
        yield from refused
        counted = span.lender or span
        cost_usd = cost_of_span(attributes)
        asked = values.text(values.first(attributes, names.REQUEST_MODEL))
        yield Record(
            request_id=request_id,
            time_us=span.start_ns // 1_000,
            place=span.place,
            model=values.text(values.first(attributes, names.RESPONSE_MODEL)) or asked,
            planned_model=asked,
            provider=values.text(values.first(attributes, names.PROVIDER)),
            response_id=span.response_id or counted.response_id,
            usage=settled(self._cache.of(counted.counts, _writer(counted))),
            cost_usd=cost_of_span(counted.attributes) if cost_usd is None else cost_usd,
            duration_s=(span.end_ns - span.start_ns) / 1e9 if span.end_ns >= span.start_ns else None,
            ttft_s=values.amount(values.first(attributes, names.TTFT)),
            status="error" if span.failed else "complete",
            error_type=(names.failure(attributes) or "error")[:200] if span.failed else "",
            messages=names.messages(attributes),
            answer_text=names.answer(attributes),
            user=values.told(renamed, "user", span.inherited(names.USER)),
            session=values.told(renamed, "session", span.inherited(names.SESSION)),
            task=values.told(renamed, "task", span.inherited(names.TASK)),
            user_tier=values.told(renamed, "user_tier", span.inherited(names.USER_TIER)),
            prompt_version=values.text(values.first(attributes, names.PROMPT_VERSION)),
            has_tools=names.has_tools(attributes),
            has_images=names.has_images(attributes),
            wants_json=names.wants_json(attributes),
            max_output_tokens=names.max_output_tokens(attributes),
            labels={**_service(attributes), **self._reading.labels(renamed)},
            signals=signals,
        )


def _writer(span: CallSpan) -> tuple[str, str]:
    """Who counted: an instrumentation hands on what each provider counts."""
    return span.scope, values.text(values.first(span.attributes, names.PROVIDER)).lower()


def _ids(calls: Sequence[CallSpan]) -> dict[int, str]:
    """Request ids by the identity of calls: the provider's id where it is one, else trace and span.

    An id that several calls share is the earliest one's.
    """
    earliest: dict[str, CallSpan] = {}
    for call in sorted(calls, key=lambda each: (each.start_ns, each.trace_id, each.span_id)):
        earliest.setdefault(call.response_id, call)
    found = {}
    for call in calls:
        own = f"{call.trace_id}-{call.span_id}"
        told = call.response_id
        is_one = told and not COUNTED_ID.fullmatch(told) and earliest[told] is call
        found[id(call)] = told if is_one else f"{told}@{own}" if told else own
    return found


def _service(attributes: Mapping[str, Any]) -> dict[str, str]:
    found = {
        "service": values.text(attributes.get("service.name")),
        "agent": values.text(attributes.get("gen_ai.agent.name")),
    }
    return {key: value for key, value in found.items() if value}


def _call_span(span: SpanRead) -> CallSpan:
    return CallSpan(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        failed=span.failed or bool(names.failure(span.attributes)),
        attributes=span.attributes,
        scope=span.scope,
        place=span.place,
    )
