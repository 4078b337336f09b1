"""What one request may cost, and how a request that asks for more is refused.

Every limit holds before the work it guards: bytes while they arrive, inflated bytes while they inflate.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

MEBIBYTE: Final = 1 << 20
YEAR_2000_US: Final = 946_684_800_000_000
YEAR_2100_US: Final = 4_102_444_800_000_000
"""Epoch microseconds between which a moment is believed: what lies outside is in another unit, or no time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits per request.

    Attributes:
        body_bytes: on the wire.
        inflated_bytes: after decompression.
        ratio: inflated by wire bytes; asked beyond one MiB only, so that small repetitive bodies pass.
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


def inflate(body: bytes, encoding: str, limits: Limits) -> bytes:
    """The body without its Content-Encoding.

    Raises:
        RefusalError: 415 for another encoding than gzip, 413 beyond a limit, 400 for a broken stream.
    """
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise RefusalError(415, f"Content-Encoding must be gzip or absent, got {encoding!r}", kind="Content-Encoding")
    ceiling = min(limits.inflated_bytes, max(MEBIBYTE, len(body) * limits.ratio))
    out = bytearray()
    rest = body
    while rest:
        rest = _member(rest, out, ceiling)
    return bytes(out)


def _member(body: bytes, out: bytearray, ceiling: int) -> bytes:
    """Inflate one gzip member into `out`; returns what follows it (a gzip body may be several)."""
    stream = zlib.decompressobj(wbits=31)
    try:
        out += stream.decompress(body, ceiling + 1 - len(out))
    except zlib.error as error:
        raise RefusalError(
            400, f"body must be gzip as its Content-Encoding says ({error})", kind="broken gzip"
        ) from error
    if len(out) > ceiling:
        raise RefusalError(
            413,
            f"body must inflate to at most {ceiling:,} bytes, got more; send smaller batches",
            kind="inflated body too large",
        )
    if not stream.eof:
        raise RefusalError(400, "body must be a whole gzip stream, got a truncated one", kind="broken gzip")
    return stream.unused_data
