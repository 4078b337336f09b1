"""How background threads share the interpreter with live requests."""

from __future__ import annotations

import threading

import pytest

from shadow.runtime import lock_yielding
from shadow.runtime.lock_yielding import REST_S, SLICE_S, LockYielder, stop_yielding


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of every rest; the clock moves a third of a slice with each look at it."""
    taken: list[float] = []
    now = iter(range(10_000))
    monkeypatch.setattr(lock_yielding, "_is_exiting", threading.Event())
    monkeypatch.setattr("shadow.runtime.lock_yielding.time.sleep", taken.append)
    monkeypatch.setattr("shadow.runtime.lock_yielding.time.perf_counter", lambda: next(now) * SLICE_S / 3)
    return taken


def test_a_thread_rests_after_a_slice_of_work(rests: list[float]) -> None:
    """Not after every item: a rest costs more than most items do."""
    own = LockYielder()
    for _ in range(30):
        own.pause()
    assert 5 <= len(rests) <= 10
    assert set(rests) == {REST_S}


def test_nobody_rests_when_the_process_ends(rests: list[float]) -> None:
    """What is queued must be sent in the seconds that are left."""
    stop_yielding()
    own = LockYielder()
    for _ in range(30):
        own.pause()
    assert rests == []
