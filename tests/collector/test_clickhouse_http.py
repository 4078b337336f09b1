"""The ClickHouse HTTP interface of an embedded store, used by plain clickhouse-connect and by raw requests."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
import pandas as pd
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, StreamFailureError

from shadowroute.collector.doors import clickhouse_http
from shadowroute.collector.serve import CollectorServer
from shadowroute.collector.store import Store
from tests.support.stores import fresh_store

COLUMNS = ["project", "target", "name", "source", "scorer", "ts", "value", "label", "explanation", "version"]
ROWS = 200_000


@pytest.fixture(scope="module")
def store(engine_folder: Path) -> Iterator[Store]:
    """One store for all tests here: starting a server takes longer than most of them."""
    with fresh_store(engine_folder) as opened:
        yield opened


@pytest.fixture(autouse=True)
def empty_tables(store: Store) -> None:
    for table in ("signals", "otel_traces"):
        store.client().command(f"TRUNCATE TABLE {table}")


@pytest.fixture(scope="module")
def server(store: Store) -> Iterator[CollectorServer]:
    with CollectorServer(store, otlp_port=0, clickhouse_port=0, rollup=False) as running:
        yield running


@pytest.fixture
def token(server: CollectorServer, store: Store) -> str:
    assert store.owner is not None
    return store.owner.token


@pytest.fixture
def client(server: CollectorServer, token: str) -> Iterator[Client]:
    """As the documentation says: host, port and token, nothing else."""
    port = urlsplit(server.clickhouse_url).port
    with clickhouse_connect.get_client(host="127.0.0.1", port=port, password=token) as plain:
        yield plain


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


def ask(
    server: CollectorServer, sql: str, *, method: str = "POST", headers: Mapping[str, str] | None = None, **params: str
) -> Answer:
    """A raw request; a header given as an empty string is left out."""
    port = urlsplit(server.clickhouse_url).port
    connection = http.client.HTTPConnection("127.0.0.1", port or 0, timeout=20)
    connection.request(
        method, f"/?{urlencode(params)}", body=sql.encode() if method == "POST" else None, headers=dict(headers or {})
    )
    reply = connection.getresponse()
    answer = Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode())
    connection.close()
    return answer


def signals(count: int) -> pd.DataFrame:
    """Rows with every kind of column: text, moments, floats with gaps, large integers."""
    index = pd.Series(range(count))
    return pd.DataFrame(
        {
            "project": "p",
            "target": "request-" + index.astype(str),
            "name": "thumbs",
            "source": "user",
            "scorer": "",
            "ts": pd.to_datetime(1_760_000_000_000_000 + index, unit="us", utc=True),
            "value": (index / count).where(index % 7 != 0),
            "label": (index % 3).map({0: "a", 1: "ü\t\n'", 2: ""}),
            "explanation": "",
            "version": (index + 2**60).astype("uint64"),
        }
    )


TOTALS = "SELECT count(), sum(value), countIf(value IS NULL), sum(cityHash64(target, ts, label, version)) FROM signals"


def test_a_data_frame_arrives_to_the_row(client: Client, store: Store) -> None:
    """200,000 rows inserted over HTTP are the rows that the process itself reads, and come back unchanged."""
    frame = signals(ROWS)
    summary = client.insert_df("signals", frame)
    assert summary.written_rows == ROWS
    inside = store.client().query(TOTALS).result_rows
    assert inside == client.query(TOTALS).result_rows
    assert inside[0][0] == ROWS
    back = client.query_df(f"SELECT {', '.join(COLUMNS)} FROM signals ORDER BY version")
    here = store.client().query_df(f"SELECT {', '.join(COLUMNS)} FROM signals ORDER BY version")
    pd.testing.assert_frame_equal(back, here)
    assert (back["target"] == frame["target"]).all()


def test_rows_and_arrow_tables_arrive(client: Client, store: Store) -> None:
    """`insert` and `insert_arrow` store what they are given."""
    frame = signals(5_000)
    client.insert(
        "signals", frame.head(1_000).astype(object).where(frame.notna(), None).values.tolist(), column_names=COLUMNS
    )
    client.insert_arrow("signals", pa.Table.from_pandas(frame.tail(4_000), preserve_index=False))
    assert client.query(TOTALS).result_rows == store.client().query(TOTALS).result_rows
    assert store.client().command("SELECT count() FROM signals") == 5_000
    assert client.query_arrow("SELECT target FROM signals").num_rows == 5_000


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_every_compression_arrives(server: CollectorServer, token: str, store: Store, compress: str | bool) -> None:
    """Whatever a client compresses with, every row is there."""
    port = urlsplit(server.clickhouse_url).port
    with clickhouse_connect.get_client(host="localhost", port=port, password=token, compress=compress) as packed:
        packed.insert_df("signals", signals(20_000))
        assert packed.command("SELECT count() FROM signals") == 20_000


def test_results_equal_those_inside(client: Client, store: Store) -> None:
    """Types, nulls, parameters and settings read the same from outside and inside."""
    sql = """SELECT toDateTime64('2026-11-16 10:11:12.123456', 6, 'UTC') AS t, CAST(NULL, 'Nullable(Float64)') AS n,
        [1, 2] AS a, map('k', 'v') AS m, {text:String} AS s, {list:Array(String)} AS l, 0.1 + 0.2 AS f,
        toUInt64(18446744073709551615) AS u"""
    bound = {"text": "it's \\ a\ttab\nü", "list": ["x'y", ""]}
    outside = client.query(sql, parameters=bound)
    inside = store.client().query(sql, parameters=bound)
    assert (outside.column_names, outside.result_rows) == (inside.column_names, inside.result_rows)
    assert client.query("SELECT getSetting('max_threads')", settings={"max_threads": 1}).result_rows == [(1,)]
    assert client.query("SELECT target FROM signals LIMIT 0").column_names == ("target",)


def test_long_parameters_travel_in_a_form(client: Client) -> None:
    """What is too long for an address is sent as a form, and read from it."""
    assert client.query("SELECT length({text:String})", parameters={"text": "x" * 200_000}).result_rows == [(200_000,)]


def test_large_results_are_streamed(client: Client) -> None:
    """Blocks of a result arrive one by one and complete."""
    with client.query_row_block_stream("SELECT number FROM numbers(1000000)") as blocks:
        sizes = [len(block) for block in blocks]
    assert sum(sizes) == 1_000_000
    assert len(sizes) > 1


def test_a_failure_half_way_is_an_error(client: Client) -> None:
    """An error after the first rows reaches the client as one, with its code; the next query works."""
    result = client.query("SELECT throwIf(number = 900000) FROM numbers(1000000)", settings={"max_block_size": 1000})
    with pytest.raises(StreamFailureError) as caught:
        _ = result.result_rows
    assert caught.value.code == 395
    assert client.command("SELECT 1") == 1


def test_a_stream_that_is_left_gives_its_handle_back(client: Client, server: CollectorServer) -> None:
    """A reader that stops half way leaves nothing running."""
    for _ in range(12):
        with client.query_row_block_stream("SELECT number, sleepEachRow(0) FROM numbers(3000000)") as blocks:
            next(iter(blocks))
    assert client.command("SELECT 1") == 1


def test_statements_of_every_form_work(client: Client, store: Store) -> None:
    """VALUES, SELECT and text formats insert as well."""
    client.command("INSERT INTO signals (project, target) VALUES ('v', 'a FORMAT b\n')")
    client.command("INSERT INTO signals (project, target) SELECT 'v', 'c'")
    client.raw_insert("signals", ["project", "target"], '{"project":"v","target":"d"}\n', fmt="JSONEachRow")
    rows = store.client().query("SELECT target FROM signals WHERE project = 'v' ORDER BY target").result_rows
    assert rows == [("a FORMAT b\n",), ("c",), ("d",)]


HIDDEN = "'p', substring(file('/etc/passwd'), 1, 9)"


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        (f"INSERT INTO signals (project, target) VALUES ({HIDDEN})", {}),
        (f"INSERT INTO signals (project, target) FORMAT Values ({HIDDEN})", {}),
        (f"INSERT INTO signals (project, target) FORMAT Values\n({HIDDEN})", {}),
        (f"({HIDDEN})", {"query": "INSERT INTO signals (project, target) VALUES ('a', 'b'),"}),
        (
            f"INSERT INTO signals (project, target) VALUES ({HIDDEN})",
            {"input_format_values_interpret_expressions": "1"},
        ),
        (f"INSERT INTO signals SETTINGS input_format_values_interpret_expressions = 1 VALUES ({HIDDEN})", {}),
        ("SELECT * FROM format(Values, 'a String', $$(file('/etc/passwd'))$$)", {}),
        ("SELECT '(1)' IN format(Values, '(file(1))')", {"enable_analyzer": "0"}),
    ],
)
def test_values_are_data(server: CollectorServer, token: str, store: Store, sql: str, params: dict[str, str]) -> None:
    """An expression among inserted values is an error: no syntax tree shows it, and it could read files."""
    answer = ask(server, sql, headers={"X-ClickHouse-Key": token}, **params)
    assert answer.status != 200
    assert "root:" not in answer.text
    assert store.client().command("SELECT count() FROM signals") == 0


def test_a_repeated_block_is_stored_once(client: Client) -> None:
    """The deduplication token of an insert reaches the engine."""
    for _ in range(2):
        client.insert_df(
            "otel_traces", pd.DataFrame({"SpanId": ["a"]}), settings={"insert_deduplication_token": "once"}
        )
    assert client.command("SELECT count() FROM otel_traces") == 1


def test_long_statements_are_taken(client: Client, store: Store) -> None:
    """VALUES of many rows pass the check as short ones do."""
    values = ", ".join(f"('p', 'request-{number}')" for number in range(60_000))
    client.command(f"INSERT INTO signals (project, target) VALUES {values}")
    assert store.client().command("SELECT count() FROM signals") == 60_000


def test_broken_data_store_nothing(client: Client, store: Store) -> None:
    """A row that does not fit fails the insert, and none of its rows stays."""
    with pytest.raises(DatabaseError, match="Cannot parse"):
        client.raw_insert("signals", ["project", "version"], "ok\t1\nbad\tx\n", fmt="TabSeparated")
    assert store.client().command("SELECT count() FROM signals") == 0


@pytest.mark.parametrize(
    ("sql", "answered", "text"),
    [
        ("SELECT * FROM file('/etc/passwd')", (403, "497"), "it reads from file(...)"),
        ("SELECT * FROM default.`/etc/passwd`", (403, "497"), "would read files"),
        ("DROP TABLE signals", (403, "497"), "got 'DROP'"),
        ("SELECT * FROM nothing", (404, "60"), "nothing"),
        ("SELEC 1", (400, "62"), "must be valid SQL"),
        ("SELECT 1; SELECT 2", (403, "497"), "one statement, got 2"),
        ("SELECT 1 SETTINGS max_threads = 1", (403, "497"), "send settings beside the statement"),
    ],
)
def test_refusals_have_a_code_and_a_reason(
    server: CollectorServer, token: str, sql: str, answered: tuple[int, str], text: str
) -> None:
    """Every refusal carries ClickHouse's error code and says what is wrong."""
    answer = ask(server, sql, password=token)
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == answered
    assert text in answer.text


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"database": "default"}, 81, "database must be one of this store, got 'default'"),
        ({"database": "DEFAULT"}, 81, "database must be"),
        ({"database": "elsewhere"}, 81, "elsewhere"),
        ({"output_format_schema": "/x"}, 164, "setting 'output_format_schema' must not be set"),
        ({"format_schema": "/etc/passwd:M"}, 164, "must not be set"),
        ({"input_format_record_errors_file_path": "/x"}, 164, "must not be set"),
        ({"additional_result_filter": "file('/etc/passwd') = ''"}, 164, "must not be set"),
        ({"max_threads": "1' , readonly = '0"}, 27, "readonly"),
    ],
)
def test_addresses_cannot_widen_the_lock(
    server: CollectorServer, token: str, params: dict[str, Any], code: int, text: str
) -> None:
    """Databases and settings in the address are checked like the statement."""
    answer = ask(server, "SELECT 1", password=token, **params)
    assert answer.headers["x-clickhouse-exception-code"] == str(code)
    assert text in answer.text


def test_a_get_only_reads(server: CollectorServer, token: str, store: Store) -> None:
    """A link cannot insert."""
    sql = "INSERT INTO signals (project) VALUES ('x')"
    answer = ask(server, "", method="GET", query=sql, password=token)
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (403, "164")
    assert ask(server, "", method="GET", query="SELECT 40 + 2", password=token).text == "42\n"
    assert store.client().command("SELECT count() FROM signals") == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-ClickHouse-Key": "wrong"},
        {"Authorization": "Basic " + base64.b64encode(b"default:wrong").decode()},
        {"Authorization": "Basic not base64"},
        {"Authorization": "Digest x"},
        {"X-ClickHouse-Key": "\xe4"},
    ],
)
def test_without_the_token_nothing_runs(server: CollectorServer, headers: dict[str, str]) -> None:
    """No password, a wrong one and a malformed one are refused alike, with ClickHouse's code."""
    answer = ask(server, "SELECT 1", headers=headers)
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (403, "516")
    assert "AUTHENTICATION_FAILED" in answer.text


def test_the_token_is_taken_wherever_the_protocol_has_it(server: CollectorServer, token: str) -> None:
    """Header, basic and bearer authentication work; the user name does not matter."""
    basic = base64.b64encode(f"anyone:{token}".encode()).decode()
    for headers in (
        {"X-ClickHouse-Key": token},
        {"Authorization": f"Basic {basic}"},
        {"Authorization": f"Bearer {token}"},
    ):
        assert ask(server, "SELECT 1", headers=headers).text == "1\n"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8123", "127.0.0.1", "127.1.2.3:80", "[::1]:8123"])
def test_names_of_loopback_are_accepted(server: CollectorServer, token: str, host: str) -> None:
    """However this machine is called by itself, the store answers."""
    assert ask(server, "SELECT 1", headers={"Host": host, "X-ClickHouse-Key": token}).text == "1\n"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost:1:2", "0.0.0.0", "[::2]"])
def test_other_names_of_this_machine_are_refused(server: CollectorServer, token: str, host: str) -> None:
    """A name that a web site points at this machine does not reach the store, not even its ping."""
    answer = ask(server, "SELECT 1", headers={"Host": host, "X-ClickHouse-Key": token})
    assert answer.status == 403
    assert "Host must be 127.0.0.1 or localhost" in answer.text


def test_pages_of_a_browser_are_refused(server: CollectorServer, token: str) -> None:
    """A request with an Origin comes from a page; no page talks to this port."""
    answer = ask(server, "SELECT 1", headers={"Origin": "http://localhost:8501", "X-ClickHouse-Key": token})
    assert answer.status == 403
    assert "web pages" in answer.text


def test_ping_answers_without_a_password(server: CollectorServer) -> None:
    """Clients ping before they speak."""
    port = urlsplit(server.clickhouse_url).port or 0
    connection = http.client.HTTPConnection("localhost", port, timeout=10)
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b"Ok.\n"
    connection.request("GET", "/ping", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 403
    connection.close()


def test_oversized_bodies_are_refused(server: CollectorServer, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for declared, sent and inflated bytes."""
    monkeypatch.setattr(clickhouse_http, "MAX_BODY", 1_000)
    monkeypatch.setattr(clickhouse_http, "MAX_INFLATED", 1_000)
    answer = ask(server, "SELECT 1 -- " + "x" * 2_000, password=token)
    assert answer.status == 413
    assert "send the rows in several inserts" in answer.text


def test_queries_have_limits(server: CollectorServer, token: str) -> None:
    """A query that runs too long ends with ClickHouse's own code."""
    answer = ask(server, "SELECT count() FROM numbers(1e15)", password=token, max_execution_time="0.2")
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (408, "159")


def test_many_clients_at_once(server: CollectorServer, token: str) -> None:
    """Readers and writers on their own connections do not mix."""
    port = urlsplit(server.clickhouse_url).port
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            with clickhouse_connect.get_client(host="127.0.0.1", port=port, password=token) as own:
                for turn in range(5):
                    own.insert_df("signals", signals(500).assign(project=f"p{number}", scorer=str(turn)))
                    seen = own.query(
                        "SELECT count(), {n:UInt32} FROM signals WHERE project = {p:String}",
                        parameters={"n": number, "p": f"p{number}"},
                    )
                    assert seen.result_rows == [((turn + 1) * 500, number)]
        except (ClickHouseError, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


SECOND_PROCESS = """
import json, sys
from shadowroute.collector.store import open_store
with open_store(sys.argv[1]) as store:
    client = store.client()
    client.insert("signals", [["p", "from outside"]], column_names=["project", "target"])
    frame = client.query_df("SELECT target, value FROM signals ORDER BY target")
    print(json.dumps([store.kind, client.query(sys.argv[2]).result_rows, len(frame)]))
"""


def test_a_second_process_uses_the_store(server: CollectorServer, store: Store) -> None:
    """Another process given the same address finds the owner, reads and inserts; figures agree to the row."""
    store.client().insert_df("signals", signals(3_000))
    done = subprocess.run(
        [sys.executable, "-c", SECOND_PROCESS, str(store.dsn), TOTALS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kind, totals, length = json.loads(done.stdout)
    assert kind == "owner"
    assert [tuple(row) for row in totals] == store.client().query(TOTALS).result_rows
    assert length == totals[0][0] == 3_001
    rows = store.client().query("SELECT count() FROM signals WHERE target = 'from outside'").result_rows
    assert rows == [(1,)]
