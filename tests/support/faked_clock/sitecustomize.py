"""What libfaketime leaves undone in a Python process with the embedded engine; Python imports it from its path.

libfaketime stands between a program and libc. Three things escape it:

- The engine asks the kernel's own page of functions (vDSO) for the time, past libc, so that its `now()` would keep the
  real date. In this process that page names another `clock_gettime`: it calls the kernel's and moves the wall clock.
  libc has looked the name up before.
- The engine is loaded so that it finds libc's functions before libfaketime's, and must be: its C++ has names that other
  libraries have too. It is lent libfaketime's. Its waits until a moment of the moved clock, which would end in years,
  are moved back by a function of our own: libfaketime knows the clock of a condition only if it saw it made.
- `time.sleep` waits on the monotonic clock until a moment, which libfaketime refuses where that clock stays real.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOVED_S = int(os.environ.get("SHADOWROUTE_CLOCK_MOVED_S", "0"))

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
"""With libfaketime, which is preloaded, before it."""
_ENGINE = "_chdb."
_WAIT = b"pthread_cond_timedwait"
_LENT = (b"time", b"gettimeofday", _WAIT)

_READ_WRITE_EXECUTE = 7
_CLOCK_OF_CONDITION = 36
_DYNAMIC_SYMBOLS = 11
_RELOCATIONS = 4
_JUMP_SLOT = 7
_CLOCKS = (b"clock_gettime", b"__vdso_clock_gettime")
_RELOCATION = "<QQq"
_SECTION = "<IIQQQQIIQQ"
_SYMBOL = "<IBBHQQ"
_VALUE_AT = 8


def _sleep(seconds: float) -> None:
    """Waits as long as `time.sleep`."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


class _Library(ctypes.CDLL):
    """A library; the engine's calls libfaketime's functions once it is loaded."""

    def __init__(self, name: str | None, mode: int = ctypes.DEFAULT_MODE, **options: Any) -> None:
        super().__init__(name, mode, **options)
        if name is not None and Path(name).name.startswith(_ENGINE):
            _lend(Path(name))


def _clock_gettime(moved_s: int, real: int) -> bytes:
    """The function for x86-64: the clock is in edi, the place for its time in rsi."""
    return (
        b"\x57\x56\x48\x83\xec\x08"  # push rdi; push rsi; sub rsp, 8
        b"\x48\xb8" + struct.pack("<Q", real) + b"\xff\xd0"  # call the real function
        b"\x48\x83\xc4\x08\x5e\x5f"  # add rsp, 8; pop rsi; pop rdi
        b"\x85\xff\x74\x06"  # CLOCK_REALTIME is moved,
        b"\x83\xff\x05\x74\x01"  # and CLOCK_REALTIME_COARSE;
        b"\xc3"  # no other
        b"\x48\xb9" + struct.pack("<q", moved_s) + b"\x48\x01\x0e\xc3"  # add [rsi], seconds; ret
    )


def _timed_wait(moved_s: int, real: int) -> bytes:
    """The function for x86-64 and glibc: the condition is in rdi, its moment at rdx. A monotonic one stays as it is."""
    real_code = b"\x48\xb8" + struct.pack("<Q", real)  # mov rax, the real function
    return (
        b"\xf6\x47" + bytes([_CLOCK_OF_CONDITION]) + b"\x02"  # test byte [rdi + 36], 2: the clock is monotonic
        b"\x74\x0c" + real_code + b"\xff\xe0"  # jump there
        b"\x48\x83\xec\x18\x48\x8b\x02"  # sub rsp, 24; mov rax, [rdx]
        b"\x48\xb9" + struct.pack("<q", moved_s) + b"\x48\x29\xc8"  # less the seconds
        b"\x48\x89\x04\x24\x48\x8b\x42\x08\x48\x89\x44\x24\x08"  # and the rest onto the stack
        b"\x48\x89\xe2" + real_code + b"\xff\xd0"  # call it with that moment
        b"\x48\x83\xc4\x18\xc3"  # add rsp, 24; ret
    )


def _mapped(ending: str) -> Iterator[tuple[int, int]]:
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith(ending):
            first, _, last = line.split()[0].partition("-")
            yield int(first, 16), int(last, 16)


def _sections(image: bytes | mmap.mmap, kind: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """Address, offset, size and link of the sections of an ELF image: of this kind, or of all."""
    (table,) = struct.unpack_from("<Q", image, 40)
    size, count = struct.unpack_from("<HH", image, 58)
    for each in range(count):
        _, found, _, address, offset, length, link, _, _, _ = struct.unpack_from(_SECTION, image, table + each * size)
        if kind is None or found == kind:
            yield address, offset, length, link


def _symbols(image: bytes | mmap.mmap) -> list[tuple[bytes, int, int]]:
    """Name and value of the dynamic symbols of an ELF image, and where the value stands."""
    ((_, offset, size, link),) = _sections(image, _DYNAMIC_SYMBOLS)
    names = list(_sections(image))[link][1]
    symbols = []
    for place in range(offset, offset + size, struct.calcsize(_SYMBOL)):
        name, _, _, _, value, _ = struct.unpack_from(_SYMBOL, image, place)
        symbols.append((image[names + name : image.find(b"\0", names + name)], value, place + _VALUE_AT))
    return symbols


def _lend(library: Path) -> None:
    """Point a loaded library's slots for functions of time at others."""
    first = min(first for first, _ in _mapped(str(library.resolve())))
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        symbols = _symbols(image)
        for _, offset, size, _ in _sections(image, _RELOCATIONS):
            for place in range(offset, offset + size, struct.calcsize(_RELOCATION)):
                slot, info, _ = struct.unpack_from(_RELOCATION, image, place)
                if info & 0xFFFFFFFF == _JUMP_SLOT and (name := symbols[info >> 32][0]) in _LENT:
                    _lend_one(first + slot, name)


def _lend_one(slot: int, name: bytes) -> None:
    address = ctypes.cast(getattr(_LIBC, name.decode()), ctypes.c_void_p).value or 0
    if name == _WAIT:
        real = ctypes.cast(getattr(ctypes.CDLL("libc.so.6"), name.decode()), ctypes.c_void_p).value or 0
        address = _kept(_timed_wait(MOVED_S, real))
    page = slot & ~(mmap.PAGESIZE - 1)
    _write(slot, struct.pack("<Q", address), (page, page + mmap.PAGESIZE))


def _write(address: int, code: bytes, pages: tuple[int, int]) -> None:
    """Overwrite what may be read only, in these pages; the kernel's own can only be changed together."""
    first, last = pages
    if _LIBC.mprotect(ctypes.c_void_p(first), ctypes.c_size_t(last - first), _READ_WRITE_EXECUTE):
        raise SystemExit(f"the engine's clock cannot be moved: mprotect failed, {os.strerror(ctypes.get_errno())}")
    ctypes.memmove(address, code, len(code))


def _move(moved_s: int) -> None:
    """Let the kernel's page name another function."""
    ((first, last),) = _mapped("[vdso]")
    named = [(value, at) for name, value, at in _symbols(ctypes.string_at(first, last - first)) if name in _CLOCKS]
    if not named:
        raise SystemExit("the engine's clock cannot be moved: the kernel's page has no clock_gettime")
    moved = _kept(_clock_gettime(moved_s, first + named[0][0]))
    for _, at in named:
        _write(first + at, struct.pack("<Q", (moved - first) % 2**64), (first, last))


def _kept(code: bytes) -> int:
    """Where this code lies until the process is gone: the engine's threads end last."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    page: int = _LIBC.mmap(None, ctypes.c_size_t(mmap.PAGESIZE), _READ_WRITE_EXECUTE, flags, -1, ctypes.c_long(0))
    ctypes.memmove(page, code, len(code))
    return page


if MOVED_S:
    _move(MOVED_S)
    setattr(time, "sleep", _sleep)  # noqa: B010  # mypy takes other functions for wrong ones
    setattr(ctypes, "CDLL", _Library)  # noqa: B010  # by this name the engine's own package loads it
