"""The open calls of one LiteLLM Router, so that its events find them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final

from shadow.domain.usage import read
from shadow.hooks.litellm_call import LiteLLMCall
from shadow.hooks.observer_context import ObserverContext

CALLS_AT_MOST: Final = 10_000
FORGET_AFTER_S: Final = 3600.0
"""A call of that age gets no more events; one that only outlasted the time-out of its record does."""


class OpenCalls:
    """Open calls by the ids in events, and the one of the running task or thread.

    The context variable finds most of them. Ids find those whose events come from a thread without that context.
    """

    def __init__(self, context: ObserverContext) -> None:
        self._tick = context.clock.perf_counter
        self._timeout_s = max(context.routing.limits.outcome_timeout_s, FORGET_AFTER_S)
        self._by_key: dict[str, LiteLLMCall] = {}
        self._current: ContextVar[LiteLLMCall | None] = ContextVar("shadowroute_litellm_call", default=None)

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def is_inside(self) -> bool:
        """Whether the running code is part of another call of LiteLLM."""
        current = self._current.get()
        return current is not None and not current.is_closed

    @contextmanager
    def inside(self, call: LiteLLMCall | None) -> Generator[None, None, None]:
        """Events of this block belong to that call; None: to none."""
        token = self._current.set(call)
        try:
            yield
        finally:
            with suppress(ValueError):  # a stream's step may end in another context
                self._current.reset(token)

    def add(self, call: LiteLLMCall, key: Any) -> None:
        """Find the call by this id, too. The first call with an id keeps it."""
        if isinstance(key, str) and key and key not in self._by_key:
            self._forget_old()
            self._by_key[key] = call
            call.keys.add(key)

    def of(self, event: Any) -> LiteLLMCall | None:
        """The open call of an event; None if it has none."""
        params = read(event, "litellm_params")
        trace_id = read(event, "litellm_trace_id") or read(params, "litellm_trace_id")
        found = (self._at(read(event, "litellm_call_id")), self._current.get(), self._at(trace_id))
        return next((call for call in found if call is not None and call.counts(event)), None)

    def _at(self, key: Any) -> LiteLLMCall | None:
        return self._by_key.get(key) if isinstance(key, str) else None

    def _forget_old(self) -> None:
        """Forget the oldest calls if there are too many, or if they are too old."""
        while self._by_key:
            try:
                key, oldest = next(iter(self._by_key.items()))
            except (StopIteration, RuntimeError):  # another thread changed the dictionary
                return
            if len(self._by_key) < CALLS_AT_MOST and self._tick() - oldest.began_s < self._timeout_s:
                return
            self._by_key.pop(key, None)

    def forget(self, call: LiteLLMCall) -> None:
        """Forget a closed call, which needs no more events."""
        for key in tuple(call.keys):
            if self._by_key.get(key) is call:
                self._by_key.pop(key, None)
