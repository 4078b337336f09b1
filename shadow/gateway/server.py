"""Runs the gateway: one process, one event loop, and an end without lost records."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final

import uvicorn

from shadow.config import Routing
from shadow.errors import ConfigError, ShadowError
from shadow.gateway.access import Access
from shadow.gateway.app import Gateway
from shadow.gateway.protocol import protocol_with
from shadow.router import ShadowRouter

DRAIN_S: Final = 6
"""Seconds for requests in progress after the stop; then they are cut."""

CUT_S: Final = 0.5
"""Seconds for a cut request to close its record."""

FLUSH_S: Final = 3.0
"""Seconds for the records to reach the collector. All three together are below 10."""

CONNECTIONS_PER_REQUEST: Final = 4
"""More than 1, because idle connections of clients' pools count, too."""

BACKLOG: Final = 2048


class PortTakenError(ShadowError):
    """Another process listens on the gateway's port."""


class GatewayServer(uvicorn.Server):
    """uvicorn that sets the gateway's `is_draining`, and ends with exit code 0 after a signal.

    Args:
        gateway: the application.
        routing: with the limits of the server.
        on_started: called once, when the port answers.
    """

    def __init__(self, gateway: Gateway, routing: Routing, on_started: Callable[[], None] = lambda: None) -> None:
        limits = routing.gateway
        super().__init__(
            uvicorn.Config(
                gateway,
                http=protocol_with(limits.read_timeout_s),
                interface="asgi3",
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS_PER_REQUEST * limits.max_requests,
                timeout_graceful_shutdown=DRAIN_S,
                backlog=BACKLOG,
            )
        )
        self._gateway = gateway
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the port."""
        await super().startup(sockets)
        self._on_started()

    def stop(self) -> None:
        """Accept no more requests, finish those in progress, and end; a second call does not wait for them."""
        self.force_exit = self.should_exit
        self.should_exit = self._gateway.is_draining = True

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """End after SIGTERM and SIGINT. uvicorn's own handlers would raise them again after a clean end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one.

    Raises:
        PortTakenError: another socket listens there.
        ConfigError: this process may not listen on the address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(f"port {port} of {host} is in use; choose another --port") from error
        raise ConfigError(
            f"--host and --port must be an address this process may listen on, got {host}:{port} ({error.strerror}); "
            "use 127.0.0.1 and a port above 1023"
        ) from error


async def serve(server: GatewayServer, router: ShadowRouter, listening: socket.socket) -> None:
    """Serve until the server stops; then finish requests in progress and send all records."""
    gc.collect()
    gc.freeze()  # loaded modules stay: later collections skip them
    try:
        await server.serve(sockets=[listening])
        if server.server_state.tasks:
            await asyncio.wait(server.server_state.tasks, timeout=CUT_S)
    finally:
        await router.aclose(FLUSH_S)


def run(routing: Routing, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Run the gateway in this process until a signal stops it.

    Args:
        routing: settings of a router with a live policy.
        host: address to listen on; beyond loopback the routing must name keys.
        port: TCP port; 0 takes a free one.
        announce: gets the base URL once the port answers.

    Raises:
        ConfigError: the routing has no keys for this address, or no live policy.
        PortTakenError: another process listens there.
    """
    access = Access(routing.gateway, host=host)
    listening = listen(host, port)
    with listening:
        router = ShadowRouter(routing)
        gateway = Gateway(router, access)
        shown, bound = listening.getsockname()[:2]
        url = f"http://[{shown}]:{bound}/v1" if ":" in shown else f"http://{shown}:{bound}/v1"
        server = GatewayServer(gateway, routing, lambda: announce(url))
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            runner.run(serve(server, router, listening))


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):  # not available for Windows
        import uvloop  # noqa: PLC0415 - as above

        return uvloop.new_event_loop
    return None
