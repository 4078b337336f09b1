"""Observes a `litellm.Router` of either generation, without importing LiteLLM: the object is recognized by its class.

The Router stays the same object and decides alone: no call is filtered, replaced or retried here. Its methods get the
caller's arguments and a trace id, which it would set itself; replies and exceptions stay unchanged.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final

from shadow.domain.ids import uuid7
from shadow.domain.usage import is_answer
from shadow.hooks.arguments import facts_of_call
from shadow.hooks.litellm_call import CHAT, RESPONSES, LiteLLMCall
from shadow.hooks.litellm_calls import OpenCalls
from shadow.hooks.litellm_events import Events, is_internal, listener
from shadow.hooks.litellm_facts import metadata_of, text_of
from shadow.hooks.litellm_policy import LiteLLMPolicy
from shadow.hooks.litellm_stream import watch_stream
from shadow.hooks.methods import observe_method
from shadow.hooks.observer_context import ObserverContext
from shadow.hooks.watched_iterators import is_iterator
from shadow.recording.recorder import Recorder

METHODS: Final[Mapping[str, frozenset[str]]] = {
    "completion": CHAT,
    "acompletion": CHAT,
    "responses": RESPONSES,
    "aresponses": RESPONSES,
}
POSITIONS: Final = {CHAT: ("model", "messages"), RESPONSES: ("input", "model")}


def is_litellm_router(candidate: Any) -> bool:
    """Whether an object is LiteLLM's Router, of any release."""
    return any(kind.__name__ == "Router" and kind.__module__ == "litellm.router" for kind in type(candidate).__mro__)


def observe_router(context: ObserverContext, router: Any) -> None:
    """Wrap the methods that answer. Wrapping twice changes nothing."""
    subscription = _subscriptions.get(context.recorder)
    if subscription is None:
        subscription = _subscriptions[context.recorder] = Subscription(context)
    policy = LiteLLMPolicy(context, weakref.ref(router), context.clock.perf_counter)
    for name, call_types in METHODS.items():
        observe_method(router, name, RouterHook(context, policy, subscription, call_types), context)


class Subscription:
    """The listener to LiteLLM's events, one for all Routers of an observer."""

    def __init__(self, context: ObserverContext) -> None:
        self.calls = OpenCalls(context)
        self._listener = listener(Events(self.calls, context.recorder.containment), proxy=False)
        self._litellm: Any = sys.modules["litellm"]
        self.ensure_registered()

    def ensure_registered(self) -> None:
        """Register the listener, also after a host has replaced the list of callbacks."""
        callbacks = self._litellm.callbacks
        if not any(each is self._listener for each in callbacks):
            callbacks.append(self._listener)


_subscriptions: weakref.WeakKeyDictionary[Recorder, Subscription] = weakref.WeakKeyDictionary()


class RouterHook:
    """Observes one kind of methods of one Router."""

    def __init__(
        self, context: ObserverContext, policy: LiteLLMPolicy, subscription: Subscription, call_types: frozenset[str]
    ) -> None:
        self.functions: dict[Any, Callable[..., Any]] = {}
        self._context = context
        self._policy = policy
        self._subscription = subscription
        self._calls = subscription.calls
        self._call_types = call_types

    def call(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a synchronous method."""
        call = self._begin(args, kwargs)
        try:
            with self._calls.inside(call):
                reply = method(*args, **kwargs)
        except BaseException as error:
            self._failed(call, error)
            raise
        self._finish(call, reply)
        return reply

    async def acall(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Await a coroutine function. The request begins with the await."""
        call = self._begin(args, kwargs)
        try:
            with self._calls.inside(call):
                reply = await method(*args, **kwargs)
        except BaseException as error:
            self._failed(call, error)
            raise
        self._finish(call, reply)
        return reply

    def _begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> LiteLLMCall | None:
        """The call of the caller. None for LiteLLM's own calls, and after an internal error."""
        with self._context.recorder.containment.guard("wrap"):
            arguments = {**dict(zip(POSITIONS[self._call_types], args, strict=False)), **kwargs}
            if self._calls.is_inside or is_internal(arguments):
                return None
            self._subscription.ensure_registered()
            call = begun(self._context, self._policy, arguments, self._call_types)
            if not kwargs.get("litellm_trace_id"):
                kwargs["litellm_trace_id"] = uuid7()
            self._calls.add(call, kwargs["litellm_trace_id"])
            return call
        return None

    def _failed(self, call: LiteLLMCall | None, error: BaseException) -> None:
        if call is not None:
            call.failed(error)
            self._calls.forget(call)

    def _finish(self, call: LiteLLMCall | None, reply: Any) -> None:
        if call is None:
            return
        with call.guard("wrap"):
            if is_answer(reply):
                call.returned(reply)
            elif is_iterator(reply):
                watch_stream(self._calls, call, reply)
            else:
                call.unreadable()
        if call.is_closed:
            self._calls.forget(call)


def begun(
    context: ObserverContext, policy: LiteLLMPolicy, arguments: Mapping[str, Any], call_types: frozenset[str]
) -> LiteLLMCall:
    """A call from LiteLLM's arguments. Declared labels are read from its metadata and its model group."""
    facts = facts_of_call(arguments, context.now().routing.from_request)
    group = text_of(arguments.get("model"))
    facts["labels"] = {**metadata_of(arguments), "model_group": group}
    return LiteLLMCall(policy, facts, group, call_types)
