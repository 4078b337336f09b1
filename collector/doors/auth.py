"""Access control of the collector.

On loopback without a token, senders are local processes; a web page in a local browser is kept out: every
request with an Origin or another Host is refused (DNS rebinding). Anywhere else a bearer token is required.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shadow.errors import ConfigError
from shadow.runtime.loopback import is_loopback, names_loopback, same_secret
from shadowroute.collector.otlp.limits import RefusalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Admits or refuses a request.

    Attributes:
        host: address that the receiver is bound to.
        token: required of senders; empty = none, which only a loopback address allows.
        owner_token: token of the store's own commands; always accepted.
    """

    host: str
    token: str = field(default="", repr=False)
    owner_token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise ConfigError(
                f"a token must be given to listen on {self.host}: every host in that network could write; "
                "set --token or SHADOWROUTE_TOKEN, or listen on 127.0.0.1"
            )

    def check(self, headers: Mapping[str, str]) -> None:
        """Admit a sender.

        Raises:
            RefusalError: 401 without the token, 403 for a web page or another host name.
        """
        if self._shows(headers, self.token) or self._shows(headers, self.owner_token):
            return
        if self.token:
            raise RefusalError(
                401, "Authorization must be: Bearer TOKEN, with the receiver's token", kind="no valid token"
            )
        self._check_local(headers)

    def check_owner(self, headers: Mapping[str, str]) -> None:
        """Admit only the store's own commands.

        Raises:
            RefusalError: 401 without the owner's token.
        """
        if not self._shows(headers, self.owner_token):
            raise RefusalError(
                401, "Authorization must be: Bearer TOKEN of the store's owner file", kind="no owner token"
            )

    @staticmethod
    def _shows(headers: Mapping[str, str], secret: str) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and same_secret(given.strip(), secret)

    @staticmethod
    def _check_local(headers: Mapping[str, str]) -> None:
        if "origin" in headers:
            raise RefusalError(403, "a web page may not send here without a token", kind="Origin without a token")
        host = headers.get("host", "")
        if not names_loopback(host):
            raise RefusalError(
                403, f"Host must be a loopback name without a token, got {host[:100]!r}", kind="foreign Host"
            )
