"""The callback for LiteLLM's proxy: `callback`, made when the proxy asks for it.

Write a file beside the proxy's config.yaml with the one line `from shadow.hooks.litellm_proxy import callback`, and
name it there: `litellm_settings: {callbacks: [thatfile.callback]}`. The routing file comes from the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from shadow.errors import ConfigError
from shadow.hooks.litellm_call import CHAT, RESPONSES
from shadow.hooks.litellm_calls import OpenCalls
from shadow.hooks.litellm_events import Events, is_internal, listener
from shadow.hooks.litellm_policy import LiteLLMPolicy
from shadow.hooks.litellm_router import begun
from shadow.hooks.observed import Watch

if TYPE_CHECKING:
    callback: Any

ROUTING_VARIABLE: Final = "SHADOWROUTE_ROUTING"
PROXY_MODULE: Final = "litellm.proxy.proxy_server"


def __getattr__(name: str) -> Any:
    """`callback`: one per process, however often it is asked for."""
    if name != "callback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _callback()


@lru_cache(maxsize=1)
def _callback() -> Any:
    """An observer of this process, as LiteLLM wants it.

    Raises:
        ConfigError: the variable is not set, or the routing file breaks a rule. The proxy then does not start.
    """
    from shadow.observer import Observer  # noqa: PLC0415 - it imports the hooks

    path = os.environ.get(ROUTING_VARIABLE, "")
    if not path:
        raise ConfigError(f"{ROUTING_VARIABLE} must be the path of a shadow.yaml, got nothing; set it for the proxy")
    return Observer(path).litellm_callback()


def proxy_callback(watch: Watch) -> Any:
    """The object that the proxy calls; it records every chat and responses request from its start to its end."""
    calls = OpenCalls(watch)
    policy = LiteLLMPolicy(watch, _proxy_router, watch.clock.perf_counter)

    def begin(data: Mapping[str, Any], call_type: str) -> None:
        call_types = next((each for each in (CHAT, RESPONSES) if call_type in each), None)
        if call_types is not None and data.get("litellm_call_id") and not is_internal(data):
            calls.add(begun(watch, policy, data, call_types), data["litellm_call_id"])

    return listener(Events(calls, watch.recorder.containment, begin), proxy=True)


def _proxy_router() -> Any:
    """The proxy makes its Router after its callbacks."""
    return getattr(sys.modules.get(PROXY_MODULE), "llm_router", None)
