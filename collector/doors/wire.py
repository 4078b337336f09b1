"""Bodies of the ClickHouse HTTP protocol: compressed frames, and the border between SQL and data."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import lz4.frame
import zstandard

_PIECE: Final = 1 << 20
_ZSTD_PIECE: Final = 1 << 12
"""zstandard inflates each input piece in one go; small pieces bound the size of the result."""

_NAME: Final = r"(?:`(?:[^`\\]|\\.)+`|\"(?:[^\"\\]|\\.)+\"|\w+)"
_COLUMN_LIST: Final = r"\((?:[^()`\"]|`(?:[^`\\]|\\.)+`|\"(?:[^\"\\]|\\.)+\")*\)"
_INSERT_WITH_DATA: Final = re.compile(
    rf"(\s*INSERT\s+INTO\s+(?:TABLE\s+)?{_NAME}(?:\s*\.\s*{_NAME})?\s*(?:{_COLUMN_LIST})?(?:\s*SETTINGS\s+[^\n;]+?)?)"
    r"\s*\b(?:FORMAT\s+(\w+)[ \t\r;]*(?:\n|\Z)|VALUES\s*(?=\())",
    re.IGNORECASE,
)
_HEAD: Final = 1 << 16


class BodyError(Exception):
    """A body is too large, broken or in an unknown encoding; `.status` is the HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        self.status = status
        super().__init__(message)


def inflate(body: bytes, encoding: str, *, limit: int) -> bytes:
    """The plain bytes of a body that may be several concatenated frames.

    A client sends an insert as several frames, one after the other: decoding only the first would lose rows silently.

    Args:
        body: as received.
        encoding: `Content-Encoding`; empty or `identity` for plain bytes.
        limit: largest inflated size, bytes.

    Raises:
        BodyError: unknown encoding (415), broken or cut frames (400), too large (413).
    """
    if encoding in ("", "identity"):
        return body
    frames = _FRAMES.get(encoding)
    if frames is None:
        raise BodyError(f"Content-Encoding must be one of {', '.join(_FRAMES)}, got {encoding!r}", status=415)
    pieces = []
    size = 0
    try:
        for piece in frames(body):
            size += len(piece)
            if size > limit:
                raise BodyError(
                    f"body must be at most {limit >> 20} MiB when inflated; send the rows in several inserts",
                    status=413,
                )
            pieces.append(piece)
    except (zlib.error, zstandard.ZstdError, RuntimeError, EOFError) as error:
        raise BodyError(f"body must be {encoding} frames, got broken ones ({error})", status=400) from error
    return b"".join(pieces)


def split_insert(query: str, body: bytes) -> tuple[str, str, memoryview] | None:
    """An insert with data: its SQL before FORMAT or VALUES, the format, and the data; None for any other statement.

    Args:
        query: the `query` URL parameter; empty if the statement stands in the body.
        body: plain bytes.
    """
    # Latin-1 keeps one character per byte, so that the match's end is the data's beginning.
    statement = query.encode() or body
    match = _INSERT_WITH_DATA.match(statement[:_HEAD].decode("latin-1"))
    if match is None:
        return None
    data = memoryview(statement)[match.end() :]
    return (
        statement[: match.end(1)].decode().strip(),
        match[2] or "Values",
        memoryview(bytes(data) + body) if query else data,
    )


def zlib_frames(body: bytes, wbits: int = 47) -> Iterator[bytes]:
    """Pieces of at most a MiB of gzip or, unless `wbits` is 31, zlib members, one after the other.

    Raises:
        zlib.error: they are broken.
        EOFError: the last one is cut off.
    """
    while body:
        frame = zlib.decompressobj(wbits)
        while not frame.eof:
            piece = frame.decompress(body, _PIECE)
            body = frame.unconsumed_tail
            if not piece and not body and not frame.eof:
                raise EOFError("cut off")
            yield piece
        body = frame.unused_data


def _frames_lz4(body: bytes) -> Iterator[bytes]:
    while body:
        frame = lz4.frame.LZ4FrameDecompressor()
        while not frame.eof:
            piece = frame.decompress(body, max_length=_PIECE)
            body = b""
            if not piece and not frame.eof and frame.needs_input:
                raise EOFError("cut off")
            yield piece
        body = frame.unused_data or b""


def _frames_zstd(body: bytes) -> Iterator[bytes]:
    frame: Any = None
    view = memoryview(body)
    for start in range(0, len(view), _ZSTD_PIECE):
        rest = bytes(view[start : start + _ZSTD_PIECE])
        while rest:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(rest)
            rest = b""
            if frame.eof:
                rest, frame = frame.unused_data, None
    if frame is not None:
        raise EOFError("cut off")


_FRAMES: Final[dict[str, Callable[[bytes], Iterator[bytes]]]] = {
    "lz4": _frames_lz4,
    "zstd": _frames_zstd,
    "gzip": zlib_frames,
    "deflate": zlib_frames,
}
