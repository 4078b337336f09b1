"""The collector as one thread with its own event loop: OTLP port, ClickHouse port, rollup worker.

An embedded store has one owner, and the owner serves it: `up` until it is stopped, `ingest` for the length of a job.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shadow.runtime.loopback import is_loopback
from shadowroute.collector.doors import clickhouse_http
from shadowroute.collector.doors.auth import Gate
from shadowroute.collector.doors.http_server import Server, http_server
from shadowroute.collector.doors.metrics import Metrics
from shadowroute.collector.doors.ports import listen, require_free_port, url_of
from shadowroute.collector.doors.receiver import Receiver
from shadowroute.collector.doors.replies import refused
from shadowroute.collector.otlp.limits import Limits, RefusalError
from shadowroute.collector.rollup import Rollup, RollupResult
from shadowroute.collector.store import Store, owner_client
from shadowroute.collector.store.owner import Owner, remove_owner, write_owner
from shadowroute.collector.store.writer import Writer

__all__ = ["CollectorServer", "IngestEndpoint", "ingest", "require_free_port", "rollup_now"]

_JOIN_S: Final = 20.0


class CollectorServer:
    """Serves a store that this process has open.

    Args:
        store: embedded or a server's; its clients are made per thread.
        host: address of the OTLP port; beyond loopback a token is needed. The ClickHouse port never leaves loopback.
        otlp_port: 0 takes a free one.
        clickhouse_port: 0 takes a free one, None serves none. A server's store has an interface of its own.
        token: required of senders.
        rollup: run the rollup worker.
        labels: request labels that are segments.
        ui_url: of the review app, for the owner file.
        limits: of one request.

    Attributes:
        otlp_url: `http://127.0.0.1:4318`; known after construction, as the ports are taken then.
        clickhouse_url: empty if not served.

    Raises:
        PortInUseError: a port is taken.
        ConfigError: the host does not belong to this machine, or it is not loopback and there is no token.
    """

    def __init__(
        self,
        store: Store,
        *,
        host: str = "127.0.0.1",
        otlp_port: int = 4318,
        clickhouse_port: int | None = 8123,
        token: str | None = None,
        rollup: bool = True,
        labels: Sequence[str] = (),
        ui_url: str = "",
        limits: Limits | None = None,
    ) -> None:
        owner_token = secrets.token_urlsafe(32)
        gate = Gate(host=host, token=token or "", owner_token=owner_token)
        self._store = store
        self._gate = gate
        self._metrics = Metrics()
        self._rollup = Rollup(store, labels=labels)
        self._stop_rollup = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets = [listen(host, otlp_port, "--otlp-port")]
        serve_clickhouse = store.kind == "embedded" and clickhouse_port is not None
        if serve_clickhouse:
            self._sockets.append(self._listen_clickhouse(host, clickhouse_port or 0))
        self.otlp_url = url_of(self._sockets[0])
        self.clickhouse_url = url_of(self._sockets[1]) if serve_clickhouse else ""
        self._owner = Owner(
            pid=os.getpid(),
            since=f"{datetime.now().astimezone():%H:%M}",
            clickhouse_url=self.clickhouse_url,
            otlp_url=self.otlp_url,
            ui_url=ui_url,
            token=owner_token,
        )
        self._run_rollup = rollup
        self._limits = limits or Limits()
        self._servers: list[Server] = []

    def start(self) -> None:
        """Serve; returns once both ports answer. After a failure everything is stopped again."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self._writer = Writer(self._store)
        self._receiver = Receiver(self._store, self._writer, self._gate, self._metrics, self._limits)
        routes = [Route("/-/rollup", self._rollup_request, methods=["POST"]), *self._receiver.routes]
        self._servers = [http_server(routes, self._metrics)]
        if self.clickhouse_url:
            self._servers.append(http_server(self._clickhouse_routes(), self._metrics))
        self._start_thread("shadowroute-collector", self._serve)
        for server in self._servers:
            server.wait_until_started()
        if self._run_rollup:
            self._start_thread("shadowroute-rollup", lambda: self._rollup.run_forever(self._stop_rollup))
        if self._store.dsn.path is not None:
            write_owner(self._store.dsn.path, self._owner)
            self._store.owner = self._owner

    def stop(self) -> None:
        """Stop listening, finish requests in progress, store waiting rows, and remove the owner file."""
        if self._store.dsn.path is not None and self._store.owner is self._owner:
            remove_owner(self._store.dsn.path)
            self._store.owner = None
        self._stop_rollup.set()
        for server in self._servers:
            server.should_exit = True
        for thread in self._threads:
            thread.join(_JOIN_S)
        if self._servers:
            self._writer.close()
        for bound in self._sockets:
            bound.close()

    def status(self) -> dict[str, Any]:
        """Counts of stored and refused items since the start; also at `/-/status`."""
        return self._receiver.status()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def _listen_clickhouse(self, host: str, port: int) -> socket.socket:
        try:
            return listen(host if is_loopback(host) else "127.0.0.1", port, "--clickhouse-port")
        except BaseException:
            self._sockets[0].close()
            raise

    def _clickhouse_routes(self) -> list[Route]:
        path = self._store.dsn.path
        assert path is not None  # noqa: S101  # only an embedded store serves this interface
        return clickhouse_http.routes(str(path.resolve()), self._store.dsn.database, self._owner.token)

    def _start_thread(self, name: str, target: Any) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        async def serve_all() -> None:
            pairs = zip(self._servers, self._sockets, strict=True)
            await asyncio.gather(*(server.serve(sockets=[bound]) for server, bound in pairs))

        asyncio.run(serve_all())

    async def _rollup_request(self, request: Request) -> Response:
        try:
            self._gate.check_owner(request.headers)
        except RefusalError as refusal:
            return refused(refusal, "application/json")
        result = await run_in_threadpool(self._rollup.run_once)
        return JSONResponse(
            {"days": result.days, "rows": result.rows, "seconds": result.seconds, "as_of": result.as_of.isoformat()}
        )


@dataclass(frozen=True, slots=True)
class IngestEndpoint:
    """Destination of spans for this store: base URL and headers of an OTLP/HTTP exporter."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@contextmanager
def ingest(store: Store) -> Iterator[IngestEndpoint]:
    """An OTLP endpoint that writes into the store, for the length of a job.

    A store that another process serves has one already; for the others a receiver runs on a free loopback port.

    Raises:
        StoreUnreachableError: the owner of the store serves no receiver.
    """
    if store.owner is not None:
        yield IngestEndpoint(*owner_client.receiver(store.owner))
        return
    with CollectorServer(store, otlp_port=0, clickhouse_port=0, rollup=False) as server:
        yield IngestEndpoint(server.otlp_url)


def rollup_now(store: Store, *, labels: Sequence[str] = ()) -> RollupResult:
    """Bring the rollups of any store up to date.

    Args:
        store: any kind; a store that another process serves is asked to do it.
        labels: request labels that are segments; an owner uses its own.

    Raises:
        StoreUnreachableError: the owner does not answer.
    """
    if store.kind != "owner" or store.owner is None:
        return Rollup(store, labels=labels).run_once()
    reply = owner_client.rollup(store.owner)
    return RollupResult(
        days=reply["days"], rows=reply["rows"], seconds=reply["seconds"], as_of=datetime.fromisoformat(reply["as_of"])
    )
