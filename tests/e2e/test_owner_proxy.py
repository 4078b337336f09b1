"""Commands reach the process that owns the store, and no proxy that the environment names sees a byte of it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from shadowroute.collector.store.owner import read_owner
from tests.e2e.test_up import STORE, send
from tests.support.cli import free_ports, running_up, shadowroute
from tests.support.groups import ROOT

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
EXAMPLE = ROOT / "examples" / "import"
PLAN = """\
plan: cheap-2026-11
policy: cheap
window: {starts: 2026-11-01}
confidence: 95%
must:
  cost: {saves_at_least: 10%}
  quality: {signal: resolved, loses_at_most_points: 1.0}
"""


@dataclass
class Recorded:
    """What came to the proxy: the first bytes of each connection."""

    url: str
    heads: list[bytes] = field(default_factory=list)


@contextmanager
def recording_proxy() -> Iterator[Recorded]:
    """A port that notes what is sent to it, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        recorded = Recorded(f"http://127.0.0.1:{listening.getsockname()[1]}")

        def note() -> None:
            with suppress(OSError):  # closed at the end
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.settimeout(5)
                        recorded.heads.append(connection.recv(200))

        threading.Thread(target=note, daemon=True).start()
        yield recorded
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """The proxy of every kind of address, for this process and those that it starts."""
    with recording_proxy() as recorded:
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in VARIABLES:
            monkeypatch.setenv(name, recorded.url)
            monkeypatch.setenv(name.lower(), recorded.url)
        yield recorded


def run(folder: Path, *arguments: str) -> str:
    """Standard output of a command that must find its way to the owner."""
    done = shadowroute(*arguments, cwd=folder)
    fine = (0, 1) if arguments[0] == "doctor" else (0,)  # a finding of doctor is no fault of the way to the owner
    assert done.returncode in fine, done.stderr
    return done.stdout


def test_no_byte_of_a_command_reaches_a_proxy(tmp_path: Path, proxy: Recorded) -> None:
    """Reads, writes, sent spans and the rollup; the token of the owner file goes with all of them."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    with running_up(cwd=tmp_path, ports=free_ports(3)) as up:
        send(up)
        owner = read_owner(tmp_path / STORE)
        assert owner is not None
        shadow = str(EXAMPLE / "cheap-first.yaml")
        run(
            tmp_path,
            "import",
            "otel",
            str(EXAMPLE / "traces.json"),
            "--live",
            "mine",
            "--shadow",
            shadow,
            "--absent",
            "task",
            "--project",
            "mine",
        )
        told = run(tmp_path, "doctor", "--project", "default")
        assert f"owner pid {owner.pid}" in told
        assert json.loads(run(tmp_path, "report", "--json", "--project", "default"))["requests"] == 60
        judged = shadowroute("gate", "--plan", "plan.yaml", "--project", "default", "--json", cwd=tmp_path)
        assert json.loads(judged.stdout)["plan"]["registered_at"] is not None, judged.stderr
        assert proxy.heads == []
        # The variables do name a proxy: a client that looks at them goes there.
        with pytest.raises(ClickHouseError):
            clickhouse_connect.get_client(
                host="127.0.0.1", port=int(owner.clickhouse_url.rpartition(":")[2]), password=owner.token
            )
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{owner.otlp_url}/-/status")
        assert len(proxy.heads) >= 2
        assert up.stop()[0] == 0
