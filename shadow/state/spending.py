"""The spending against each limit in its current window. Windows follow the calendar, in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from shadow.domain.request import LABEL, NOTHING, Request
from shadow.state.settings import Per, SpendingLimit

VALUES_AT_MOST: Final = 10_000
"""Counters of one limit with `each`. Further values share one counter, so that new values cannot avoid the limit."""
OTHERS: Final = "\0others"


class Spending:
    """All limits of a service. Reading takes no lock; writers hold their owner's."""

    __slots__ = ("_accounts",)

    def __init__(self, limits: Iterable[SpendingLimit]) -> None:
        self._accounts = tuple(Account(limit) for limit in limits)

    def __bool__(self) -> bool:
        return bool(self._accounts)

    def adopted(self, limits: Iterable[SpendingLimit]) -> Spending:
        """A copy with other limits. Spending is kept for limits whose window and requests stay the same."""
        earlier = {account.limit.name: account for account in self._accounts}
        adopted = Spending(limits)
        for account in adopted._accounts:
            if account.limit.name in earlier:
                account.continue_from(earlier[account.limit.name])
        return adopted

    def remaining(self, request: Request, now_epoch_s: float) -> Mapping[str, float]:
        """USD left of each limit that applies to a request, by its name; below 0 if it was overdrawn."""
        if not self._accounts:
            return NOTHING
        return {
            account.limit.name: account.remaining(request, now_epoch_s)
            for account in self._accounts
            if account.applies(request)
        }

    def spent(self, request: Request, now_epoch_s: float, usd: float) -> None:
        """Count the cost of a request."""
        for account in self._accounts:
            if account.applies(request):
                account.spent(request, now_epoch_s, usd)


class Account:
    """One limit with its spending in the current window."""

    __slots__ = ("_begins_s", "_ends_s", "_spent", "limit")

    def __init__(self, limit: SpendingLimit) -> None:
        self.limit = limit
        self._begins_s = self._ends_s = 0.0
        self._spent: dict[str, float] = {}

    def continue_from(self, earlier: Account) -> None:
        """Take the count of an earlier account, if it counted the same requests."""
        if replace(earlier.limit, usd=self.limit.usd) == self.limit:
            self._begins_s, self._ends_s, self._spent = earlier._begins_s, earlier._ends_s, earlier._spent

    def applies(self, request: Request) -> bool:
        """Whether the limit covers this request."""
        return all(value_of(request, key) in allowed for key, allowed in self.limit.only.items())

    def remaining(self, request: Request, now_epoch_s: float) -> float:
        """USD left for a request like this one."""
        if not self._begins_s <= now_epoch_s < self._ends_s:
            return self.limit.usd
        return self.limit.usd - self._spent.get(self._key(request), 0.0)

    def spent(self, request: Request, now_epoch_s: float, usd: float) -> None:
        """Count the cost of a request; the first one of a new window starts from zero."""
        if now_epoch_s >= self._ends_s:
            self._spent = {}
            self._begins_s, self._ends_s = window(self.limit.per, now_epoch_s)
        key = self._key(request)
        self._spent[key] = self._spent.get(key, 0.0) + usd

    def _key(self, request: Request) -> str:
        if not self.limit.each:
            return ""
        value = value_of(request, self.limit.each)
        return value if value in self._spent or len(self._spent) < VALUES_AT_MOST else OTHERS


def value_of(request: Request, key: str) -> str:
    """A request's value of `task`, `user_tier`, `user` or `label:NAME`; empty if it has none."""
    if key.startswith(LABEL):
        return request.labels.get(key.removeprefix(LABEL), "")
    return request.user_key if key == "user" else str(getattr(request, key))


def window(per: Per, now_epoch_s: float) -> tuple[float, float]:
    """Start and end of the hour, day or month of a time, epoch seconds."""
    if per != "month":
        length = 3_600.0 if per == "hour" else 86_400.0
        begins = now_epoch_s // length * length
        return begins, begins + length
    moment = datetime.fromtimestamp(now_epoch_s, UTC)
    first = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    after = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)
    return first.timestamp(), after.timestamp()
