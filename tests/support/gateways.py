"""The gateway on a real socket, with its event loop in a thread, in front of a fake provider."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import uvloop

from shadow.config import Export, Routing
from shadow.config.gateway_settings import GatewaySettings
from shadow.execution.settings import ExecutionSettings, RetrySettings
from shadow.gateway.access import Access
from shadow.gateway.app import Gateway
from shadow.gateway.server import GatewayServer, listen, serve
from shadow.prices.catalogue import Catalogue, Model
from shadow.router import ShadowRouter
from shadow.testing import MemorySink
from tests.support.fake_openai import FakeOpenAI
from tests.support.sdk import always, decision

PATIENCE_S = 120.0
"""Server, provider and client share two cores with everything else that runs."""

QUESTION: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "hi there"}]}


def catalogue(provider: FakeOpenAI) -> Catalogue:
    """`small` and `big`, both served by the fake provider."""
    models = [Model(name=name, provider="fake", base_url=provider.base_url, tier="small") for name in ("small", "big")]
    return Catalogue(models)


def gateway_routing(provider: FakeOpenAI, live: Any = None, **changes: Any) -> Routing:
    """A routing whose live policy takes `small` unless another one is given, with one shadow."""
    settings = changes.pop("gateway", GatewaySettings())
    made = Routing.of(
        live=live or always("small", "live-rules"),
        shadows=[always("big", "bold")],
        catalogue=catalogue(provider),
        service="gateway",
        gateway=settings,
        labels=changes.pop("labels", ()),
        from_request=changes.pop("from_request", None),
        execution=ExecutionSettings(retry=RetrySettings(times=0)),  # no test waits for a second try
    )
    return replace(made, export=Export(to="http://127.0.0.1:9"), **changes)


def with_fallback(request: Any) -> Any:
    """First `small`, then `big` if the provider fails."""
    made = decision("small", "live-rules")
    return replace(made, steps=(*made.steps, replace(made.steps[0], kind="fallback", model="big")))


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that answers, and what it recorded."""

    url: str
    sink: MemorySink
    server: GatewayServer
    router: ShadowRouter
    gateway: Gateway

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        """POST JSON, or bytes as they are."""
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return httpx.post(f"{self.url}{path}", timeout=PATIENCE_S, trust_env=False, **content, **options)

    def ask(self, sent_headers: Mapping[str, str] | None = None, **changes: Any) -> httpx.Response:
        """One chat completion; a change to None leaves the field out."""
        body = {key: value for key, value in (QUESTION | changes).items() if value is not None}
        return self.post("/v1/chat/completions", body, headers=dict(sent_headers or {}))

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return httpx.get(f"{self.url}{path}", timeout=PATIENCE_S, trust_env=False, **options)

    def spans(self, name: str) -> list[dict[str, Any]]:
        """Attributes of what was recorded under this span name, once everything is written down."""
        assert self.router.flush(PATIENCE_S)
        return [dict(span.attributes or {}) for span in self.sink.spans if span.name == name]

    def metrics(self) -> dict[str, float]:
        """The samples of `/metrics`."""
        lines = [line for line in self.get("/metrics").text.splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


@contextmanager
def running_gateway(
    routing: Routing, *, environment: Mapping[str, str] | None = None, **router: Any
) -> Iterator[RunningGateway]:
    """A gateway on a free loopback port, stopped at the end of the block."""
    sink = MemorySink()
    made = ShadowRouter(routing, exporter=sink, **router)
    gateway = Gateway(made, Access(routing.gateway, environment=environment))
    listening = listen("127.0.0.1", 0)
    started = threading.Event()
    server = GatewayServer(gateway, routing, started.set)

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(server, made, listening))

    thread = threading.Thread(target=run, name="gateway", daemon=True)
    thread.start()
    assert started.wait(PATIENCE_S)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield RunningGateway(url, sink, server, made, gateway)
    finally:
        server.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def wait_until(holds: Any, what: str) -> None:
    """Poll until a condition holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.005)
