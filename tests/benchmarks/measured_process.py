"""A program under load: started on cores of its own, with the CPU time and memory that it used."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class MeasuredProcess:
    """A running program."""

    pid: int
    command: str

    def cpu_s(self) -> float:
        """User and system time so far, seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_bytes(self) -> int:
        """Resident memory now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cores() -> list[int]:
    """Cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def program(
    command: Sequence[str | Path], *, port: int, core: int, log: Path, environment: Mapping[str, str] | None = None,
    patience_s: float = 180.0, cwd: Path | None = None,
) -> Iterator[MeasuredProcess]:  # fmt: skip
    """Run a server on one core, from the moment its port answers until the block ends."""
    pinned = [shutil.which("taskset") or "taskset", "-c", str(core), *map(str, command)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            pinned, stdout=output, stderr=output, env={**os.environ, **(environment or {})}, cwd=cwd
        )
    try:
        deadline = time.monotonic() + patience_s
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield MeasuredProcess(process.pid, " ".join(map(str, command)))
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
