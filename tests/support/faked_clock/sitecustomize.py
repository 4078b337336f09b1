"""What libfaketime leaves undone in a Python process with the embedded engine; Python imports it from its path.

libfaketime stands between a program and libc. Three things escape it:

- The engine asks the kernel's own page of functions (vDSO) for the time, past libc, so that its `now()` would keep the
  real date. The page's `clock_gettime` is overwritten, in this process: it asks the kernel, and moves the wall clock
  for every caller but libc, for which libfaketime does it.
- The engine is loaded so that it finds libc's functions before libfaketime's. Its retention would keep the real date,
  and its waits, until moments of the moved one, would end in years. It is loaded without that.
- `time.sleep` waits on the monotonic clock until a moment, which libfaketime refuses where that clock stays real.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOVED_S = int(os.environ.get("SHADOWROUTE_CLOCK_MOVED_S", "0"))

_READ_WRITE_EXECUTE = 7
_OWN_LIBRARIES_FIRST = 8  # RTLD_DEEPBIND
_DYNAMIC_SYMBOLS = 11
_SECTION = "<IIQQQQIIQQ"
_SYMBOL = "<IBBHQQ"


def _sleep(seconds: float) -> None:
    """Waits as long as `time.sleep`."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


class _Library(ctypes.CDLL):
    """A library that finds libfaketime's functions, although its loader asks that it should not."""

    def __init__(self, name: str | None, mode: int = ctypes.DEFAULT_MODE, **options: Any) -> None:
        super().__init__(name, mode & ~_OWN_LIBRARIES_FIRST, **options)


def _clock_gettime(moved_s: int, libc: tuple[int, int]) -> bytes:
    """The function for x86-64: the clock is in rdi, the place for its time in rsi, who called on the stack."""
    first, last = (struct.pack("<Q", place) for place in libc)
    return (
        b"\xb8\xe4\x00\x00\x00\x0f\x05"  # mov eax, 228; syscall
        b"\x85\xff\x74\x06"  # CLOCK_REALTIME is moved,
        b"\x83\xff\x05\x74\x01"  # and CLOCK_REALTIME_COARSE;
        b"\xc3"  # no other
        b"\x48\x8b\x14\x24"  # mov rdx, [rsp]
        b"\x48\xb9" + first + b"\x48\x39\xca\x72\x10"  # from below libc: moved
        b"\x48\xb9" + last + b"\x48\x39\xca\x73\x01"  # from above it: moved
        b"\xc3"  # from libc: not
        b"\x48\xb9" + struct.pack("<q", moved_s) + b"\x48\x01\x0e\xc3"  # add [rsi], seconds; ret
    )


def _mapped(ending: str) -> Iterator[tuple[int, int]]:
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith(ending):
            first, _, last = line.split()[0].partition("-")
            yield int(first, 16), int(last, 16)


def _place(page: bytes, function: bytes) -> tuple[int, int]:
    """Where a function begins, and how long it is, from the dynamic symbols of an ELF image."""
    (table,) = struct.unpack_from("<Q", page, 40)
    size, count = struct.unpack_from("<HH", page, 58)
    sections = [struct.unpack_from(_SECTION, page, table + each * size) for each in range(count)]
    (symbols,) = [section for section in sections if section[1] == _DYNAMIC_SYMBOLS]
    names = sections[symbols[6]][4]
    for place in range(symbols[4], symbols[4] + symbols[5], struct.calcsize(_SYMBOL)):
        name, _, _, _, value, length = struct.unpack_from(_SYMBOL, page, place)
        if page[names + name : page.index(b"\0", names + name)] == function:
            return value, length
    raise SystemExit(f"the engine's clock cannot be moved: the vDSO has no {function.decode()}")


def _move(moved_s: int) -> None:
    ((first, last),) = _mapped("[vdso]")
    parts = list(_mapped("/libc.so.6"))
    code = _clock_gettime(moved_s, (parts[0][0], parts[-1][1]))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(first), ctypes.c_size_t(last - first), _READ_WRITE_EXECUTE):
        raise SystemExit(f"the engine's clock cannot be moved: mprotect failed, {os.strerror(ctypes.get_errno())}")
    place, length = _place(ctypes.string_at(first, last - first), b"__vdso_clock_gettime")
    if len(code) > length:
        raise SystemExit("the engine's clock cannot be moved: the kernel's function is too short to be overwritten")
    ctypes.memmove(first + place, code, len(code))


if MOVED_S:
    _move(MOVED_S)
    setattr(time, "sleep", _sleep)  # noqa: B010  # mypy takes other functions for wrong ones
    setattr(ctypes, "CDLL", _Library)  # noqa: B010  # by this name the engine's own package loads it
