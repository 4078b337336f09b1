"""The address of a model and its key. Both come from configuration only, never from a request."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from shadow.errors import ProviderError
from shadow.prices.catalogue import Model

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_URL_VARIABLE = "OPENAI_BASE_URL"
OPENAI_KEY_VARIABLE = "OPENAI_API_KEY"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One OpenAI-compatible API. Has the name of the key's environment variable, never the key.

    Attributes:
        base_url: http or https, up to and without `/chat/completions`.
        api_key_env: the variable; empty = no key is needed.
    """

    base_url: str
    api_key_env: str = ""

    @property
    def url(self) -> str:
        """The address of chat completions."""
        return self.base_url.rstrip("/") + "/chat/completions"

    def key(self) -> str:
        """The current key of the environment; empty = none is needed.

        Raises:
            ProviderError: the variable is empty, or its value is not possible in an HTTP header.
        """
        if not self.api_key_env:
            return ""
        key = self._environment()
        # The HTTP library would refuse other characters with a message that quotes the key.
        if not key or not key.isascii() or not key.isprintable():
            got = "other characters" if key else "nothing"
            raise not_configured(
                f"the key for {self.base_url} must be printable ASCII text, got {got}; "
                f"set the environment variable {self.api_key_env}"
            )
        return key

    def redacted(self, content: bytes) -> bytes:
        """The content without the key, which some providers quote in their errors."""
        key = self._environment()
        return content.replace(key.encode(), b"***") if key else content

    def authorise(self, request: Any) -> Any:
        """Put the key on an outgoing request (a function for httpx's `auth`)."""
        request.headers["Authorization"] = f"Bearer {self.key()}"
        return request

    def _environment(self) -> str:
        """The variable's value, without the line end of a secret from a file."""
        return os.environ.get(self.api_key_env, "").strip() if self.api_key_env else ""


def endpoint_of(model: Model, default: Endpoint | None = None) -> Endpoint:
    """The endpoint of a model: its own `base_url`, else the default, else OpenAI's for `provider: openai`.

    A key is sent only to its configured address: OpenAI's key never to a `base_url` of models.yaml.

    Raises:
        ProviderError: the model has no address, or an invalid one.
    """
    if model.base_url:
        return checked(Endpoint(model.base_url, model.api_key_env))
    if default is not None:
        return default
    if model.provider == "openai":
        url = os.environ.get(OPENAI_URL_VARIABLE) or OPENAI_URL
        return checked(Endpoint(url, model.api_key_env or OPENAI_KEY_VARIABLE))
    raise not_configured(
        f"model {model.name} must have an address, got provider {model.provider!r} and no base_url; "
        f"add base_url (and api_key_env) under {model.name} in models.yaml"
    )


@lru_cache(maxsize=1024)
def checked(endpoint: Endpoint) -> Endpoint:
    """The endpoint, if its address is valid for sending a key.

    Raises:
        ProviderError: not http or https, no host, or credentials, a query or spaces in the address.
    """
    url = endpoint.base_url
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine or any(sign in url for sign in "@?#\\") or not url.isascii() or not url.isprintable() or " " in url:
        shown = "an address with credentials" if "@" in url else repr(url)
        raise not_configured(f"base_url must be http(s)://host[:port]/path, got {shown}; correct it where it is set")
    return endpoint


def not_configured(message: str) -> ProviderError:
    """The error for a model with a wrong configuration, which no other provider can repair."""
    return ProviderError(message, error_type="configuration")
