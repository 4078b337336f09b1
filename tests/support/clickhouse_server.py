"""A stand-in for a ClickHouse server, in a process of its own: the protocol over the embedded engine, with DDL allowed.

It serves `shadowroute.collector.doors.clickhouse_http` without the statement check, so that a store reached by
`clickhouse://` meets the real protocol and the real engine. It is no server: one user, no cluster.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from shadowroute.collector.doors import clickhouse_http
from shadowroute.collector.doors.engine_session import EngineError, EngineSession
from shadowroute.collector.doors.ports import listen, url_of
from shadowroute.collector.doors.statements import Kind
from shadowroute.collector.store import embedded
from tests.support.groups import ROOT

PASSWORD = "s3cret/ü:@"
"""With every character that an address must escape."""


class _OpenSession(EngineSession):
    """Runs whatever the engine runs."""

    _changes = False

    def check(self, sql: str, params: Mapping[str, str]) -> Kind:
        """Only what it is, not whether it may run."""
        found = self._connection._conn.classify_query(sql, self._database)["query_class"].name
        if re.match(r"\s*INSERT\b", sql, re.IGNORECASE):
            return "insert"
        self._changes = found != "READ_ONLY"
        return "select" if re.match(r"\s*(SELECT|WITH)\b", sql, re.IGNORECASE) else "show"

    def read(self, sql: str, params: Mapping[str, str], default_format: str, *, stream: bool) -> bytes:
        """A change gives no rows, and may not run on a handle that was made read-only."""
        if not self._changes:
            return super().read(sql, params, default_format, stream=stream)
        try:
            self._connection.query(sql, default_format, params=dict(params))
        except RuntimeError as error:
            raise EngineError.of(error) from error
        return b""


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """The address `HOST:PORT` of a server whose data lie in the folder; its password is `PASSWORD`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.clickhouse_server", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _serve(folder: Path) -> None:
    embedded.acquire(folder)
    for name, opened in (
        ("EngineSession", _OpenSession),  # the one way in: the interface is always locked
        ("_DATABASE", re.compile(r"\w+")),  # a server's `default` holds no files
        ("_SETTING", re.compile(r"\w+")),  # a server's users may set anything
    ):
        setattr(clickhouse_http, name, opened)
    bound = listen("127.0.0.1", 0, "--port")
    print(json.dumps(url_of(bound).removeprefix("http://")), flush=True)
    app = Starlette(routes=clickhouse_http.routes(str(folder), "default", PASSWORD))
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[bound])
    embedded.release()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
