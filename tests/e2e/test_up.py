"""`shadowroute up` as a process: three ports, a second terminal beside it, and an end that loses nothing."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx
import pytest

from shadowroute.collector.store.owner import owner_file, read_owner
from tests.support.cli import Up, free_ports, running_up, shadowroute
from tests.support.otlp import Sent, Value, decision, post, traces

STORE = ".shadowroute/store"


def send(up: Up, requests: int = 60) -> None:
    """Live and shadow decisions of some requests of as many users, with tokens; 200 says that they are stored."""
    usage: dict[str, Value] = {
        "llm_router.outcome.status": "complete", "gen_ai.response.model": "gpt-5", "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 200,
    }  # fmt: skip
    spans: list[Sent] = []
    for number in range(requests):
        user: dict[str, Value] = {"llm_router.user.key": f"{number:016x}", "llm_router.task": "chat", **usage}
        shadow = {"llm_router.decision.model": "gpt-5-mini", "llm_router.live.model": "gpt-5"}
        live = decision(f"r{number}") | user
        spans += [
            Sent(live, span_id=number.to_bytes(4, "big") + b"live"),
            Sent(
                decision(f"r{number}", "shadow", "cheap") | user | shadow, span_id=number.to_bytes(4, "big") + b"shad"
            ),
        ]
    assert post(f"{up.otlp_url}/v1/traces", traces(*spans)).status == 200


def figures(folder: Path, *more: str) -> dict[str, Any]:
    """The report of a second terminal, without the time it was made."""
    shown = shadowroute("report", "--json", *more, cwd=folder)
    assert shown.returncode == 0, shown.stderr
    return {key: value for key, value in json.loads(shown.stdout).items() if key != "as_of"}


def priced_figures(folder: Path, *more: str) -> dict[str, Any]:
    """The same once the traffic's models have prices: they get them a few seconds after they were seen."""
    until = time.monotonic() + 60
    while True:
        found = figures(folder, *more)
        unpriced = [policy["overall"]["cost"]["unpriced"] for policy in found["policies"]]
        if (found["book"] and not any(unpriced)) or time.monotonic() > until:
            return found
        time.sleep(1)


def test_a_second_terminal_sees_what_the_process_sees(tmp_path: Path) -> None:
    """Report and plain clickhouse-connect, over the ClickHouse port, equal what the store holds once it is closed."""
    with running_up(cwd=tmp_path, ports=free_ports(3)) as up:
        send(up)
        assert shadowroute("rollup", cwd=tmp_path).returncode == 0
        over_http = priced_figures(tmp_path)
        owner = read_owner(tmp_path / STORE)
        assert owner is not None
        port = int(up.clickhouse_url.rpartition(":")[2])
        with clickhouse_connect.get_client(host="127.0.0.1", port=port, password=owner.token) as client:
            counted = client.query("SELECT role, count() FROM decisions FINAL GROUP BY role ORDER BY role").result_rows
        assert counted == [("live", 60), ("shadow", 60)]
        doctor = shadowroute("doctor", cwd=tmp_path)
        assert up.stop() == (0, "Stopping: storing what was received ...\n")
    assert over_http["requests"] == 60
    assert over_http["policies"][0]["policy"]["name"] == "cheap"
    assert f"owner pid {owner.pid}" in doctor.stdout
    assert figures(tmp_path) == over_http


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_keeps_what_was_answered_for(tmp_path: Path, number: int) -> None:
    """Ctrl-C and a service manager's SIGTERM end alike: exit 0, no owner file, every row there."""
    with running_up(cwd=tmp_path, ports=free_ports(3)) as up:
        send(up)
        code, _ = up.stop(number)
    assert code == 0
    assert not owner_file(tmp_path / STORE).exists()
    with running_up(cwd=tmp_path, ports=free_ports(3)) as up:
        shadowroute("rollup", cwd=tmp_path)
        assert figures(tmp_path)["requests"] == 60


def test_the_three_ports_answer(tmp_path: Path) -> None:
    """Pages, receiver and ClickHouse interface come from one process; the pages' host asks nothing of the network."""
    with running_up(cwd=tmp_path, ports=free_ports(3)) as up:
        page = httpx.get(up.ui_url)
        assert page.status_code == 200
        assert "<title>Streamlit</title>" in page.text
        assert httpx.get(f"{up.otlp_url}/healthz").status_code == 200
        assert httpx.get(f"{up.clickhouse_url}/ping").text == "Ok.\n"


def test_prices_appear_for_models_that_the_registry_knows(tmp_path: Path) -> None:
    """Without a price file, models of the traffic are priced by the registry as they come; the book is named."""
    with running_up(cwd=tmp_path, ports=free_ports(3)) as up:
        send(up)
        shadowroute("rollup", cwd=tmp_path)
        found = priced_figures(tmp_path)
    assert found["book"].startswith("genai-prices")
    assert found["policies"][0]["overall"]["cost"]["unpriced"] == []


def test_doctor_waits_for_the_first_request(tmp_path: Path) -> None:
    """Nothing there: exit 1 and the likely reason. Something there: exit 0."""
    with running_up(cwd=tmp_path, ports=free_ports(3)) as up:
        before = shadowroute("doctor", cwd=tmp_path)
        assert before.returncode == 1
        assert "FAIL  0 requests in " in before.stdout
        httpx.post(f"{up.otlp_url}/v1/traces", content=b"x", headers={"content-type": "application/grpc"})
        assert "Last refused: 415 " in shadowroute("doctor", cwd=tmp_path).stdout
        send(up)
        after = shadowroute("doctor", "--wait", "30s", "--json", cwd=tmp_path)
        names = {check["name"]: check["level"] for check in json.loads(after.stdout)["checks"]}
        assert names["traffic"] == "ok"
