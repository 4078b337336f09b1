"""The headroom of a model's rate limits: from the provider's headers and configured quotas, the tightest wins.

A reserve of each limit is kept free, so that the last requests before the limit are not refused; the rest beyond it is
the headroom. A header counts until its reset, or until the next header. A provider that answers 429 gets no request for
as long as it asks, at most a minute; without a time, for one second, twice as long with each further 429.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from shadow.state.rate_limits import RateLimits

WAIT_AT_MOST_S: Final = 60.0
FIRST_WAIT_S: Final = 1.0
RESET_UNTOLD_S: Final = 60.0
"""Validity of a header without a reset."""
MINUTE_S: Final = 60
PART_S: Final = 5
"""Granularity of the minute that configured quotas are counted over."""


class Quota:
    """The limits of one model; its owner holds a lock."""

    __slots__ = ("_refusals", "_reserve", "_told", "_wait_until", "_windows")

    def __init__(self) -> None:
        self._reserve = 0.0
        self._windows: dict[str, MinuteWindow] = {}
        self._told: dict[str, tuple[float, float]] = {}
        self._wait_until = float("-inf")
        self._refusals = 0

    def adopt(self, requests_per_minute: int | None, tokens_per_minute: int | None, *, reserve: float) -> None:
        """Use other quotas; their usage is kept.

        Args:
            requests_per_minute: configured quota; None = none.
            tokens_per_minute: configured quota; None = none.
            reserve: share of each limit that is kept free, in [0, 1).
        """
        self._reserve = reserve
        for kind, quota in (("requests", requests_per_minute), ("tokens", tokens_per_minute)):
            if quota is None:
                self._windows.pop(kind, None)
            elif kind in self._windows:
                self._windows[kind].quota = quota
            else:
                self._windows[kind] = MinuteWindow(quota)

    def headroom(self, now_s: float) -> float | None:
        """The rest of the tightest limit beyond the reserve, as a share; 0 = wait; None = no limit is known."""
        if now_s < self._wait_until:
            return 0.0
        tightest: float | None = None
        for share, until in self._told.values():
            left = share if now_s < until else 1.0
            tightest = left if tightest is None or left < tightest else tightest
        for window in self._windows.values():
            left = window.headroom(now_s)
            tightest = left if tightest is None or left < tightest else tightest
        if tightest is None or not self._reserve:
            return tightest
        return max(0.0, (tightest - self._reserve) / (1 - self._reserve))

    def changes_at_s(self, now_s: float) -> float:
        """When time alone changes the headroom."""
        soonest = self._wait_until if self._wait_until > now_s else float("inf")
        for _, until in self._told.values():
            if now_s < until < soonest:
                soonest = until
        for window in self._windows.values():
            soonest = min(soonest, window.changes_at_s(now_s))
        return soonest

    def told(self, now_s: float, limits: RateLimits) -> None:
        """Take the limits from the headers of an answer."""
        for limit in limits.limits:
            share = limit.headroom
            if share is not None:
                until = now_s + (RESET_UNTOLD_S if limit.reset_s is None else limit.reset_s)
                self._told[limit.kind] = (share, until)

    def dispatched(self, now_s: float) -> None:
        """Count one request."""
        if "requests" in self._windows:
            self._windows["requests"].add(now_s, 1)

    def used(self, now_s: float, tokens: int) -> None:
        """Count the tokens of an answer, prompt included."""
        if "tokens" in self._windows:
            self._windows["tokens"].add(now_s, tokens)

    def refused(self, now_s: float, retry_after_s: float | None) -> None:
        """Note that the provider asked to wait."""
        wait_s = FIRST_WAIT_S * 2.0 ** min(self._refusals, 10) if retry_after_s is None else max(0.0, retry_after_s)
        self._wait_until = max(self._wait_until, now_s + min(wait_s, WAIT_AT_MOST_S))
        self._refusals += 1

    def answered(self) -> None:
        """Note an answer of the provider: the next refusal is a first one."""
        self._refusals = 0


class MinuteWindow:
    """A quota per minute, counted over the last minute in parts of five seconds."""

    __slots__ = ("_parts", "_used", "quota")

    def __init__(self, quota: int) -> None:
        self.quota = quota
        self._parts: deque[list[int]] = deque()
        self._used = 0

    def add(self, now_s: float, amount: int) -> None:
        """Count an amount of usage."""
        number = int(now_s // PART_S)
        if not self._parts or self._parts[-1][0] < number:
            self._parts.append([number, 0])
        self._parts[-1][1] += amount
        self._used += amount

    def headroom(self, now_s: float) -> float:
        """Share of the quota that is left."""
        oldest = int(now_s // PART_S) - MINUTE_S // PART_S
        while self._parts and self._parts[0][0] < oldest:
            self._used -= self._parts.popleft()[1]
        return max(0.0, 1.0 - self._used / self.quota)

    def changes_at_s(self, now_s: float) -> float:
        """When a part may leave the window; infinity if it is empty."""
        return (now_s // PART_S + 1) * PART_S if self._parts else float("inf")
