"""A survey of the whole log before anything is sent: number of calls, newest call, quality of the session ids.

Some gateways generate a session id for every call without one. Such ids would look like sessions of one call each,
every request would count as independent, and the intervals would be too narrow. So ids that nearly all occur once are
not used, and the import reports it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shadowroute.collector.replay.record import Read, Skipped

SESSIONS_KEPT: Final = 50_000
"""Session ids that are counted at a time; beyond them every second one is dropped, again and again."""
SHARED_AT_LEAST: Final = 0.05
"""Share of calls in a session with another call, below which ids count as generated."""
FEWEST_CALLS: Final = 20
"""Smallest number of calls with an id for this check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Result of the survey.

    Attributes:
        records: calls and skipped records.
        calls: calls.
        newest_us: the latest call, epoch microseconds; None without one.
        shared_sessions: share of the calls with a session id whose session has another call; None without ids.
        made_up: the session ids count as generated.
        models: every model that the calls name, most called first.
        first_skipped: the first record that is skipped for each reason.
    """

    records: int
    calls: int
    newest_us: int | None
    shared_sessions: float | None
    made_up: bool
    models: tuple[str, ...]
    first_skipped: tuple[Skipped, ...] = ()


def survey(log: Iterable[Read]) -> Survey:
    """Result of one pass over a log."""
    records = calls = with_session = 0
    newest_us: int | None = None
    sessions = SessionSample()
    models: Counter[str] = Counter()
    skipped: dict[str, Skipped] = {}
    for read in log:
        records += 1
        if isinstance(read, Skipped):
            skipped.setdefault(read.reason, read)
            continue
        calls += 1
        newest_us = read.time_us if newest_us is None else max(newest_us, read.time_us)
        models[read.model] += 1
        if read.session:
            with_session += 1
            sessions.add(read.session)
    shared = sessions.shared
    return Survey(
        records=records,
        calls=calls,
        newest_us=newest_us,
        shared_sessions=shared,
        made_up=shared is not None and with_session >= FEWEST_CALLS and shared < SHARED_AT_LEAST,
        models=tuple(model for model, _ in models.most_common()),
        first_skipped=tuple(skipped.values()),
    )


class SessionSample:
    """Calls per session, of all sessions or of those whose hash falls into a share of all hashes.

    The share is halved whenever too many ids are held. A session that is held at the end was held from its first call
    on, so its count is whole, and which sessions are held does not depend on the order of the calls.
    """

    def __init__(self, kept: int = SESSIONS_KEPT) -> None:
        self._kept = kept
        self._mask = 0
        self._counts: Counter[int] = Counter()

    def add(self, session: str) -> None:
        """One call of the session."""
        digest = hashlib.blake2b(session.encode("utf-8", "replace"), digest_size=8).digest()
        place = int.from_bytes(digest, "big")
        if place & self._mask:
            return
        self._counts[place] += 1
        while len(self._counts) > self._kept:
            self._mask = self._mask << 1 | 1
            self._counts = Counter({key: n for key, n in self._counts.items() if not key & self._mask})

    @property
    def shared(self) -> float | None:
        """Share of the calls whose session has another call; None without calls."""
        calls = self._counts.total()
        return sum(n for n in self._counts.values() if n > 1) / calls if calls else None
