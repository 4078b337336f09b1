"""What the gateway accepts, and from whom: the section `gateway` of the routing file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from shadow.domain.request import nothing
from shadow.errors import ConfigError

OtherModels = Literal["refuse", "route", "pin"]

API_KEY_LABEL: Final = "api_key"
"""Label that says which of the named keys a request came with: its name, never its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Who may call the gateway, and how much of it.

    Attributes:
        keys: name of a client to the environment variable that holds its bearer token; empty = nobody shows a token,
            which only a loopback address allows.
        other_models: what happens to a request that names a model instead of the policy: refused, routed
            anyway, or (a model of the catalogue) asked as it is and recorded as pinned.
        max_body_bytes: largest body of a request.
        read_timeout_s: seconds that a client may take to send the head of a request, and again for its body.
        max_requests: requests in progress; one more is told to come back later.
    """

    keys: Mapping[str, str] = field(default_factory=nothing)
    other_models: OtherModels = "refuse"
    max_body_bytes: int = 10_485_760
    read_timeout_s: float = 20.0
    max_requests: int = 1000

    @property
    def labels(self) -> frozenset[str]:
        """Labels that requests through this gateway carry beside those of the client."""
        return frozenset({API_KEY_LABEL} if self.keys else ())

    def __post_init__(self) -> None:
        for name in ("max_body_bytes", "read_timeout_s", "max_requests"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ConfigError(f"gateway.{name} must be above 0 and finite, got {value!r}")
