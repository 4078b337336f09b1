"""From the body and headers of a chat completion to the arguments of the router.

Addresses, keys and headers for providers come from configuration only, never from a client. Arguments of the router
itself are not read from a body.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Final

from shadow.config import Routing
from shadow.config.gateway_settings import API_KEY_LABEL
from shadow.domain.from_request import facts_of
from shadow.domain.ids import uuid7
from shadow.gateway.asgi import Scope, header_of
from shadow.gateway.refusals import RefusedError
from shadow.router import ShadowRouter
from shadow.runtime.frozen import quickly_made

AUTO: Final = "auto"
"""The name with which the policy chooses."""

HEADERS: Final = "headers"
"""First part of a `from_request` path to a header of the HTTP request."""

DESTINATIONS: Final = frozenset({
    "api_base", "api_key", "api_type", "api_version", "azure_ad_token", "azure_endpoint", "base_url", "client",
    "custom_llm_provider", "default_headers", "extra_body", "extra_headers", "extra_query", "headers", "http_client",
    "organization", "proxy",
})  # fmt: skip
"""Fields with which other clients or routers set the address or the key. Refused, not dropped, because the client
expects an effect."""

ROUTER_ARGUMENTS: Final = frozenset(
    name
    for name, parameter in inspect.signature(ShadowRouter.acomplete).parameters.items()
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name not in {"messages", "user"}
)
LONGEST_ID: Final = 128


@quickly_made
@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat completion to route.

    Attributes:
        stream: whether the client wants chunks.
        wants_usage: whether the client wants the last chunk of a stream, with the usage.
        arguments: for `acomplete` or `astream`.
    """

    request_id: str
    stream: bool
    wants_usage: bool
    arguments: dict[str, Any]


class ChatRequests:
    """Reads chat completions for one routing file.

    Args:
        routing: with `from_request`, the policy's name and the models.
    """

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._from_headers = {
            name: path.partition(".")[2].lower().encode("latin-1", "replace")
            for name, path in routing.from_request.items()
            if path.partition(".")[0] == HEADERS
        }
        self._others = routing.gateway.other_models

    @property
    def names(self) -> tuple[str, ...]:
        """The allowed values of `model`; `auto` first."""
        listed = () if self._others == "refuse" else tuple(self._routing.catalogue.models)
        return tuple(dict.fromkeys((AUTO, self._routing.live.name, *listed)))

    def read(self, document: dict[str, Any], scope: Scope, client: str) -> ChatRequest:
        """The request of a body. Changes the document.

        Args:
            document: the body.
            scope: of the HTTP request, for its headers.
            client: name of the request's key; empty if the gateway has no keys.

        Raises:
            RefusedError: a field breaks a rule.
        """
        _refuse_foreign(document)
        pin = self._pin(document.pop("model", None))
        messages = _messages(document.pop("messages", None))
        stream = _flag(document.pop("stream", None), "stream")
        options = document.get("stream_options")
        if options is not None and not isinstance(options, dict):
            raise _wrong("stream_options", "an object", options)
        facts = self._facts(document, scope)
        request_id = _request_id(facts.pop("request_id", None))
        if client:
            facts["labels"] = {**facts.get("labels", {}), API_KEY_LABEL: client}
        document.pop("user", None)  # only its keyed hash leaves the process
        if not document.get("store"):
            document.pop("metadata", None)  # a provider needs it only for stored completions
        if not stream:
            document.pop("stream_options", None)
        arguments = {**document, **facts, "messages": messages, "request_id": request_id}
        if pin:
            arguments["pin"] = pin
        return ChatRequest(request_id, stream, bool(options and options.get("include_usage")), arguments)

    def _pin(self, name: Any) -> str:
        """The model that the client pins; empty if the policy chooses."""
        if not isinstance(name, str) or not name:
            raise _wrong("model", f"{AUTO} or another name of GET /v1/models", name)
        if name in (AUTO, self._routing.live.name) or self._others == "route":
            return ""
        if self._others == "pin" and name in self._routing.catalogue:
            return name
        raise RefusedError(
            404,
            f"model must be one of {', '.join(self.names)}, got {name[:100]!r}: the policy chooses the model; "
            "ask for auto, or set gateway.other_models to route or pin",
            code="model_not_found",
            param="model",
        )

    def _facts(self, document: dict[str, Any], scope: Scope) -> dict[str, Any]:
        """User, session and segments, by `from_request` from headers and body; the user else from `user`."""
        said: dict[str, Any] = {name: header_of(scope, header) for name, header in self._from_headers.items()}
        facts = facts_of(said, document, self._routing.from_request)
        user = document.get("user")
        if "user" not in facts and isinstance(user, str):
            facts["user"] = user
        return facts


def _refuse_foreign(document: dict[str, Any]) -> None:
    for name in DESTINATIONS.intersection(document):
        raise RefusedError(
            400,
            f"{name} must not be in a request; addresses and keys of providers are the gateway's configuration",
            code="not_allowed",
            param=name,
        )
    for name in ROUTER_ARGUMENTS.intersection(document):
        raise RefusedError(
            400,
            f"{name} must not be a field of the body; send it in metadata or a header, and let from_request name that",
            code="not_allowed",
            param=name,
        )


def _messages(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise _wrong("messages", "a list with at least one message", value)
    for number, message in enumerate(value):
        if not isinstance(message, dict):
            raise _wrong(f"messages[{number}]", "an object", message)
    return value


def _flag(value: Any, name: str) -> bool:
    if value is not None and not isinstance(value, bool):
        raise _wrong(name, "true or false", value)
    return bool(value)


def _request_id(value: Any) -> str:
    if value is None or value == "":
        return uuid7()
    if not isinstance(value, str) or len(value) > LONGEST_ID or not value.isascii() or not value.isprintable():
        raise _wrong("request id", f"at most {LONGEST_ID} printable ASCII characters", type(value).__name__)
    return value


def _wrong(param: str, rule: str, got: Any) -> RefusedError:
    """400. The message has only the type of the value, which may be a prompt."""
    kind = "nothing" if got is None else type(got).__name__
    return RefusedError(400, f"{param} must be {rule}, got {kind}", code="invalid_value", param=param)
