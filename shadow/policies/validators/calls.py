"""`call`: a function of the user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from shadow.domain.policy import ValidatorContext
from shadow.errors import ShadowError
from shadow.policies.validators.protocol import Case, named
from shadow.policies.validators.waiting import Places, in_thread

AT_ONCE: Final = 8
"""Simultaneous calls of one slow function; further ones wait, within their time limit."""


class Calls:
    """Accepts an answer that a function accepts. The function must return at once.

    Args:
        function: takes the answer's text.
        label: name of the function, `module:function`.
    """

    def __init__(self, function: Callable[[str], object], *, label: str) -> None:
        self.name = named("call", label)
        self.asks = f"be accepted by {label}"
        self._function = function

    def accepts(self, case: Case) -> bool:
        """Whether the function returns True.

        Raises:
            ShadowError: it did not return True or False.
            Exception: of the function.
        """
        return _verdict(self.name, self._function(case.text))


class SlowCalls:
    """As `Calls`, for a function that waits. On an event loop it runs in another thread.

    Args:
        function: takes the answer's text.
        label: name of the function, `module:function`.
        timeout_s: seconds after which a caller on an event loop continues without a verdict. The function itself
            cannot be stopped, and a blocking caller waits for it.
    """

    in_shadows = False

    def __init__(self, function: Callable[[str], object], *, label: str, timeout_s: float = 10.0) -> None:
        self.name = named("call", label)
        self.asks = f"be accepted by {label}"
        self._function = function
        self._timeout_s = timeout_s
        self._places = Places(self.name, AT_ONCE)

    def check(self, case: Case, context: ValidatorContext) -> bool:
        """As `Calls.accepts`.

        Raises:
            UnjudgedError: too many calls run at the same time.
        """
        return self._call(case.text, context.time_left_s(self._timeout_s))

    async def acheck(self, case: Case, context: ValidatorContext) -> bool:
        """As `check`.

        Raises:
            TimeoutError: the function took too long.
        """
        timeout_s = context.time_left_s(self._timeout_s)
        return await asyncio.wait_for(in_thread(lambda: self._call(case.text, timeout_s)), timeout_s)

    def _call(self, text: str, timeout_s: float) -> bool:
        with self._places.taken(timeout_s):
            return _verdict(self.name, self._function(text))


def _verdict(name: str, verdict: object) -> bool:
    if not isinstance(verdict, bool):
        raise ShadowError(f"{name} must return True or False, got {type(verdict).__name__}")
    return verdict
