"""Values of spans as JSON has them: ids in hex or base64, times in any unit, attributes as lists, maps or tags."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from shadowroute.collector.moments import read_us
from shadowroute.collector.otlp.values import double_text

NANOSECONDS_FROM: Final = 10**17
"""A larger number counts nanoseconds."""
HEX: Final = re.compile(r"(?:0x)?([0-9a-fA-F]+)")


class BrokenSpanError(Exception):
    """A span without what every span has; the text is the reason."""


def span_id(value: Any, size: int, what: str) -> str:
    """An id in hex. OTLP writes it in hex, Tempo in base64, Jaeger in hex without leading zeros.

    Raises:
        BrokenSpanError: it is none, or all zero.
    """
    found = ""
    if isinstance(value, str):
        match = HEX.fullmatch(value)
        if match and len(match[1]) <= 2 * size:
            found = match[1].lower().zfill(2 * size)
        else:
            try:
                decoded = base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                decoded = b""
            found = decoded.hex() if len(decoded) == size else ""
    if not found.strip("0"):
        raise BrokenSpanError(f"{what} must be {size} bytes and not all zero")
    return found


def parent_id(value: Any, size: int) -> str:
    """The id of the span around; empty for none."""
    try:
        return span_id(value, size, "parent") if value else ""
    except BrokenSpanError:
        return ""


def time_ns(value: Any, what: str) -> int:
    """Epoch nanoseconds of a moment in any spelling that is read.

    Raises:
        BrokenSpanError: it is none.
    """
    if isinstance(value, str) and value.isdecimal() and len(value) <= 20:
        value = int(value)
    found = read_us(value)
    if found is None:
        raise BrokenSpanError(f"{what} time is no moment between 2000 and 2100")
    return value if isinstance(value, int) and value >= NANOSECONDS_FROM else found * 1_000


def end_ns(value: Any) -> int:
    """The same of an end, which a span may lack; 0 then."""
    try:
        return time_ns(value, "end")
    except BrokenSpanError:
        return 0


def attributes_of(held: Any) -> dict[str, str]:
    """Attributes as text: OTLP's list of keys with typed values, or a plain map."""
    if isinstance(held, Mapping):
        return {str(key): text_of(value) for key, value in held.items()}
    found = (each for each in held if isinstance(each, Mapping)) if isinstance(held, list) else ()
    return {str(each.get("key")): text_of(_untyped(each.get("value"))) for each in found}


def tags_of(held: Any) -> dict[str, str]:
    """Jaeger's tags as text."""
    found = (each for each in held if isinstance(each, Mapping)) if isinstance(held, list) else ()
    return {str(each.get("key")): text_of(each.get("value")) for each in found}


def text_of(value: Any) -> str:
    """A value as the store has it: booleans in lower case, whole doubles without a point, the rest as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return double_text(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _untyped(value: Any) -> Any:
    """What an OTLP value of JSON holds."""
    if not isinstance(value, Mapping):
        return value
    for name in ("stringValue", "string_value", "boolValue", "bool_value", "bytesValue", "bytes_value"):
        if name in value:
            return value[name]
    for name in ("intValue", "int_value", "doubleValue", "double_value"):
        if name in value:
            return _number(value[name])
    for name in ("arrayValue", "array_value", "kvlistValue", "kvlist_value"):
        held = value.get(name)
        if isinstance(held, Mapping):
            inner = [each for each in held.get("values") or [] if isinstance(each, Mapping)]
            if name.startswith("array"):
                return [_untyped(each) for each in inner]
            return {str(each.get("key")): _untyped(each.get("value")) for each in inner}
    return None


def _number(value: Any) -> Any:
    """A number that protobuf's JSON may write as text."""
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return value
