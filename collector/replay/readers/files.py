"""The bytes and the text of a file, however it was kept: compressed, in UTF-16, with a mark or NULs at its start.

What cannot be read so is refused by its own name, because "not UTF-8" helps nobody who holds a workbook.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from shadow.errors import ConfigError

HEAD: Final = 4096
"""Bytes that tell what a file is."""
CHUNK: Final = 1 << 16
PARQUET: Final = b"PAR1"
PACKED: Final[dict[bytes, Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
"""First bytes of compressed files, and what opens them."""
REFUSED: Final = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; unpack it, or save it as CSV",
    b"\x28\xb5\x2f\xfd": "a file compressed by zstd; unpack it first: zstd -d FILE",
    b"SQLite format 3": "an SQLite database; export the table first: sqlite3 -header -csv FILE 'SELECT * FROM ...'",
    b"ORC": "an ORC file; export it as Parquet",
    b"Obj\x01": "an Avro file; export it as Parquet",
    b"ARROW1": "an Arrow file; export it as Parquet",
    b"\x7fELF": "a program",
    b"%PDF": "a PDF",
}
MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
NO_TEXT: Final = bytes({*range(9), *range(14, 32)})
"""Bytes that a text has by accident only."""
CUT_OFF: Final = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)
"""What is raised where a compressed file ends too early or is damaged."""


@contextmanager
def opened(file: Path) -> Iterator[io.BufferedReader]:
    """The unpacked bytes, without NULs at their start, which a log gets that is cut while it is written.

    Raises:
        ConfigError: there is no such file, or it is of a kind that is not read.
    """
    try:
        raw = file.open("rb")
    except OSError as error:
        raise ConfigError(_why(error), file=file) from None
    with raw:
        try:
            start = raw.read(HEAD)
        except OSError as error:  # a folder
            raise ConfigError(_why(error), file=file) from None
        raw.seek(0)
        unpack = next((unpack for magic, unpack in PACKED.items() if start.startswith(magic)), None)
        plain = raw if unpack is None else io.BufferedReader(unpack(raw))
        _skip_nuls(plain)
        yield plain


def head(file: Path) -> bytes:
    """The first unpacked bytes.

    Raises:
        ConfigError: the file is empty, or of a kind that is not read; the text names the kind.
    """
    with opened(file) as plain:
        try:
            found = plain.read(HEAD)
        except CUT_OFF as error:
            raise ConfigError(f"must be whole, but what is compressed ends at once ({error})", file=file) from error
    kind = next((kind for magic, kind in REFUSED.items() if found.startswith(magic)), None)
    if kind is not None:
        raise ConfigError(f"must be Parquet, CSV with a header, JSON lines or OTLP, got {kind}", file=file)
    if not found.strip(b" \t\r\n\0"):
        raise ConfigError("must hold at least one row, got an empty file", file=file)
    return found


def encoding_of(start: bytes) -> str | None:
    """The encoding of a text that starts so; None where it is none."""
    marked = next((encoding for mark, encoding in MARKS if start.startswith(mark)), None)
    if marked is not None:
        return marked
    even, odd = start[0::2], start[1::2]
    if len(start) >= 8 and even.count(0) == 0 and odd.count(0) > 0.9 * len(odd):
        return "utf-16-le"
    if len(start) >= 8 and odd.count(0) == 0 and even.count(0) > 0.9 * len(even):
        return "utf-16-be"
    return "utf-8" if len(start) - len(start.translate(None, NO_TEXT)) <= 0.01 * len(start) else None


class Text:
    """The lines of a text file.

    Attributes:
        cut_off: why the file ends before its end; empty if it does not. Known after the last line.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.cut_off = ""
        encoding = encoding_of(head(file))
        if encoding is None:
            raise ConfigError("must be Parquet, CSV with a header or JSON lines, got a binary file", file=file)
        self._encoding = encoding

    def __iter__(self) -> Iterator[str]:
        """Every line, with its end as written and without NULs at its start."""
        self.cut_off = ""
        with opened(self.file) as plain:
            text = io.TextIOWrapper(plain, encoding=self._encoding, errors="replace", newline="")
            try:
                for line in text:
                    yield line.lstrip("\0") if line[:1] == "\0" else line
            except CUT_OFF as error:
                self.cut_off = f"the compressed file ends too early ({error})"
            finally:
                text.detach()

    def whole(self) -> str:
        """All of it."""
        return "".join(self)


def whole(file: Path) -> tuple[bytes, str]:
    """All unpacked bytes, texts in UTF-8 and without a mark; and why they end before their end, or nothing.

    Raises:
        ConfigError: there is no such file, or it is of a kind that is not read.
    """
    encoding = encoding_of(head(file))
    body, cut_off = io.BytesIO(), ""
    with opened(file) as plain:
        try:
            while chunk := plain.read1(CHUNK):  # what comes before the place where it ends too early
                body.write(chunk)
        except CUT_OFF as error:
            cut_off = f"the compressed file ends too early ({error})"
    found = body.getvalue()
    if encoding not in (None, "utf-8"):
        found = found.decode(encoding, "replace").encode()
    return found, cut_off


def _skip_nuls(plain: io.BufferedReader) -> None:
    """Leave the file at its first byte that is no NUL; the two of a UTF-16 or UTF-32 text stay."""
    place = 0
    try:
        while chunk := plain.read(CHUNK):
            rest = chunk.lstrip(b"\0")
            place += len(chunk) - len(rest)
            if rest:
                break
    except CUT_OFF:
        place = 0
    plain.seek(place if place > 3 else 0)


def _why(error: OSError) -> str:
    return "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
