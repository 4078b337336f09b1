"""The running collector: ports, the owner file, endpoints for jobs, and what survives a kill."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow.errors import ConfigError
from shadowroute.collector.doors.ports import listen, require_free_port, url_of
from shadowroute.collector.errors import PortInUseError
from shadowroute.collector.serve import CollectorServer, ingest, rollup_now
from shadowroute.collector.store import Store, open_store
from shadowroute.collector.store.owner import read_owner
from tests.support.groups import ROOT
from tests.support.otlp import Sent, decision, get, post, traces


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_taken_port_names_its_holder_and_the_next_one(taken: int) -> None:
    """Address, process, and the option to give instead."""
    with pytest.raises(PortInUseError) as caught:
        require_free_port("127.0.0.1", taken, "--otlp-port")
    text = str(caught.value)
    assert text.startswith(f"127.0.0.1:{taken} is in use (pid {os.getpid()}, ")
    assert f"shadowroute up --otlp-port {taken + 1}, and export.to: http://127.0.0.1:{taken + 1}" in text
    assert caught.value.port == taken


def test_a_collector_that_cannot_start_leaves_no_port_behind(store: Store, taken: int) -> None:
    """The second port is taken: the first one is given back."""
    free = listen("127.0.0.1", 0, "--otlp-port")
    port = free.getsockname()[1]
    free.close()
    with pytest.raises(PortInUseError):
        CollectorServer(store, otlp_port=port, clickhouse_port=taken)
    require_free_port("127.0.0.1", port, "--otlp-port")


def test_a_host_that_is_not_ours_is_a_configuration_error() -> None:
    """The address is named; 192.0.2.0/24 belongs to nobody."""
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 4318, "--otlp-port")


def test_beyond_loopback_a_token_is_needed(store: Store) -> None:
    """Refused at construction, before a port is open."""
    with pytest.raises(ConfigError, match="a token must be given"):
        CollectorServer(store, host="0.0.0.0", otlp_port=0)


def test_an_any_address_is_named_by_loopback() -> None:
    """A URL that can be used on this machine."""
    bound = listen("0.0.0.0", 0, "--otlp-port")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url_of(bound))
    bound.close()


def test_the_owner_file_lives_as_long_as_the_server(store: Store) -> None:
    """It has both addresses and the token of the ClickHouse interface."""
    path = store.dsn.path
    assert path is not None
    with CollectorServer(store, otlp_port=0, clickhouse_port=0, rollup=False) as server:
        owner = read_owner(path)
        assert owner is not None
        assert (owner.pid, owner.otlp_url, owner.clickhouse_url) == (
            os.getpid(),
            server.otlp_url,
            server.clickhouse_url,
        )
        assert len(owner.token) >= 32
        assert get(f"{owner.clickhouse_url}/ping").body == b"Ok.\n"
    assert read_owner(path) is None
    assert store.owner is None


def test_a_job_gets_an_endpoint_for_its_own_store(store: Store) -> None:
    """A free port for the length of the job; what was posted is in the store."""
    with ingest(store) as endpoint:
        assert post(f"{endpoint.url}/v1/traces", traces(Sent(decision("r1"))), headers=endpoint.headers).status == 200
    assert store.client().query("SELECT request_id FROM decisions").result_rows == [("r1",)]


def test_a_job_beside_up_uses_its_receiver(store: Store) -> None:
    """A store that is served already has an endpoint; no second one is started."""
    with (
        CollectorServer(store, otlp_port=0, clickhouse_port=0, rollup=False, token="t") as server,
        ingest(store) as endpoint,
    ):
        assert endpoint.url == server.otlp_url
        assert post(f"{endpoint.url}/v1/traces", traces(Sent(decision("r1"))), headers=endpoint.headers).status == 200


def test_rollups_are_brought_up_to_date_on_request(store: Store) -> None:
    """What is stored is summed: a live row and a shadow row make their pair."""
    with ingest(store) as endpoint:
        body = traces(Sent(decision("r1")), Sent(decision("r1", "shadow", "cheap"), span_id=b"\x03" * 8))
        post(f"{endpoint.url}/v1/traces", body)
    result = rollup_now(store)
    assert result.days == 1
    total = store.client().query(
        "SELECT role, sum(n) FROM pair_daily WHERE segment_key = 'all' GROUP BY role ORDER BY role"
    )
    assert total.result_rows == [("live", 1), ("shadow", 1)]


def test_rollups_of_a_served_store_are_made_by_its_owner(tmp_path: Path) -> None:
    """The request needs the owner's token; the answer is the same."""
    dsn = f"chdb://{tmp_path}/store"
    code = """
        import sys
        from shadowroute.collector.store import open_store
        from shadowroute.collector.serve import CollectorServer
        with open_store(sys.argv[1]) as store, CollectorServer(store, otlp_port=0, clickhouse_port=0, rollup=False):
            print("ready", flush=True)
            sys.stdin.readline()
    """
    program = [sys.executable, "-c", textwrap.dedent(code), dsn]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        with open_store(dsn) as opened, ingest(opened) as endpoint:
            assert (
                post(f"{endpoint.url}/v1/traces", traces(Sent(decision("r1"))), headers=endpoint.headers).status == 200
            )
            assert post(f"{endpoint.url}/-/rollup", b"").status == 401
            result = rollup_now(opened)
            assert (result.days, result.as_of.tzinfo is not None) == (1, True)
            assert opened.reader().query("SELECT sum(n) FROM pair_daily WHERE segment_key = 'all'").result_rows == [
                (1,)
            ]
        owner.communicate("stop\n", timeout=60)
    assert owner.returncode == 0


def test_what_was_answered_with_200_survives_a_kill(tmp_path: Path) -> None:
    """Kill the process right after an answer: the rows are there when the folder is opened again."""
    dsn = f"chdb://{tmp_path}/store"
    code = """
        import sys, time
        from shadowroute.collector.store import open_store
        from shadowroute.collector.serve import CollectorServer
        store = open_store(sys.argv[1])
        server = CollectorServer(store, otlp_port=0, clickhouse_port=None)
        server.start()
        print(server.otlp_url, flush=True)
        time.sleep(60)
    """
    program = [sys.executable, "-c", textwrap.dedent(code), dsn]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        answered = [post(f"{url}/v1/traces", traces(Sent(decision(f"r{number}")))).status for number in range(5)]
        server.send_signal(signal.SIGKILL)
    assert answered == [200] * 5
    count = """
        import sys
        from shadowroute.collector.store import open_store
        with open_store(sys.argv[1]) as store:
            print(store.client().command("SELECT count() FROM decisions"))
    """
    program = [sys.executable, "-c", textwrap.dedent(count), dsn]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "5"
