"""Every command against a store that is reached by `clickhouse://`, here a stand-in that speaks the protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shadowroute.collector.serve import ingest, rollup_now
from shadowroute.collector.store import Store, open_store
from tests.e2e.test_up import send
from tests.support.cli import free_ports, running_up, shadowroute
from tests.support.clickhouse_server import PASSWORD, running_server
from tests.support.otlp import Sent, decision, post, traces

N = 200


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`default:PASSWORD@HOST:PORT` of a running server."""
    with running_server(tmp_path_factory.mktemp("server") / "data") as where:
        yield f"default:{quote(PASSWORD, safe='')}@{where}"


def command(store: str, *arguments: str, cwd: Path) -> dict[str, Any]:
    """Run a command with `--json` against a store; what it printed."""
    ended = shadowroute(*arguments, "--json", "--store", store, cwd=cwd)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert PASSWORD not in ended.stdout + ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def backtest_files(folder: Path) -> list[str]:
    """Recorded outcomes of a large and a small model; the shadow sends the easy half to the small one."""
    ids = [f"q{number}" for number in range(N)]
    easy = [number % 2 == 0 for number in range(N)]
    queries = {"query_id": ids, "prompt": ["Say yes."] * N, "task": ["easy" if each else "hard" for each in easy]}
    outcomes = {
        "query_id": ids * 2, "model": ["big"] * N + ["small"] * N, "input_tokens": [100] * N + [110] * N,
        "output_tokens": [10] * N + [20] * N, "score": [1.0] * N + [float(each) for each in easy],
    }  # fmt: skip
    pq.write_table(pa.table(queries), folder / "q.parquet")
    pq.write_table(pa.table(outcomes), folder / "o.parquet")
    (folder / "models.yaml").write_text(
        "models:\n"
        "  big: {provider: x, tier: large, price_usd_per_million: {input: 10, output: 20}}\n"
        "  small: {provider: x, tier: small, price_usd_per_million: {input: 1, output: 2}}\n"
    )
    (folder / "live.yaml").write_text("policy: big-always\nchoose: {use: big}\n")
    (folder / "half.yaml").write_text(
        "policy: half\nchoose: {rules: [{when: {task: easy}, use: small}, {otherwise: big}]}\n"
    )
    return [
        "backtest",
        "--queries",
        "q.parquet",
        "--outcomes",
        "o.parquet",
        "--live",
        "live.yaml",
        "--shadow",
        "half.yaml",
    ]


def test_an_import_names_the_server_without_its_password(address: str, tmp_path: Path) -> None:
    """What a job prints lies in its log for all to read."""
    (tmp_path / "calls.csv").write_text(
        "time,model,input_tokens,output_tokens,user\n2026-11-02T09:00:00Z,big,100,10,u1\n"
    )
    (tmp_path / "models.yaml").write_text("models: {big: {price_usd_per_million: {input: 10, output: 20}}}\n")
    (tmp_path / "always.yaml").write_text("policy: always\nchoose: {use: big}\n")
    options = ("--live", "router", "--shadow", "always.yaml", "--project", "imported")
    store = f"clickhouse://{address}/imported"
    ended = shadowroute("import", "csv", "calls.csv", *options, "--store", store, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert f"Stored in clickhouse://{address.rpartition('@')[2]}/imported" in ended.stdout
    for secret in (PASSWORD, quote(PASSWORD, safe="")):
        assert secret not in ended.stdout + ended.stderr


def test_the_commands_give_the_same_on_a_server(address: str, tmp_path: Path) -> None:
    """Migrate, backtest, rollup, report and doctor; figures equal those of an embedded store."""
    arguments = backtest_files(tmp_path)
    server, embedded = f"clickhouse://{address}/commands", "chdb://store"
    first, second = (command(server, "migrate", cwd=tmp_path) for _ in range(2))
    assert len(first["applied"]) == first["number"]
    assert second == first | {"applied": []}
    tested = {store: command(store, *arguments, cwd=tmp_path) for store in (server, embedded)}
    assert _figures(tested[server]) == _figures(tested[embedded])
    assert command(server, "rollup", cwd=tmp_path)["days"] == 1  # what arrived a moment ago is looked at again
    reports = {store: command(store, "report", cwd=tmp_path) for store in (server, embedded)}
    assert _figures(reports[server]) == _figures(reports[embedded])
    assert reports[server]["requests"] == N
    checks = command(server, "doctor", cwd=tmp_path)["checks"]
    assert {"level": "ok", "name": "store"}.items() <= next(c for c in checks if c["name"] == "store").items()


def test_spans_arrive_on_a_server(address: str) -> None:
    """A receiver for the length of a job writes to the server, and a repeated body adds nothing."""
    with open_store(f"clickhouse://{address}/spans") as store:
        body = traces(*(Sent(decision(f"r{number}"), span_id=number.to_bytes(8, "big")) for number in range(1, 51)))
        for _ in range(2):
            with ingest(store) as endpoint:
                assert post(f"{endpoint.url}/v1/traces", body).status == 200
        assert _count(store) == 50
        assert store.client().command("SELECT count() FROM otel_traces") == 50
        assert rollup_now(store).days == 1


def test_up_serves_a_server_store(address: str, tmp_path: Path) -> None:
    """`up` before a server: receiver and rollup work, and no ClickHouse port of its own is offered."""
    store = f"clickhouse://{address}/served"
    with running_up("--store", store, cwd=tmp_path, ports=free_ports(3)) as up:
        assert up.clickhouse_url == ""
        send(up)
        assert up.stop()[0] == 0
    command(store, "rollup", cwd=tmp_path)
    assert command(store, "report", cwd=tmp_path)["requests"] == 60


def test_a_mistyped_database_is_not_made(address: str, tmp_path: Path) -> None:
    """A command that only reads leaves a server as it found it."""
    ended = shadowroute("report", "--store", f"clickhouse://{address}/mistyped", cwd=tmp_path)
    assert ended.returncode == 69, ended.stderr
    assert "/mistyped; correct --store" in ended.stderr
    with open_store(f"clickhouse://{address}/spans") as store:
        assert not store.client().command("SELECT count() FROM system.databases WHERE name = 'mistyped'")


def _count(store: Store) -> int:
    return int(store.reader().query("SELECT count() FROM decisions FINAL").result_rows[0][0])


def _figures(document: dict[str, Any]) -> dict[str, Any]:
    """Without when it ran and where."""
    return {key: value for key, value in document.items() if key not in ("as_of", "store", "seconds", "timing", "run")}
