"""Fixtures that every folder shares."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
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

# A busy machine is slow at times; what a property says does not depend on that.
settings.register_profile("shadowroute", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shadowroute")


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
