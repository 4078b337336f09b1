"""The provider's rate limits, from the headers of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shadow.runtime.frozen import quickly_made
from shadow.state.delays import seconds_until

MARK: Final = "ratelimit"
"""Part of the name of every header that is read."""
FORMS: Final = (
    # OpenAI, Azure, Groq and most compatible servers
    ("requests", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("tokens", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    # Anthropic
    *(
        (kind, *(f"anthropic-ratelimit-{kind}-{part}" for part in ("limit", "remaining", "reset")))
        for kind in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
    # one limit without a kind: OpenRouter, Together; and the draft of the IETF
    ("requests", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    ("requests", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
)


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """One limit as the provider counts it.

    Attributes:
        kind: requests, tokens, input-tokens or output-tokens.
        limit: of the window; None = unknown.
        remaining: the rest of it.
        reset_s: seconds until its reset; None = unknown.
    """

    kind: str
    limit: int | None
    remaining: int
    reset_s: float | None

    @property
    def headroom(self) -> float | None:
        """Share that is left, in [0, 1]; None = unknown."""
        if self.remaining <= 0:
            return 0.0
        return min(1.0, self.remaining / self.limit) if self.limit else None


@quickly_made
@dataclass(frozen=True, slots=True)
class RateLimits:
    """All limits from the headers of one answer."""

    limits: tuple[RateLimit, ...] = ()


NO_LIMITS: Final = RateLimits()


def rate_limits_of(headers: Mapping[str, str], now_epoch_s: float) -> RateLimits:
    """Read the headers of an answer; unreadable ones are left out.

    Args:
        headers: by name, in any case.
        now_epoch_s: the time, epoch seconds.
    """
    told = {lower: value for name, value in headers.items() if MARK in (lower := name.lower())}
    if not told:
        return NO_LIMITS
    found = []
    for kind, limit_name, remaining_name, reset_name in FORMS:
        remaining = _count(told.get(remaining_name))
        if remaining is not None:
            found.append(
                RateLimit(
                    kind=kind,
                    limit=_count(told.get(limit_name)),
                    remaining=remaining,
                    reset_s=seconds_until(told.get(reset_name, ""), now_epoch_s),
                )
            )
    return RateLimits(tuple(found))


def _count(text: str | None) -> int | None:
    """The number in a header; None = not told, as a negative one means.

    `60, 60;w=60` of the IETF's draft begins with the valid one.
    """
    if text is None:
        return None
    try:
        number = float(text.partition(",")[0].partition(";")[0])
    except ValueError:
        return None
    return int(number) if 0 <= number < 1e15 else None
