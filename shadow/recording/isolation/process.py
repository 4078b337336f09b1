"""Starts the process of one shadow policy, sends it requests, and ends it. Used like `worker.Worker`.

One thread talks to the process, so that its owner, who watches the time, never waits for a pipe. The next request is
sent while the policy works on the previous one. A process that overruns is killed; its owner starts another one.
"""

from __future__ import annotations

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
from shadow.runtime.lock_yielding import LockYielder
from shadow.runtime.pickling import pickled
from shadow.runtime.worker import Item, Task

START_PATIENCE_S: Final = 2.0
"""Seconds that shadow work waits for a new process, once per start; then rows have `starting`."""
START_TIMEOUT_S: Final = 30.0
"""Seconds after which a start has failed."""
END_S: Final = 5.0
"""Seconds between closing the pipe and killing the process."""

BOOT: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; del sys.argv[1:]; "
    "from shadow.recording.isolation.child import main; main()"
)
"""The other process has the same import path, and never runs the service's script.

Until its path is set it imports only what is built in: its first entry is the working directory.
"""


class ProcessWorker(Generic[Item]):
    """One process and the thread that talks to it.

    Args:
        name: of the thread.
        order: its first message.
        encode: an item as bytes, or its result if the policy must not be asked.
        decode: the result of an item from bytes.
        one_by_one: an item depends on the result of the previous one.
        failed: the result of an item that cannot be sent, or whose result cannot be read.
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
        """Whether items can be sent. Waits for a new process once, for at most `START_PATIENCE_S`."""
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
        """Kill the process now."""
        self._abandoned = True
        self._end_because("was ended")
        self._kill()
        self._inbox.put(None)

    def forget(self) -> None:
        """In a forked child: release the parent's process without ending it."""
        process = self._process
        if process is not None:
            process.returncode = 0  # no child of this process, so that `subprocess` must not wait for it or warn
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
        except Exception as error:  # noqa: BLE001 - the thread must give a reason for its end
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
        from multiprocessing.spawn import get_executable  # noqa: PLC0415 - embedding hosts set Python there

        process = subprocess.Popen(
            [get_executable(), "-c", BOOT, *(entry for entry in sys.path if isinstance(entry, str))],
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
        """Send one item ahead, if possible, so that the process need not wait for the next one."""
        yielder = LockYielder()
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
                yielder.pause()
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
        except Exception as error:  # noqa: BLE001 - the user's objects may not be picklable
            content = self._failed(error)
        if isinstance(content, PolicyResult):
            unsent[number] = content
        else:
            write_frame(down, content)

    def _receive(self, item: Item, up: BinaryIO) -> PolicyResult:
        content = read_frame(up, UPWARD_BYTES_AT_MOST)
        try:
            return self._decode(item, content)
        except Exception as error:  # noqa: BLE001 - the process may send anything
            return self._failed(error)

    def _end_because(self, reason: str) -> None:
        with self._lock:
            self._ended_because = self._ended_because or reason

    def _kill(self) -> None:
        process = self._process
        if process is not None:
            process.kill()

    def _exit(self) -> str:
        process = self._process
        if process is None:
            return ""
        try:
            code = process.wait(END_S)
        except subprocess.TimeoutExpired:
            return ""
        return f" by signal {-code}" if code < 0 else f" with exit code {code}"

    def _close(self, process: subprocess.Popen[bytes], down: BinaryIO, up: BinaryIO) -> None:
        """Close the pipes, which ends the process, and wait for its end, so that no zombie stays."""
        down.close()
        try:
            process.wait(0 if self._abandoned else END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        up.close()
