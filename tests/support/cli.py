"""The command line as a user starts it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.groups import ROOT

SCRIPT = Path(sys.executable).with_name("shadowroute")


def shadowroute(*arguments: str, cwd: Path, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    command: list[str | Path] = [SCRIPT, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=_environment(), capture_output=True, text=True, timeout=timeout_s, check=False
    )


@dataclass(frozen=True, slots=True)
class Up:
    """A running `shadowroute up` and what it printed where it listens; a server's store has no ClickHouse port here."""

    process: subprocess.Popen[str]
    ui_url: str
    otlp_url: str
    clickhouse_url: str

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; the exit code and the rest of stderr."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=60)
        return self.process.returncode, rest


@contextmanager
def running_up(
    *arguments: str, cwd: Path, ports: Sequence[int], script: Path = SCRIPT, **environment: str
) -> Iterator[Up]:
    """`shadowroute up` on these three ports (pages, OTLP, ClickHouse); ended at the end if the test did not."""
    options = [f"--ui-port={ports[0]}", f"--otlp-port={ports[1]}", f"--clickhouse-port={ports[2]}"]
    command: list[str | Path] = [script, "up", *options, *arguments]
    process = subprocess.Popen(command, cwd=cwd, env=_environment() | environment, stderr=subprocess.PIPE, text=True)
    try:
        yield Up(process, *_addresses(process))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _addresses(process: subprocess.Popen[str]) -> tuple[str, str, str]:
    """The URLs of the announcement; it comes once all of them answer."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("Store"):
            found = re.findall(r"http://\S+", "".join(lines))
            return found[0], found[1], found[2] if len(found) > 2 else ""
    raise AssertionError(f"shadowroute up ended with {process.wait()}: {''.join(lines)}")


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on now; all are held until the last is found, so that none comes twice."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


def _environment() -> dict[str, str]:
    """No address or token of the machine, and this checkout first."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SHADOW")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
