"""Access to the gateway.

With named keys every client sends one of them, as its OpenAI API key. Without keys, which only a
loopback address allows, clients are local programs; web pages in a local browser are kept out by refusing every request
with an Origin or another Host (DNS rebinding).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import Final

from shadow.config.gateway_settings import GatewaySettings
from shadow.errors import ConfigError
from shadow.gateway.asgi import Scope, header_of
from shadow.gateway.refusals import RefusedError
from shadow.runtime.loopback import is_loopback, names_loopback

SHORTEST_KEY: Final = 16
"""Characters. `secrets.token_urlsafe()` makes 43."""


class Access:
    """Admits or refuses requests. Stores digests of the keys, never the keys.

    Args:
        settings: the named keys.
        host: address of the gateway.
        environment: variables with the keys; the process's own by default.

    Raises:
        ConfigError: no key for an address beyond loopback, or an invalid key.
    """

    def __init__(
        self, settings: GatewaySettings, *, host: str = "127.0.0.1", environment: Mapping[str, str] | None = None
    ) -> None:
        if not settings.keys and not is_loopback(host):
            raise ConfigError(
                f"gateway.keys must name a key to listen on {host}, got none, so that every client that reaches it "
                "could spend your money; add `gateway: {keys: {web-app: WEB_APP_KEY}}` and set WEB_APP_KEY, "
                "or listen on 127.0.0.1"
            )
        values = os.environ if environment is None else environment
        self._names: dict[bytes, str] = {}
        for name, variable in settings.keys.items():
            other = self._names.setdefault(_digest(_key(name, variable, values)), name)
            if other != name:
                raise ConfigError(
                    f"gateway.keys must have distinct values, got the same for {other} and {name}; change {variable}"
                )

    def client_of(self, scope: Scope) -> str:
        """The name of a request's key; empty if the gateway has no keys.

        Raises:
            RefusedError: 401 without a known key, 403 for a request from a web page or with another Host.
        """
        if not self._names:
            _check_local(scope)
            return ""
        scheme, _, given = header_of(scope, b"authorization").partition(" ")
        digest = _digest(given.strip())
        name = ""
        for known, known_name in self._names.items():  # all of them, for constant time
            if hmac.compare_digest(known, digest):
                name = known_name
        if not name or scheme.lower() != "bearer":
            raise RefusedError(
                401, "Authorization must be `Bearer KEY` with one of the gateway's keys", code="invalid_api_key"
            )
        return name


def _key(name: str, variable: str, environment: Mapping[str, str]) -> str:
    """The value of a key's variable, without the line end of a secret from a file."""
    key = environment.get(variable, "").strip()
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        got = "nothing" if not key else f"{len(key)} characters" if len(key) < SHORTEST_KEY else "other characters"
        raise ConfigError(
            f"gateway.keys.{name} must be at least {SHORTEST_KEY} printable ASCII characters in {variable}, got {got}; "
            'make one with: python -c "import secrets; print(secrets.token_urlsafe())"'
        )
    return key


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _check_local(scope: Scope) -> None:
    if header_of(scope, b"origin"):
        raise RefusedError(403, "a web page must not call a gateway that has no keys", code="origin_refused")
    host = header_of(scope, b"host")
    if not names_loopback(host):
        text = f"Host must be a loopback name where the gateway has no keys, got {host[:100]!r}"
        raise RefusedError(403, text, code="host_refused")
