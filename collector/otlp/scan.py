"""Counts the messages of a body before it is parsed.

An empty message is two bytes on the wire and two hundred in memory: twenty mebibytes of them would take two gibibytes.
Traces and logs nest alike (resources, scopes, items, in fields 1, 2 and 2), so one walk serves both. It touches the
headers of messages only and stops at the limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shadowroute.collector.otlp.limits import Limits, RefusalError

_PATH: Final = (1, 2, 2)
_LENGTH_DELIMITED: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_JSON_OBJECTS: Final = 1_000_000
"""Objects of a JSON body; a body of the largest allowed size has about half as many."""


def check_protobuf(body: bytes, limits: Limits) -> None:
    """Refuse a body with more resources, scopes and items than a request of one-item scopes may have.

    Raises:
        RefusalError: 413.
    """
    for found, _ in enumerate(_nested(body, 0, len(body), _PATH), 1):
        if found > 3 * limits.spans:
            raise _too_many(limits)


def check_json(body: bytes, limits: Limits) -> None:
    """Refuse a body with more objects than any allowed request.

    Raises:
        RefusalError: 413.
    """
    if body.count(b"{") > _JSON_OBJECTS:
        raise _too_many(limits)


def _too_many(limits: Limits) -> RefusalError:
    reason = f"a request must carry at most {limits.spans:,} spans or records, got more; send smaller batches"
    return RefusalError(413, reason, kind="too many spans")


def _nested(body: bytes, start: int, end: int, path: tuple[int, ...]) -> Iterator[None]:
    """Yields once per message on the path, at every level."""
    for first, last in _messages(body, start, end, path[0]):
        yield
        if len(path) > 1:
            yield from _nested(body, first, last, path[1:])


def _messages(body: bytes, position: int, end: int, field: int) -> Iterator[tuple[int, int]]:
    """Start and end of each message in a field; ends silently at invalid bytes, which the parser reports."""
    while position < end:
        tag, position = _varint(body, position, end)
        kind = tag & 7
        if kind == _LENGTH_DELIMITED:
            size, position = _varint(body, position, end)
            if tag >> 3 == field:
                yield position, min(position + size, end)
            position += size
        elif kind in _FIXED:
            position += _FIXED[kind]
        elif kind == 0:
            _, position = _varint(body, position, end)
        else:
            return


def _varint(body: bytes, position: int, end: int) -> tuple[int, int]:
    """A number and the position after it; the end if it is cut off."""
    value = shift = 0
    while position < end and shift < 70:
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    return 0, end
