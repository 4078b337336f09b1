"""Starts the process of one shadow policy, hands it requests one by one, and ends it. Used like `worker.Worker`.

One thread talks to the process, so that whoever watches the time never waits for a pipe. The next request is on its way
while the policy works on the one before. A process that overruns is killed; its owner starts another one.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final, Generic

from shadow.policies.guarded import PolicyResult
from shadow.recording.isolation.child import FAILED, READY, Order
from shadow.recording.isolation.pipe import UPWARD_BYTES_AT_MOST, read_frame, write_frame
from shadow.runtime.containment import describe
from shadow.runtime.gc_pauses import PAUSES
from shadow.runtime.lock_courtesy import Courtesy
from shadow.runtime.pickling import pickled
from shadow.runtime.worker import Item, Task

START_PATIENCE_S: Final = 2.0
"""How long requests wait for a process that starts, once per start; then they go on without it."""
START_TIMEOUT_S: Final = 30.0
"""After so long a start has failed."""
END_S: Final = 5.0
"""How long a process may take to notice that its pipe is closed, before it is killed."""

BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from shadow.recording.isolation.child import main; main()"
)
"""The other process imports what this one can import, and never runs the script that this one was started with."""


class ProcessWorker(Generic[Item]):
    """One process and the thread that talks to it.

    Args:
        name: of the thread.
        order: what the process is for.
        encode: an item as bytes, or its result if the policy is not to be asked.
        decode: the answer to an item.
        one_by_one: what is sent with an item depends on the answer to the one before.
        failed: the result of an item that could not be sent, or whose answer could not be read.
    """

    def __init__(
        self,
        name: str,
        order: Order,
        *,
        encode: Callable[[Item], bytes | PolicyResult],
        decode: Callable[[Item, bytes], PolicyResult],
        failed: Callable[[Exception], PolicyResult],
        one_by_one: bool = False,
    ) -> None:
        self._order = order
        self._encode = encode
        self._ahead = 0 if one_by_one else 1
        self._decode = decode
        self._failed = failed
        self._inbox: queue.SimpleQueue[Task[Item, PolicyResult] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_settled = threading.Event()
        self._was_waited_for = False
        self._abandoned = False
        self._ended_because = ""
        self._started_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def is_ready(self) -> bool:
        """Whether items can be handed over. Waits for a process that starts, but only once and not for long."""
        if not self._was_waited_for:
            self._was_waited_for = True
            self._is_settled.wait(START_PATIENCE_S)
        if not self._is_settled.is_set() and time.monotonic() - self._started_at > START_TIMEOUT_S:
            self._end_because(f"did not start within {START_TIMEOUT_S:g} s")
            self._kill()
        return self._is_settled.is_set() or bool(self._ended_because)

    def is_alive(self) -> bool:
        """Whether its thread still runs, and with it perhaps the process."""
        return self._thread.is_alive()

    def start(self, items: Sequence[Item]) -> Task[Item, PolicyResult]:
        """Begin a batch; returns at once."""
        task: Task[Item, PolicyResult] = Task(items)
        with self._lock:
            if self._ended_because:
                task.give_up(self._ended_because)
            else:
                self._inbox.put(task)
        return task

    def stop(self) -> None:
        """End the process after its current batch."""
        self._inbox.put(None)

    def abandon(self) -> None:
        """End the process now, whatever it is doing."""
        self._abandoned = True
        self._end_because("was ended")
        self._kill()
        self._inbox.put(None)

    def forget(self) -> None:
        """In a forked child: let go of a process that is the parent's, without ending it."""
        process = self._process
        if process is not None:
            process.returncode = 0  # it is no child of this process: nobody here may wait for it or complain about it
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _run(self) -> None:
        try:
            process, down, up = self._spawn()
            try:
                self._begin(down, up)
                while (task := self._inbox.get()) is not None:
                    self._work_off(task, down, up)
                    task = None
            finally:
                self._close(process, down, up)
        except EOFError:
            self._end_because(f"its process ended{self._exit()}")
        except Exception as error:  # noqa: BLE001 - the thread must say why it ends, whatever it is
            self._end_because(str(error) or describe(error))
        finally:
            self._end_because("was stopped")
            self._is_settled.set()
            with self._lock:
                while not self._inbox.empty():
                    left = self._inbox.get()
                    if left is not None:
                        left.give_up(self._ended_because)

    def _spawn(self) -> tuple[subprocess.Popen[bytes], BinaryIO, BinaryIO]:
        from multiprocessing.spawn import get_executable  # noqa: PLC0415 - where an embedding host says which Python

        process = subprocess.Popen(
            [get_executable(), "-c", BOOT, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._process = process
        if self._abandoned:
            self._kill()
        assert process.stdin is not None  # noqa: S101 - it was asked for
        assert process.stdout is not None  # noqa: S101 - as above
        return process, process.stdin, process.stdout  # type: ignore[return-value]  # IO[bytes] of a raw pipe

    def _begin(self, down: BinaryIO, up: BinaryIO) -> None:
        write_frame(down, pickled(self._order))
        said = read_frame(up, UPWARD_BYTES_AT_MOST)
        if said != READY:
            raise ValueError(f"its process could not begin: {said.removeprefix(FAILED).decode('utf-8', 'replace')}")
        self._is_settled.set()

    def _work_off(self, task: Task[Item, PolicyResult], down: BinaryIO, up: BinaryIO) -> None:
        """Send one item ahead, where that is possible, so that the process need not wait for the next one."""
        courtesy = Courtesy()
        unsent: dict[int, PolicyResult] = {}
        last, sent = len(task.items) - 1, 0
        task.current = (0, PAUSES.now())
        try:
            for number in range(last + 1):
                while sent <= min(number + self._ahead, last):
                    self._send(task, sent, down, unsent)
                    sent += 1
                result = unsent.pop(number, None) or self._receive(task.items[number], up)
                if self._abandoned:
                    return
                task.results.append(result)
                task.current = (number + 1, PAUSES.now()) if number < last else None
                courtesy.pause()
        except (OSError, EOFError, ValueError) as error:
            reason = f"its process ended{self._exit()}" if isinstance(error, (OSError, EOFError)) else str(error)
            self._end_because(reason)
            task.give_up(reason)
            raise
        task.done.set()

    def _send(
        self, task: Task[Item, PolicyResult], number: int, down: BinaryIO, unsent: dict[int, PolicyResult]
    ) -> None:
        try:
            content = self._encode(task.items[number])
        except Exception as error:  # noqa: BLE001 - a stranger's object may refuse to be copied
            content = self._failed(error)
        if isinstance(content, PolicyResult):
            unsent[number] = content
        else:
            write_frame(down, content)

    def _receive(self, item: Item, up: BinaryIO) -> PolicyResult:
        content = read_frame(up, UPWARD_BYTES_AT_MOST)
        try:
            return self._decode(item, content)
        except Exception as error:  # noqa: BLE001 - whatever comes from there is a stranger's
            return self._failed(error)

    def _end_because(self, reason: str) -> None:
        with self._lock:
            self._ended_because = self._ended_because or reason

    def _kill(self) -> None:
        process = self._process
        if process is not None:
            process.kill()

    def _exit(self) -> str:
        """How it ended, as far as that is known by now."""
        process = self._process
        if process is None:
            return ""
        try:
            code = process.wait(END_S)
        except subprocess.TimeoutExpired:
            return ""
        return f" by signal {-code}" if code < 0 else f" with exit code {code}"

    def _close(self, process: subprocess.Popen[bytes], down: BinaryIO, up: BinaryIO) -> None:
        """Close the pipes, which ends it, and wait until it is gone: nothing is left of it."""
        down.close()
        try:
            process.wait(0 if self._abandoned else END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        up.close()
