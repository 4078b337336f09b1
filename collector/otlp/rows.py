"""Columns of `otel_traces`, filled span by span and handed to the store as one Arrow table.

Maps and nested arrays are kept flat with offsets: building them from Python dictionaries would halve the rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

_TIME: Final = pa.timestamp("ns")

Event = tuple[int, str, Mapping[str, str]]
"""Epoch nanoseconds, name, attributes."""

Link = tuple[str, str, str, Mapping[str, str]]
"""Trace id, span id, trace state, attributes."""

KINDS: Final = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
STATUS_CODES: Final = ("Unset", "Ok", "Error")

_STRING_COLUMNS: Final = (
    *("TraceId", "SpanId", "ParentSpanId", "TraceState", "SpanName", "SpanKind", "ServiceName"),
    *("ScopeName", "ScopeVersion", "StatusCode", "StatusMessage"),
)  # in the order of SpanRows.add


class _Maps:
    """A column of maps."""

    def __init__(self) -> None:
        self._offsets = [0]
        self._keys: list[str] = []
        self._values: list[str] = []

    def append(self, pairs: Mapping[str, str]) -> None:
        self._keys.extend(pairs)
        self._values.extend(pairs.values())
        self._offsets.append(len(self._keys))

    def arrow(self) -> Any:
        keys, values = pa.array(self._keys, pa.string()), pa.array(self._values, pa.string())
        return pa.MapArray.from_arrays(pa.array(self._offsets, pa.int32()), keys, values)


class _Lists:
    """Offsets of a nested column; its members are columns of their own."""

    def __init__(self) -> None:
        self._offsets = [0]

    def append(self, count: int) -> None:
        self._offsets.append(self._offsets[-1] + count)

    def arrow(self, values: Any) -> Any:
        return pa.ListArray.from_arrays(pa.array(self._offsets, pa.int32()), values)


class SpanRows:
    """Rows for one insert. Not thread-safe: one thread fills it."""

    def __init__(self) -> None:
        self._start_ns: list[int] = []
        self._durations_ns: list[int] = []
        self._strings: list[tuple[str, ...]] = []
        self._resources = _Maps()
        self._attributes = _Maps()
        self._events = _Lists()
        self._event_ns: list[int] = []
        self._event_names: list[str] = []
        self._event_attributes = _Maps()
        self._links = _Lists()
        self._link_traces: list[str] = []
        self._link_spans: list[str] = []
        self._link_states: list[str] = []
        self._link_attributes = _Maps()

    def __len__(self) -> int:
        return len(self._start_ns)

    def add(
        self,
        *,
        start_ns: int,
        trace_id: str,
        span_id: str,
        name: str,
        service: str,
        resource: Mapping[str, str],
        attributes: Mapping[str, str],
        duration_ns: int = 0,
        parent_id: str = "",
        trace_state: str = "",
        kind: str = KINDS[0],
        scope_name: str = "",
        scope_version: str = "",
        status_code: str = STATUS_CODES[0],
        status_message: str = "",
        events: Sequence[Event] = (),
        links: Sequence[Link] = (),
    ) -> None:
        """Append one span; ids are hex, times epoch nanoseconds."""
        self._start_ns.append(start_ns)
        self._durations_ns.append(duration_ns)
        self._resources.append(resource)
        self._attributes.append(attributes)
        identity = (trace_id, span_id, parent_id, trace_state, name, kind, service)
        self._strings.append((*identity, scope_name, scope_version, status_code, status_message))
        self._add_events(events)
        self._add_links(links)

    def arrow(self) -> pa.Table:
        """All rows, in the store's column names and types."""
        texts = zip(*self._strings, strict=True) if self._strings else [()] * len(_STRING_COLUMNS)
        columns = {name: pa.array(values, pa.string()) for name, values in zip(_STRING_COLUMNS, texts, strict=True)}
        columns["Timestamp"] = pa.array(self._start_ns, pa.int64()).cast(_TIME)
        columns["Duration"] = pa.array(self._durations_ns, pa.uint64())
        columns["ResourceAttributes"] = self._resources.arrow()
        columns["SpanAttributes"] = self._attributes.arrow()
        return pa.table(columns | self._nested())

    def _add_events(self, events: Sequence[Event]) -> None:
        self._events.append(len(events))
        for time_ns, name, attributes in events:
            self._event_ns.append(time_ns)
            self._event_names.append(name)
            self._event_attributes.append(attributes)

    def _add_links(self, links: Sequence[Link]) -> None:
        self._links.append(len(links))
        for trace_id, span_id, state, attributes in links:
            self._link_traces.append(trace_id)
            self._link_spans.append(span_id)
            self._link_states.append(state)
            self._link_attributes.append(attributes)

    def _nested(self) -> dict[str, Any]:
        times = pa.array(self._event_ns, pa.int64()).cast(_TIME)
        return {
            "Events.Timestamp": self._events.arrow(times),
            "Events.Name": self._events.arrow(pa.array(self._event_names, pa.string())),
            "Events.Attributes": self._events.arrow(self._event_attributes.arrow()),
            "Links.TraceId": self._links.arrow(pa.array(self._link_traces, pa.string())),
            "Links.SpanId": self._links.arrow(pa.array(self._link_spans, pa.string())),
            "Links.TraceState": self._links.arrow(pa.array(self._link_states, pa.string())),
            "Links.Attributes": self._links.arrow(self._link_attributes.arrow()),
        }
