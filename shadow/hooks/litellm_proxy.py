"""The callback for LiteLLM's proxy: records every chat and responses request from start to end."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from shadow.hooks.litellm_call import CHAT, RESPONSES
from shadow.hooks.litellm_calls import OpenCalls
from shadow.hooks.litellm_events import Events, is_internal, listener
from shadow.hooks.litellm_policy import LiteLLMPolicy
from shadow.hooks.litellm_router import begun
from shadow.hooks.observer_context import ObserverContext

PROXY_MODULE: Final = "litellm.proxy.proxy_server"


def proxy_callback(context: ObserverContext) -> Any:
    """The object that the proxy calls."""
    calls = OpenCalls(context)
    policy = LiteLLMPolicy(context, _proxy_router, context.clock.perf_counter)

    def begin(data: Mapping[str, Any], call_type: str) -> None:
        call_types = next((each for each in (CHAT, RESPONSES) if call_type in each), None)
        if call_types is not None and data.get("litellm_call_id") and not is_internal(data):
            calls.add(begun(context, policy, data, call_types), data["litellm_call_id"])

    return listener(Events(calls, context.recorder.containment, begin), proxy=True)


def _proxy_router() -> Any:
    """The proxy makes its Router after its callbacks."""
    return getattr(sys.modules.get(PROXY_MODULE), "llm_router", None)
