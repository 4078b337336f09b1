"""The callback for LiteLLM's proxy: `callback`, made when the proxy asks for it.

Write a file beside the proxy's config.yaml with the line `from shadow.litellm_proxy import callback`, and name it
there: `litellm_settings: {callbacks: [thatfile.callback]}`. The environment names the routing file.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from shadow.errors import ConfigError
from shadow.observer import Observer

if TYPE_CHECKING:
    callback: Any

ROUTING_VARIABLE: Final = "SHADOWROUTE_ROUTING"


def __getattr__(name: str) -> Any:
    """`callback`: one per process."""
    if name != "callback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _callback()


@lru_cache(maxsize=1)
def _callback() -> Any:
    """An observer of this process, as a callback of LiteLLM.

    Raises:
        ConfigError: the variable is not set, or the routing file breaks a rule. The proxy then does not start.
    """
    path = os.environ.get(ROUTING_VARIABLE, "")
    if not path:
        raise ConfigError(f"{ROUTING_VARIABLE} must be the path of a shadow.yaml, got nothing; set it for the proxy")
    return Observer(path).litellm_callback()
