"""Attribute values as text, the way the OpenTelemetry Collector's clickhouse exporter writes them.

The store's maps hold strings, and its views cast each once. Both writers must agree, or one dashboard would read two
spellings: booleans are `true` and `false`, a double is its shortest text without `.0`, bytes are base64, arrays and
maps are JSON. Zero, false and the empty string are values and stay.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

_NESTED: Final = ("array_value", "kvlist_value")


def as_text(value: AnyValue) -> str:
    """One value as text; an absent value is empty."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return double_text(value.double_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")) if kind in _NESTED else ""


def double_text(value: float) -> str:
    """The shortest text that reads back as the same double; 12.0 is `12`, as an integer attribute would be."""
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value)) if value or math.copysign(1.0, value) > 0 else "-0"
    return repr(value)


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value" and not math.isfinite(value.double_value):
        return repr(value.double_value)
    return getattr(value, kind) if kind else None
