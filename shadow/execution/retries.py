"""Waits before retries, and the retry budget of each provider.

Retries help against single failures and make an outage worse. So each provider has a token bucket: every request
adds a fraction of a token, every retry takes a whole one.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Final

from shadow.execution.settings import RetrySettings
from shadow.prices.catalogue import Catalogue
from shadow.runtime.forks import on_fork_in_child

BURST: Final = 10.0
"""Tokens of a new bucket, and its maximum: the retries of a service with little traffic."""
LONGEST_BACKOFF_S: Final = 8.0
MOST_JITTER: Final = 0.1
"""Share of a provider's wait, added at random, so that callers do not return all at once."""

Jitter = Callable[[], float]
"""A random number in [0, 1)."""


class RetryBudgets:
    """One token bucket per provider, shared by all requests of a process."""

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}
        self._lock = threading.Lock()
        on_fork_in_child(self._after_fork)

    def request(self, provider: str, ratio: float) -> None:
        """Add a fraction of a token for a request to this provider. Not for retries."""
        with self._lock:
            self._tokens[provider] = min(BURST, self._tokens.get(provider, BURST) + ratio)

    def take(self, provider: str) -> bool:
        """Take the token of one retry, if there is one."""
        with self._lock:
            tokens = self._tokens.get(provider, BURST)
            if tokens < 1:
                return False
            self._tokens[provider] = tokens - 1
            return True

    def _after_fork(self) -> None:
        self._lock = threading.Lock()


def provider_of(catalogue: Catalogue, model: str) -> str:
    """The bucket of a model: its provider's, or its own if the catalogue names no provider."""
    known = catalogue.get(model)
    return model if known is None else known.provider or known.name


def wait_before_retry_s(settings: RetrySettings, retry: int, told_s: float | None, jitter: Jitter) -> float:
    """Seconds to wait before a retry.

    Args:
        settings: the first wait.
        retry: 0 for the first one.
        told_s: wait that the provider asks for; None or 0 = none.
        jitter: spreads the callers out.
    """
    if told_s:
        return told_s * (1 + MOST_JITTER * jitter())
    longest = min(LONGEST_BACKOFF_S, settings.backoff_s * 2.0**retry)
    return longest * (1 + jitter()) / 2


def system_jitter() -> float:
    """The standard generator: nothing here is a secret."""
    return random.random()  # noqa: S311
