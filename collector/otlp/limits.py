"""Limits of one request, and the refusal of a request beyond them.

Every limit holds before the work it guards: bytes while they arrive, inflated bytes while they inflate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits per request.

    Attributes:
        body_bytes: on the wire.
        inflated_bytes: after decompression.
        ratio: inflated by wire bytes; applied beyond one MiB only, so that small repetitive bodies pass.
        spans: spans or log records in one request.
        attributes: attributes of one span.
        details: events and links of one span.
        value_characters: length of one attribute's text.
        read_s: time to read the whole body, seconds.
        in_flight_bytes: bytes of all bodies that are read but not stored yet.
    """

    body_bytes: int = 20 * MEBIBYTE
    inflated_bytes: int = 20 * MEBIBYTE
    ratio: int = 100
    spans: int = 50_000
    attributes: int = 256
    details: int = 1_000
    value_characters: int = 65_536
    read_s: float = 30.0
    in_flight_bytes: int = 64 * MEBIBYTE


class RefusalError(Exception):
    """A whole request is refused.

    Attributes:
        status: HTTP status.
        kind: the reason without its details, for counting.
        retry_after_s: seconds after which the same request may succeed; None = never.
    """

    def __init__(self, status: int, reason: str, *, kind: str = "", retry_after_s: int | None = None) -> None:
        self.status = status
        self.reason = reason
        self.kind = kind or reason
        self.retry_after_s = retry_after_s
        super().__init__(reason)
