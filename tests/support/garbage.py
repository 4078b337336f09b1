"""What only the garbage collector frees."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from typing import Any

TIMES = 20


def left_behind(request: Callable[[], object]) -> Counter[str]:
    """Objects of ours in circles that these requests made; what a library leaves is its own affair."""
    request()  # what is made once, and may be thrown away once
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(TIMES):
            request()
        gc.collect()
        return Counter(filter(None, map(_name_of_ours, gc.garbage)))
    finally:
        gc.set_debug(0)
        gc.enable()
        gc.garbage.clear()


def _name_of_ours(found: Any) -> str:
    """Of an instance, a function, or a frame that runs our code; empty = not ours."""
    code = getattr(found, "f_code", None) or getattr(found, "cr_code", None) or getattr(found, "gi_code", None)
    if code is not None:
        return str(code.co_qualname) if "/shadow/" in code.co_filename else ""
    module = getattr(found, "__module__", None) or ""
    return f"{module} {type(found).__name__}" if str(module).partition(".")[0] == "shadow" else ""
