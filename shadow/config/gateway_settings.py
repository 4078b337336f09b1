"""Settings of the gateway: `gateway:` of the routing file, as plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from shadow.domain.request import nothing
from shadow.errors import ConfigError

OtherModels = Literal["refuse", "route", "pin"]

API_KEY_LABEL: Final = "api_key"
"""Label with the name of a request's key, never its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Clients and limits of the gateway.

    Attributes:
        keys: name of a client to the environment variable with its bearer token; empty = no tokens,
            which only a loopback address allows.
        other_models: action for a request that names a model instead of the policy: refuse, route as usual, or pin
            (a model of the catalogue is asked and recorded as pinned).
        max_body_bytes: largest body of a request.
        read_timeout_s: seconds for the head of a request, and again for its body.
        max_requests: requests in progress; one more gets 503.
    """

    keys: Mapping[str, str] = field(default_factory=nothing)
    other_models: OtherModels = "refuse"
    max_body_bytes: int = 10_485_760
    read_timeout_s: float = 20.0
    max_requests: int = 1000

    @property
    def labels(self) -> frozenset[str]:
        """Labels of all requests through this gateway, besides those of the client."""
        return frozenset({API_KEY_LABEL} if self.keys else ())

    def __post_init__(self) -> None:
        for name in ("max_body_bytes", "read_timeout_s", "max_requests"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ConfigError(f"gateway.{name} must be above 0 and finite, got {value!r}")
