"""Collections of garbage are not a policy's time."""

from __future__ import annotations

import gc

import pytest

from shadow.runtime.gc_pauses import PAUSES, Pauses
from shadow.runtime.worker import Task, wait_for


def test_the_clock_stands_still_during_a_full_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a thread that runs before the one that collected has said that it is done."""
    now = 10.0
    monkeypatch.setattr("shadow.runtime.gc_pauses.time.perf_counter", lambda: now)
    pauses = Pauses()
    pauses._note("start", {"generation": 0})  # a small one takes microseconds
    now = 11.0
    assert pauses.now() == 11.0
    pauses._note("start", {"generation": 2})
    now = 14.0
    assert pauses.now() == 11.0
    pauses._note("stop", {"generation": 2})
    now = 15.0
    assert pauses.now() == 12.0


def test_a_collection_is_no_overrun(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service has loaded enough for a tenth of a second, in whichever thread makes the next object."""
    task: Task[str, str] = Task(["a"])
    now_s = PAUSES.now()
    task.current = (0, now_s - 9.0)
    monkeypatch.setattr(PAUSES, "_began_s", now_s + PAUSES.total_s - 8.99)
    monkeypatch.setattr(task.done, "wait", lambda timeout: True)
    assert wait_for(task, 0.05) is None


def test_it_watches_real_collections_once() -> None:
    """However often a worker is made."""
    pauses = Pauses()
    try:
        pauses.watch()
        pauses.watch()
        gc.collect()
        assert pauses.total_s > 0
        assert gc.callbacks.count(pauses._note) == 1
    finally:
        gc.callbacks.remove(pauses._note)
