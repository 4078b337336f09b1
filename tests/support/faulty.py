"""A router whose first model is broken in some way, and the four ways to call it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shadow.config import Routing
from shadow.execution import ExecutionSettings
from shadow.execution.reply import AsyncReplyStream, ReplyStream
from shadow.policies.call import Call
from shadow.prices.catalogue import Catalogue, Model
from shadow.providers.protocol import Provider
from shadow.router import ShadowRouter
from shadow.testing import MemorySink

FULL = os.environ.get("SHADOWROUTE_FAULTS") == "full"
"""`make faults` runs the long form; CI and `make test` the short one."""

MESSAGES = [{"role": "user", "content": "hi"}]
BROKEN, HEALTHY = "a", "b"


class Faulty:
    """One router and what it recorded.

    Attributes:
        router: asks `a`, and `b` where that fails.
        sink: its spans.
    """

    def __init__(self, router: ShadowRouter, sink: MemorySink) -> None:
        self.router = router
        self.sink = sink

    def row(self) -> dict[str, Any]:
        """The live row of the only request."""
        assert self.router.flush()
        (row,) = self.sink.rows("live")
        return row

    def attempts(self) -> list[tuple[str, str, str]]:
        """Kind, model and error type of each attempt, as the record has them."""
        row = self.row()
        if "llm_router.attempts" in row:
            attempts = json.loads(row["llm_router.attempts"])
            return [(each["kind"], each["model"], each["error_type"]) for each in attempts]
        return [("primary", row.get("gen_ai.response.model", BROKEN), row.get("error.type", ""))]


@contextmanager
def faulty(
    broken: str,
    healthy: str = "",
    *,
    providers: Mapping[str, Provider] | None = None,
    settings: ExecutionSettings | None = None,
    **arguments: Any,
) -> Iterator[Faulty]:
    """A router over these two addresses; without the second there is no fallback."""
    models = [Model(name=BROKEN, provider="broken", base_url=broken)]
    if healthy:
        models.append(Model(name=HEALTHY, provider="healthy", base_url=healthy))
    live = Call(lambda request: BROKEN, name="live", version="1", fallback=[HEALTHY] if healthy else [])
    routing = Routing.of(service="faults", live=live, catalogue=Catalogue(models), execution=settings)
    sink = MemorySink()
    with ShadowRouter(routing, providers=providers, exporter=sink, **arguments) as router:
        yield Faulty(router, sink)


def by_complete(router: ShadowRouter) -> str:
    return router.complete(messages=MESSAGES).text


def by_acomplete(router: ShadowRouter) -> str:
    async def run() -> str:
        try:
            return (await router.acomplete(messages=MESSAGES)).text
        finally:
            await router.aclose()

    return asyncio.run(run())


def by_stream(router: ShadowRouter) -> str:
    received: list[str] = []
    drain(router.stream(messages=MESSAGES), received)
    return "".join(received)


def by_astream(router: ShadowRouter) -> str:
    received: list[str] = []
    asyncio.run(adrain(router, received))
    return "".join(received)


def drain(stream: ReplyStream, received: list[str]) -> None:
    """Read a stream; `received` keeps what came before an error."""
    with stream:
        for chunk in stream:
            received.append(text_of(chunk))


async def adrain(router: ShadowRouter, received: list[str]) -> None:
    """As `drain`."""
    try:
        stream: AsyncReplyStream = router.astream(messages=MESSAGES)
        async with stream:
            async for chunk in stream:
                received.append(text_of(chunk))
    finally:
        await router.aclose()


def text_of(chunk: Any) -> str:
    """The text that a chunk adds."""
    return "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])


Way = Callable[[ShadowRouter], str]
WAYS: list[Way] = [by_complete, by_acomplete, by_stream, by_astream]
