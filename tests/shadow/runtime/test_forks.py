"""Hooks that run in a forked child."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shadow.observer import Observer
from shadow.runtime import forks
from shadow.runtime.forks import on_fork_in_child
from shadow.testing import MemorySink
from tests.support.groups import ROOT
from tests.support.routing_folder import write_folder

MANY = 1000
RELOADS = 30
"""Each takes some milliseconds: a hook that stays shows after the first."""
IN_HAND = 3
"""A thread that waits for the next batch may still hold the policies of its last one."""
PATIENCE_S = 30.0
SHADOW = (
    'live: {name: host, version: "1"}\nshadows: [policies/asks.yaml, policies/tries.yaml]\nreload: {watch: false}\n'
)
ASKS = 'policy: asks\nchoose: {http: {url: "http://127.0.0.1:9/", version: "1", among: [gpt-5]}}\n'
TRIES = "policy: tries\nchoose: {cascade: {try: gpt-5-mini, accept_if: [not_refusal], else: gpt-5}}\n"


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests left alive has no hooks here."""
    monkeypatch.setattr(forks, "_hooks", {})


class Noting:
    """Notes its name in a list when it is called."""

    def __init__(self, name: str, seen: list[str], *, error: BaseException | None = None) -> None:
        self._name = name
        self._seen = seen
        self._error = error
        on_fork_in_child(self.note)

    def note(self) -> None:
        self._seen.append(self._name)
        if self._error is not None:
            raise self._error


def living() -> int:
    """How many hooks there are."""
    gc.collect()
    return len(forks._hooks)


def seen_in_a_child(seen: list[str]) -> list[str]:
    """What the hooks noted in a child of this process, which ends at once."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, ",".join(seen).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as told:
        text = told.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return text.split(",") if text else []


def test_living_objects_are_called_in_the_order_of_their_creation() -> None:
    """What was made first is relied on by what came after it. The parent is not called."""
    seen: list[str] = []
    kept = [Noting(str(number), seen) for number in range(20)]
    assert seen_in_a_child(seen) == [str(number) for number in range(len(kept))]
    assert seen == []


def test_a_dead_object_is_not_called_and_leaves_nothing() -> None:
    """Also one that only the garbage collector frees."""
    seen: list[str] = []
    dead, in_a_circle, alive = (Noting(name, seen) for name in ("dead", "circle", "alive"))
    in_a_circle.itself = in_a_circle  # type: ignore[attr-defined]
    assert living() == 3
    del dead, in_a_circle
    assert living() == 1
    assert seen_in_a_child(seen) == ["alive"]
    del alive
    assert living() == 0


def test_a_thousand_objects_one_after_the_other_leave_nothing() -> None:
    """Nothing grows with how many there were."""
    for number in range(MANY):
        Noting(str(number), [])
    assert living() == 0


def test_a_method_that_is_added_again_is_called_once() -> None:
    """An object that lives as long as the process may say so at every reload."""
    seen: list[str] = []
    noting = Noting("once", seen)
    for _ in range(MANY):
        on_fork_in_child(noting.note)
    assert living() == 1
    assert seen_in_a_child(seen) == ["once"]


@pytest.mark.parametrize("error", [ValueError("a prompt"), SystemExit(3), KeyboardInterrupt()], ids=type)
def test_a_hook_that_raises_does_not_stop_the_others(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """Its failure is told, without its text, and the child goes on."""
    seen: list[str] = []
    kept = [Noting("first", seen), Noting("broken", seen, error=error), Noting("last", seen)]
    assert seen_in_a_child(seen) == ["first", "broken", "last"]
    with caplog.at_level(logging.ERROR, "shadowroute"):
        forks._call_in_child()
    assert seen == ["first", "broken", "last"]
    assert f"could not prepare Noting for this forked process ({type(error).__name__} raised at " in caplog.text
    assert "a prompt" not in caplog.text
    del kept


@pytest.mark.parametrize("serves", [True, False], ids=["with requests", "before the first request"])
def test_reloads_leave_no_hook_behind(tmp_path: Path, *, serves: bool) -> None:
    """Each builds policies and validators with hooks of their own, in place of those before."""
    folder = write_folder(tmp_path, shadow=SHADOW, asks=ASKS, tries=TRIES)
    with Observer(folder / "shadow.yaml", exporter=MemorySink()) as observer:
        assert observer.reload()
        running = living()
        assert running > 0
        for number in range(RELOADS):
            if serves and number % 5 == 0:
                with observer.request(messages=[{"role": "user", "content": "Hello"}]) as begun:
                    begun.chose("gpt-5")
            assert observer.reload()
        until = time.monotonic() + PATIENCE_S
        while living() > running + IN_HAND and time.monotonic() < until:
            time.sleep(0.1)  # the recorder's thread lets go of what no request needs about once a second
        assert living() <= running + IN_HAND


def test_observers_leave_no_hook_behind(tmp_path: Path) -> None:
    """A test suite or a notebook makes them by the dozen."""
    folder = write_folder(tmp_path, shadow=SHADOW, asks=ASKS, tries=TRIES)

    for _ in range(RELOADS):
        with Observer(folder / "shadow.yaml", exporter=MemorySink()) as observer:
            observer.reload()
    del observer
    assert living() == 0


PROGRAM = """
import os, sys
from pathlib import Path

given, register = [], os.register_at_fork
os.register_at_fork = lambda **hooks: (given.append(hooks.get("after_in_child")), register(**hooks))

from shadow import Observer
from shadow.testing import MemorySink

for _ in range(3):
    with Observer(Path(sys.argv[1]), exporter=MemorySink()) as observer:
        observer.reload()
modules = [getattr(hook, "__module__", None) or "" for hook in given]
print(*(name for name in modules if name.startswith("shadow")))
"""


def test_the_interpreter_gets_one_hook_and_nothing_is_said_at_the_exit(tmp_path: Path) -> None:
    """It keeps what it gets for ever, and takes objects apart in any order at its end."""
    file = write_folder(tmp_path, shadow=SHADOW, asks=ASKS, tries=TRIES) / "shadow.yaml"
    done = subprocess.run([sys.executable, "-c", PROGRAM, file], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "shadow.runtime.forks"
    assert done.stderr == ""
