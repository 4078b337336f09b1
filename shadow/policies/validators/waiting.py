"""Daemon threads for slow validators, with a limit of simultaneous runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from shadow.errors import UnjudgedError
from shadow.runtime.forks import on_fork_in_child

T = TypeVar("T")


class Places:
    """A limit of simultaneous runs in this process.

    Args:
        name: of the validator, for the error.
        at_once: the limit.
    """

    def __init__(self, name: str, at_once: int) -> None:
        self._name = name
        self._at_once = at_once
        self._free = threading.BoundedSemaphore(at_once)
        on_fork_in_child(self._after_fork)

    @contextmanager
    def taken(self, timeout_s: float) -> Iterator[None]:
        """Wait for a place and hold it.

        Raises:
            UnjudgedError: no place was free in time.
        """
        free = self._free
        if not free.acquire(timeout=max(0.0, timeout_s)):
            raise UnjudgedError(
                f"{self._name} runs {self._at_once} times already; no place was free in {timeout_s:g} s"
            )
        try:
            yield
        finally:
            free.release()

    def _after_fork(self) -> None:
        """Runs of the parent take no place here."""
        self._free = threading.BoundedSemaphore(self._at_once)


async def in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a daemon thread: an endless call must not keep the process alive.

    Raises:
        Exception: of `work`.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(settle: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            settle(value)

    def run() -> None:
        settle: Callable[[Any], None] = future.set_result
        value: Any
        try:
            value = work()
        except StopIteration as error:  # a future cannot carry it
            settle, value = future.set_exception, RuntimeError(repr(error))
        except BaseException as error:  # noqa: BLE001 - it is raised again for the waiting caller
            settle, value = future.set_exception, error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(deliver, settle, value)

    threading.Thread(target=run, name="shadowroute-validator", daemon=True).start()
    return await future
