"""Settings of the state: `state:` and `spending:` of a shadow.yaml, as plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

from shadow.domain.request import nothing
from shadow.errors import ConfigError
from shadow.prices.catalogue import Catalogue

Per = Literal["hour", "day", "month"]
ALPHA: Final = (0.1, 0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """Settings of the state.

    Attributes:
        alpha: weight of the newest value in a moving average, in [0.1, 0.3].
        forget_s: seconds without an attempt after which a model counts as unobserved again.
        warm_ttl_s: seconds that a provider keeps a prompt in its cache after its last use.
        warm_sessions: sessions whose warm models are remembered.
        reserve: share of a rate limit that is kept free, for requests of other processes.
        quality_signal: name of the signal for the quality of answers; empty = only validators count.
        kill_file: names of killed models, providers and policies, one per line; read again when it changes.
    """

    alpha: float = 0.2
    forget_s: float = 300.0
    warm_ttl_s: float = 300.0
    warm_sessions: int = 10_000
    reserve: float = 0.02
    quality_signal: str = ""
    kill_file: Path | None = None

    def __post_init__(self) -> None:
        low, high = ALPHA
        if not low <= self.alpha <= high:
            raise ConfigError(f"state.alpha must be in [{low}, {high}], got {self.alpha!r}")
        for name in ("forget_s", "warm_ttl_s", "warm_sessions"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ConfigError(f"state.{name} must be above 0 and finite, got {value!r}")
        if not 0 <= self.reserve < 1:
            raise ConfigError(f"state.reserve must be in [0, 1), got {self.reserve!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingLimit:
    """A limit for the spending in a calendar window of UTC.

    Attributes:
        name: in policies, errors and logs.
        usd: per window.
        per: hour, day or month.
        only: requests that it covers: allowed values by `task`, `user_tier` or `label:NAME`; empty = all.
        each: `task`, `user_tier`, `user` or `label:NAME`: each value has the whole limit; empty = all together.
    """

    name: str
    usd: float
    per: Per
    only: Mapping[str, tuple[str, ...]] = field(default_factory=nothing)
    each: str = ""


class Described(Protocol):
    """The part of a routing that the state reads."""

    @property
    def catalogue(self) -> Catalogue:
        """The models whose state is kept."""

    @property
    def state(self) -> StateSettings:
        """Its settings."""

    @property
    def spending(self) -> tuple[SpendingLimit, ...]:
        """Spending limits."""

    @property
    def origin(self) -> str:
        """Kind of traffic."""
