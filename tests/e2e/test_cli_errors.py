"""The mistakes that people make: one clear message, the documented exit code, and nothing half-written."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.cli import free_ports, running_up, shadowroute


def test_a_busy_store_names_its_owner_and_the_way_in(tmp_path: Path) -> None:
    """A second `up` on the same store ends with 69 and says which process has it."""
    with running_up(cwd=tmp_path, ports=free_ports(3)) as up:
        pages, otlp, clickhouse = free_ports(3)
        second = shadowroute(
            "up", f"--ui-port={pages}", f"--otlp-port={otlp}", f"--clickhouse-port={clickhouse}", cwd=tmp_path
        )
        assert second.returncode == 69
        assert f"is open in pid {up.process.pid} (shadowroute up, since " in second.stderr
        assert "Traceback" not in second.stderr


@pytest.mark.parametrize("option", ["--ui-port", "--otlp-port", "--clickhouse-port"])
def test_a_taken_port_names_its_holder_and_another_port(tmp_path: Path, option: str) -> None:
    """69, who listens there, and the option to try; the store is left closed and unharmed."""
    ports = dict(zip(("--ui-port", "--otlp-port", "--clickhouse-port"), free_ports(3), strict=True))
    with socket.create_server(("127.0.0.1", ports[option])):
        ended = shadowroute("up", *(f"{name}={port}" for name, port in ports.items()), cwd=tmp_path)
    assert ended.returncode == 69
    assert f"127.0.0.1:{ports[option]} is in use (pid {os.getpid()}, " in ended.stderr
    assert f"shadowroute up {option} {ports[option] + 1}" in ended.stderr
    assert not (tmp_path / ".shadowroute/store.owner.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models:\n  a: {price_usd_per_million: {input: -1, output: 1}}\n", "prices.yaml:2: "),
        ("models:\n  a: {colour: red}\n", "prices.yaml:2: "),
        ("models: [\n", "prices.yaml:"),
    ],
)
def test_a_wrong_price_file_is_65_and_opens_nothing(tmp_path: Path, text: str, message: str) -> None:
    """File and line first; the store is not even created."""
    (tmp_path / "prices.yaml").write_text(text)
    ended = shadowroute("up", "--prices", "prices.yaml", f"--ui-port={free_ports(1)[0]}", cwd=tmp_path)
    assert ended.returncode == 65, ended.stderr
    assert ended.stderr.startswith(message)
    assert not (tmp_path / ".shadowroute").exists()


def test_a_policy_in_python_is_found_in_the_working_directory(tmp_path: Path) -> None:
    """The script backtests it, although a broken package `app` lies beside the module."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/__init__.py").write_text("raise RuntimeError\n")
    (tmp_path / "deciders.py").write_text("def decide(request):\n    return 'small'\n")
    (tmp_path / "live.yaml").write_text("policy: live\nchoose: {use: big}\n")
    (tmp_path / "own.yaml").write_text("policy: own\nchoose: {call: 'deciders:decide', version: '1'}\n")
    price = "price_usd_per_million: {input: 1, output: 1}"
    (tmp_path / "models.yaml").write_text(f"models:\n  big: {{{price}}}\n  small: {{{price}}}\n")
    pq.write_table(pa.table({"query_id": ["q1"], "prompt": ["Yes?"], "task": ["t"]}), tmp_path / "q.parquet")
    served = {"query_id": ["q1"] * 2, "model": ["big", "small"], "score": [1.0, 0.0]}
    tokens = {"input_tokens": [9, 9], "output_tokens": [1, 1]}
    pq.write_table(pa.table(served | tokens), tmp_path / "o.parquet")
    files = ("--queries=q.parquet", "--outcomes=o.parquet", "--live=live.yaml", "--shadow=own.yaml")
    ended = shadowroute("backtest", *files, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "own" in ended.stdout


def test_a_missing_price_file_is_65(tmp_path: Path) -> None:
    """The message names the file."""
    ended = shadowroute("up", "--prices", "none.yaml", f"--ui-port={free_ports(1)[0]}", cwd=tmp_path)
    assert ended.returncode == 65, ended.stderr
    assert "none.yaml" in ended.stderr


def test_a_store_that_does_not_answer_is_69(tmp_path: Path) -> None:
    """A server that is down: its address without the password, and no trace."""
    dsn = f"clickhouse://ada:secret@127.0.0.1:{free_ports(1)[0]}/shadowroute"
    ended = shadowroute("report", "--store", dsn, cwd=tmp_path)
    assert ended.returncode == 69, ended.stderr
    assert "does not answer" in ended.stderr
    assert "secret" not in ended.stderr


def test_an_address_that_is_none_is_65(tmp_path: Path) -> None:
    """The forms that exist are named."""
    ended = shadowroute("migrate", "--store", "mysql://x", cwd=tmp_path)
    assert ended.returncode == 65
    assert "chdb://FOLDER or clickhouse://HOST:8123/DATABASE" in ended.stderr


@pytest.mark.parametrize(
    "line",
    [
        ["report", "--frm", "2026-11-01"],
        ["report", "--from", "1 Nov"],
        ["report", "--json", "--csv"],
        ["up", "--segment", "team"],
        ["up", "--otlp-port", "0"],
        ["doctor", "--wait", "soon"],
        ["fly"],
    ],
)
def test_a_typo_is_64_and_opens_nothing(tmp_path: Path, line: list[str]) -> None:
    """A CI job must never read a typo as a verdict."""
    ended = shadowroute(*line, cwd=tmp_path)
    assert ended.returncode == 64, ended.stderr
    assert "--help" in ended.stderr
    assert not (tmp_path / ".shadowroute").exists()


@pytest.mark.parametrize("command", ["report", "doctor", "rollup"])
def test_a_mistyped_store_is_69_and_not_made(tmp_path: Path, command: str) -> None:
    """A command that only reads makes no store: the path is named, and where stores come from."""
    ended = shadowroute(command, "--store", "chdb://.shadowroot/store", cwd=tmp_path)
    assert ended.returncode == 69, ended.stderr
    assert f"none at chdb://{tmp_path}/.shadowroot/store; correct --store" in ended.stderr
    assert not any(tmp_path.iterdir())


def test_nothing_stored_is_69(tmp_path: Path) -> None:
    """An empty report would be read as zero."""
    assert shadowroute("migrate", cwd=tmp_path).returncode == 0
    ended = shadowroute("report", cwd=tmp_path)
    assert ended.returncode == 69
    assert "holds no decisions yet" in ended.stderr


def test_migrate_is_idempotent(tmp_path: Path) -> None:
    """The first run applies every migration, the second none."""
    first = json.loads(shadowroute("migrate", "--json", cwd=tmp_path).stdout)
    second = json.loads(shadowroute("migrate", "--json", cwd=tmp_path).stdout)
    assert len(first["applied"]) == first["number"]
    assert second == first | {"applied": []}


def test_beyond_loopback_a_token_is_needed(tmp_path: Path) -> None:
    """Binding to the network without a token is refused before anything listens."""
    ports = free_ports(3)
    ended = shadowroute(
        "up", "--host", "0.0.0.0", f"--ui-port={ports[0]}", f"--otlp-port={ports[1]}",
        f"--clickhouse-port={ports[2]}", cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 65, ended.stderr
    assert "token" in ended.stderr


def test_a_closed_pipe_is_no_crash() -> None:
    """`shadowroute --help | head -0` ends quietly, as any program that a closed pipe ends: nothing was answered."""
    script = Path(sys.executable).with_name("shadowroute")
    process = subprocess.Popen([script, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait() == 141
