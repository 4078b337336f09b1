"""Listens to LiteLLM's events and passes them to their calls.

The listener is a `CustomLogger` of LiteLLM, because LiteLLM calls no other object. It returns every argument unchanged
and never raises.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from shadow.domain.usage import read
from shadow.errors import ShadowError
from shadow.hooks.litellm_calls import OpenCalls
from shadow.hooks.litellm_facts import metadata_of
from shadow.runtime.containment import Containment

INTERNAL: Final = ("is_silent_experiment", "internal_call_origin")
"""Metadata of LiteLLM's own calls: mirrors, classifiers, background polls."""


def is_internal(arguments: Mapping[str, Any]) -> bool:
    """Whether this is LiteLLM's own call."""
    metadata = metadata_of(arguments)
    return any(metadata.get(name) for name in INTERNAL)


class Events:
    """The methods that LiteLLM calls, under its names and with its arguments.

    Args:
        calls: that the events may belong to.
        containment: counts internal errors.
        begin: makes a call of a request to the proxy. None = calls begin elsewhere.
    """

    def __init__(
        self,
        calls: OpenCalls,
        containment: Containment,
        begin: Callable[[Mapping[str, Any], str], None] | None = None,
    ) -> None:
        self.shadowroute_calls = calls
        self.shadowroute_guard = containment.guard
        self.shadowroute_begin = begin

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Any, call_type: Any) -> None:  # noqa: ARG002
        """The proxy got a request."""
        with self.shadowroute_guard("litellm"):
            if self.shadowroute_begin is not None:
                self.shadowroute_begin(data, str(getattr(call_type, "value", call_type)))

    async def async_filter_deployments(
        self,
        model: Any,  # noqa: ARG002
        healthy_deployments: Any,
        messages: Any,  # noqa: ARG002
        request_kwargs: Any = None,
        parent_otel_span: Any = None,  # noqa: ARG002
        **_: Any,
    ) -> Any:
        """The Router is about to pick; returns all deployments unchanged."""
        with self.shadowroute_guard("litellm"):
            call = self.shadowroute_calls.of(request_kwargs)
            if call is not None:
                call.offered(healthy_deployments, read(request_kwargs, "fallback_depth"))
        return healthy_deployments

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:  # noqa: ARG002
        """A deployment is asked."""
        with self.shadowroute_guard("litellm"):
            call = self.shadowroute_calls.of(kwargs)
            if call is not None and not is_internal(kwargs):
                self.shadowroute_calls.add(call, read(kwargs, "litellm_call_id"))
                call.attempt_begins(kwargs)

    def log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:  # noqa: ARG002
        """A deployment failed."""
        with self.shadowroute_guard("litellm"):
            call = self.shadowroute_calls.of(kwargs)
            if call is not None and not is_internal(kwargs):
                call.attempt_failed(kwargs, start_time, end_time)

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """As `log_failure_event`."""
        Events.log_failure_event(self, kwargs, response_obj, start_time, end_time)

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A deployment or LiteLLM's cache answered. For a stream, once after its end."""
        with self.shadowroute_guard("litellm"):
            call = self.shadowroute_calls.of(kwargs)
            if call is not None and not is_internal(kwargs):
                closes = self.shadowroute_begin is not None
                call.accounted(kwargs, response_obj, start_time, end_time, closes=closes)
                if call.is_closed:
                    self.shadowroute_calls.forget(call)

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """As `log_success_event`."""
        Events.log_success_event(self, kwargs, response_obj, start_time, end_time)

    async def async_post_call_failure_hook(
        self,
        request_data: Any,
        original_exception: Any,
        user_api_key_dict: Any,  # noqa: ARG002
        traceback_str: Any = None,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """The proxy's client gets an error."""
        with self.shadowroute_guard("litellm"):
            call = self.shadowroute_calls.of({"litellm_call_id": read(request_data, "litellm_call_id")})
            if call is not None and isinstance(original_exception, BaseException):
                call.failed(original_exception)
                self.shadowroute_calls.forget(call)


PROXY_ONLY: Final = ("async_pre_call_hook", "async_post_call_failure_hook")
HOOKS: Final = tuple(name for name in vars(Events) if not name.startswith("__"))


def listener(events: Events, *, proxy: bool) -> Any:
    """The object for LiteLLM's callbacks.

    Raises:
        ShadowError: LiteLLM is not imported in this process.
    """
    module = sys.modules.get("litellm.integrations.custom_logger")
    if module is None:
        raise ShadowError("litellm must be imported before its Router is observed, got no module of that name")
    # LiteLLM looks for overrides in the class itself, so the methods cannot be in a base class.
    methods = {name: vars(Events)[name] for name in HOOKS if proxy or name not in PROXY_ONLY}
    kind = type("ShadowrouteListener", (module.CustomLogger,), methods)
    made = kind()
    vars(made).update(vars(events))
    return made
