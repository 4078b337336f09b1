"""One process: the store, the collector, the rollup worker and the review app.

An embedded store has one owner, so everything that writes or reads it lives here. The collector has its own thread and
event loop; Streamlit takes the main thread, because it handles the signals. Stopping goes the other way round: no more
pages, then the receiver drains what it has answered for, then the store closes.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

from shadowroute.app import runtime
from shadowroute.app.prices import PriceKeeper
from shadowroute.app.theme import streamlit_config
from shadowroute.collector.serve import CollectorServer, require_free_port
from shadowroute.collector.store import Store, open_store

_UI_SCRIPT: Final = Path(__file__).with_name("ui.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """Options of `shadowroute up`.

    Attributes:
        store: DSN, `chdb://PATH` or `clickhouse://HOST:PORT/DATABASE`.
        host: address of the review app and of the receiver; the ClickHouse interface never leaves loopback.
        ui_port: of the review app.
        otlp_port: of the OTLP/HTTP receiver.
        clickhouse_port: of the ClickHouse HTTP interface.
        token: bearer token required by the receiver; needed as soon as `host` is not loopback.
        project: shown when the address of a page names none.
        prices: models.yaml whose prices are pinned for the project; None means the registry's.
        labels: names of request labels that become segments.
    """

    store: str
    host: str = "127.0.0.1"
    ui_port: int = 8501
    otlp_port: int = 4318
    clickhouse_port: int = 8123
    token: str | None = None
    project: str = ""
    prices: Path | None = None
    labels: tuple[str, ...] = ()


class Platform:
    """The running platform; a context manager that starts everything but the pages, and stops it in order.

    Attributes:
        store: open and owned.
        collector: receiver, ClickHouse interface and rollup worker.
    """

    store: Store
    collector: CollectorServer

    def __init__(self, options: UpOptions) -> None:
        self._options = options

    def addresses(self) -> str:
        """The addresses of the platform, for the terminal."""
        lines = [
            f"Review app   {self.ui_url}",
            f"OTLP/HTTP    {self.collector.otlp_url}   export.to in shadow.yaml",
        ]
        if self.collector.clickhouse_url:  # a server's store has an interface of its own
            lines.append(f"ClickHouse   {self.collector.clickhouse_url}   loopback only; commands find its password")
        lines.append(f"Prices       {self._options.prices or 'of the registry; --prices FILE names others'}")
        return "\n".join([*lines, f"Store        {self.store.dsn}   Ctrl-C stops"])

    @property
    def ui_url(self) -> str:
        """Address of the review app."""
        return f"http://{self._options.host}:{self._options.ui_port}"

    def __enter__(self) -> Self:
        """Open the store and start the collector.

        Raises:
            PortInUseError: one of the three ports has another listener.
            StoreBusyError: another process owns the store.
            StoreUnreachableError: the server of the DSN does not answer.
            ConfigError: the price file is wrong.
        """
        with ExitStack() as starting:
            # From here on a service manager's SIGTERM unwinds as Ctrl-C does; the default would just end the process.
            starting.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, _stop))
            self._start(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _start(self, stack: ExitStack) -> None:
        options = self._options
        # Port and price file come first, so that no store is opened and migrated after a typo.
        require_free_port(options.host, options.ui_port, "--ui-port")
        keeper = PriceKeeper(options.project, options.prices)
        self.store = stack.enter_context(open_store(options.store, own=True))
        keeper.start(self.store)
        stack.callback(keeper.stop)
        self.collector = CollectorServer(
            self.store,
            host=options.host,
            otlp_port=options.otlp_port,
            clickhouse_port=options.clickhouse_port,
            token=options.token,
            labels=options.labels,
            ui_url=self.ui_url,
        )
        stack.enter_context(self.collector)
        runtime.configure(
            runtime.Runtime(
                store=self.store,
                project=options.project,
                otlp_url=self.collector.otlp_url,
                ui_url=self.ui_url,
                refused=lambda: self.collector.status()["refused"],
            )
        )
        stack.callback(runtime.configure, None)

    def serve_pages(self, announce: Callable[[], None]) -> None:
        """Serve the review app until Ctrl-C or SIGTERM; returns then.

        Args:
            announce: called once the pages answer, so that no printed address is refused.

        Raises:
            PortInUseError: another process took the port since the check.
        """
        with suppress(KeyboardInterrupt):  # uvicorn closes its connections on the signal, and then raises it again
            # Streamlit takes a second to import; by then the receiver answers already.
            import streamlit  # noqa: PLC0415

            @asynccontextmanager
            async def announced(_: object) -> AsyncIterator[None]:
                announce()  # the port listens already: a page that is asked for now waits a moment
                yield

            app = streamlit.App(_UI_SCRIPT, lifespan=announced)
            try:
                app.run(config=streamlit_config(host=self._options.host, port=self._options.ui_port))
            except SystemExit as ended:  # Streamlit's report of a failure to listen
                require_free_port(self._options.host, self._options.ui_port, "--ui-port")
                raise RuntimeError(f"the review app did not start (Streamlit ended with {ended.code})") from ended


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
