"""What every folder shares: fixtures, the order of tests, and what no test may leave behind."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from shadowroute.collector.store import Store

pytest_plugins = ["tests.support.folder_times"]

# One test process per core is all the parallelism there is: two of them with a thread pool each for matrix products are
# slower than without. Read when numpy is imported, which no plugin does.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A busy machine is slow at times; what a property says does not depend on that. Mutants are tried with fewer examples.
settings.register_profile(
    "shadowroute",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get("SHADOWROUTE_EXAMPLES", "100")),
)
settings.load_profile("shadowroute")

IN_OWN_PROCESS = "SHADOWROUTE_IN_OWN_PROCESS"
"""Set in the process that a test marked `own_process` has for itself."""

FAILED = pytest.StashKey[bool]()

THREADS_END_WITHIN_S = 90.0
"""A busy machine needs a while until a thread that was told to end has ended."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--shuffle SEED`."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run files, and the tests of each, in a random order")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle, if asked to. Tests of one file stay together: they share what is expensive to start."""
    seed = config.getoption("shuffle")
    if seed is None:
        return
    dice = random.Random(seed)
    place = {path: dice.random() for path in sorted({item.path for item in items})}
    dice.shuffle(items)
    items.sort(key=lambda item: place[item.path])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Run a test marked `own_process` in one: what earlier tests left in this process cannot disturb it."""
    if pyfuncitem.get_closest_marker("own_process") is None or os.environ.get(IN_OWN_PROCESS):
        return None
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", pyfuncitem.nodeid],
        cwd=pyfuncitem.config.rootpath,
        env=os.environ | {IN_OWN_PROCESS: "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell fixtures whether their test failed."""
    report = yield
    item.stash[FAILED] = report.failed
    return report


@pytest.fixture(autouse=True)
def _no_thread_of_ours_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test ends the threads that it began: they would go on in the time, the counts and the log of later tests.

    One that failed did not come to that; waiting for them would only delay the news.
    """
    before = set(threading.enumerate())
    yield
    if request.node.stash[FAILED]:
        return
    deadline = time.monotonic() + THREADS_END_WITHIN_S
    while left := [each for each in threading.enumerate() if each not in before and _is_ours(each)]:
        if time.monotonic() > deadline:
            names = ", ".join(sorted(each.name for each in left))
            pytest.fail(f"the test left threads running: {names}; close what started them", pytrace=False)
        left[0].join(0.05)


def _is_ours(thread: threading.Thread) -> bool:
    return thread.name.startswith("shadowroute-")


@pytest.fixture(scope="session", autouse=True)
def _an_overrun_may_end_a_thread_anywhere() -> Iterator[None]:
    """A worker that took too long is told to end wherever it is, and that may be in somebody's `__del__`."""
    from shadow.runtime.worker import OverrunError  # noqa: PLC0415  # collecting tests needs no SDK

    inner = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, OverrunError):
            inner(unraisable)

    sys.unraisablehook = hook
    yield
    sys.unraisablehook = inner


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The one engine folder of this test process; open until the session ends, so that stores are quick."""
    from shadowroute.collector.store import embedded  # noqa: PLC0415  # SDK tests must not pay for the engine

    folder = tmp_path_factory.mktemp("engine") / "store"
    embedded.acquire(folder)
    yield folder
    embedded.release()


@pytest.fixture
def store(engine_folder: Path) -> Iterator[Store]:
    """A migrated store in a fresh database."""
    from tests.support.stores import fresh_store  # noqa: PLC0415  # see engine_folder

    with fresh_store(engine_folder) as opened:
        yield opened
