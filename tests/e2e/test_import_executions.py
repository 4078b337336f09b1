"""Executed answers come in from another process: through the port of `up`, and into a server's store."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from shadowroute.analysis.queries import Queries
from shadowroute.analysis.results import Estimate
from shadowroute.analysis.selection import Window
from shadowroute.analysis.study import Study
from shadowroute.collector.store import open_store
from tests.e2e.test_up import STORE, send
from tests.support.cli import free_ports, running_up, shadowroute
from tests.support.clickhouse_server import PASSWORD, running_server

N = 60


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`default:PASSWORD@HOST:PORT` of a running server."""
    with running_server(tmp_path_factory.mktemp("server") / "data") as where:
        yield f"default:{quote(PASSWORD, safe='')}@{where}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a file that answers all 60 requests; every fifth answer is wrong, live's never are."""
    rows = [f"r{number},gpt-5-mini,{int(number % 5 > 0)},1,0.001" for number in range(N)]
    (tmp_path / "all.csv").write_text("\n".join(["request_id,model,score,live_score,cost_usd", *rows]) + "\n")
    return tmp_path


def imported(folder: Path, *more: str) -> dict[str, Any]:
    """What an import of the file printed."""
    options = ["--policy", "cheap", "--signal", "resolved", "--inclusion-probability", "100%", "--json"]
    ended = shadowroute("import", "executions", "all.csv", *options, *more, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def twice(folder: Path, *more: str) -> None:
    """The first import stores everything, the second nothing."""
    first, second = imported(folder, *more), imported(folder, *more)
    assert (first["new"], first["already_known"]) == (N, 0)
    assert (second["new"], second["replaced"], second["already_known"]) == (0, 0, N)
    assert second["spend_usd"] == pytest.approx(0.06)


def check_measure(dsn: str) -> None:
    """A reader of that address finds a fifth of the answers lost."""
    with open_store(dsn, create=False) as store:
        queries = Queries(store.reader(), "default")
        window = queries.window_available()
        assert isinstance(window, Window)
        (policy,) = [row.policy for row in queries.policies(window) if not row.is_live]
        found = Study(queries, window, scored_by="resolved").of(policy).executed
        assert (found.n, found.drawn, found.samples) == (N, N, ("all",))
        assert isinstance(found.quality_change, Estimate)
        assert found.quality_change.value == pytest.approx(-0.2)
        assert window.last <= dt.datetime.now(dt.UTC).date()


def test_through_the_port_of_up(folder: Path) -> None:
    """While `up` owns the store, the import writes through it, twice with one effect."""
    with running_up(cwd=folder, ports=free_ports(3)) as up:
        send(up)
        twice(folder)
        assert shadowroute("rollup", cwd=folder).returncode == 0
        check_measure(f"chdb://{folder / STORE}")
        assert up.stop()[0] == 0


def test_into_a_server(address: str, folder: Path) -> None:
    """The same file, the same figures, on a server."""
    store = f"clickhouse://{address}/executed"
    with running_up("--store", store, cwd=folder, ports=free_ports(3)) as up:
        send(up)
        assert up.stop()[0] == 0
    twice(folder, "--store", store)
    assert shadowroute("rollup", "--store", store, cwd=folder).returncode == 0
    check_measure(store)
