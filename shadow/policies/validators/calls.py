"""`call`: a function of the user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from shadow.domain.policy import Bench
from shadow.errors import ShadowError
from shadow.policies.validators.protocol import Case, named
from shadow.policies.validators.waiting import Places, in_thread

AT_ONCE: Final = 8
"""Calls of one slow function that run at the same time; more of them wait, as long as their time lasts."""


class Calls:
    """Accepts an answer that a function accepts. The function must return at once.

    Args:
        function: takes the answer's text.
        label: what the function is called, `module:function`.
    """

    def __init__(self, function: Callable[[str], object], *, label: str) -> None:
        self.name = named("call", label)
        self.asks = f"be accepted by {label}"
        self._function = function

    def accepts(self, case: Case) -> bool:
        """Whether the function says so.

        Raises:
            ShadowError: it answered something else than True or False.
            Exception: whatever the function raises.
        """
        return _verdict(self.name, self._function(case.text))


class SlowCalls:
    """As `Calls`, for a function that waits for something. Callers on event loops wait in another thread.

    Args:
        function: takes the answer's text.
        label: what the function is called, `module:function`.
        timeout_s: seconds after which a caller on an event loop goes on without its verdict. Nothing can stop the
            function itself, nor let a caller that is not on an event loop go on.
    """

    in_shadows = False

    def __init__(self, function: Callable[[str], object], *, label: str, timeout_s: float = 10.0) -> None:
        self.name = named("call", label)
        self.asks = f"be accepted by {label}"
        self._function = function
        self._timeout_s = timeout_s
        self._places = Places(self.name, AT_ONCE)

    def check(self, case: Case, bench: Bench) -> bool:
        """As `Calls.accepts`.

        Raises:
            UnjudgedError: too many calls run already.
        """
        return self._call(case.text, bench.time_left_s(self._timeout_s))

    async def acheck(self, case: Case, bench: Bench) -> bool:
        """As `check`.

        Raises:
            TimeoutError: the function took too long.
        """
        timeout_s = bench.time_left_s(self._timeout_s)
        return await asyncio.wait_for(in_thread(lambda: self._call(case.text, timeout_s)), timeout_s)

    def _call(self, text: str, timeout_s: float) -> bool:
        with self._places.taken(timeout_s):
            return _verdict(self.name, self._function(text))


def _verdict(name: str, verdict: object) -> bool:
    if not isinstance(verdict, bool):
        raise ShadowError(f"{name} must return True or False, got {type(verdict).__name__}")
    return verdict
