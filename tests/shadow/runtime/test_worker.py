"""A thread that is left behind when it overruns."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from shadow.runtime import worker
from shadow.runtime.worker import Worker

PATIENCE_S = 30.0
SLOW = """
import time
begun = True
until = time.monotonic() + 0.5
while time.monotonic() < until:
    pass
ended = True
"""


def gone(made: Worker[str, None]) -> bool:
    """Whether its thread ends in time."""
    until = time.monotonic() + PATIENCE_S
    while made.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
    return not made.is_alive()


def import_and_loop(name: str) -> None:
    """What a policy might do whose first decision needs a module."""
    if name:
        import_module(name)
    while True:
        pass


def test_code_that_never_ends_is_ended() -> None:
    """A loop would take a share of every request's time."""
    made = Worker("test", import_and_loop)
    task = made.start([""])
    while task.current is None:
        time.sleep(0.001)
    made.abandon()
    assert gone(made)
    assert not task.done.is_set()


def test_an_import_is_not_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thrown into at the wrong place, it would leave the import lock locked for the host. What follows is ended."""
    (tmp_path / "slow_to_import.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(worker, "IMPORT_S", 0.01)
    made = Worker("test", import_and_loop)
    made.start(["slow_to_import"])
    while not hasattr(sys.modules.get("slow_to_import"), "begun"):
        time.sleep(0.001)
    made.abandon()
    assert gone(made)
    assert sys.modules["slow_to_import"].ended
    del sys.modules["slow_to_import"]
