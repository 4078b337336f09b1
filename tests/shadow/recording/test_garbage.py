"""What a request leaves behind: nothing of ours that only the garbage collector frees.

A collection stops every thread of the service, and until it comes the prompts stay in memory. Garbage is counted for
the whole process, so each test has one of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import openai
import pytest

from shadow.gateway.access import Access
from shadow.gateway.app import Gateway
from shadow.observer import Observer
from shadow.router import ShadowRouter
from shadow.testing import MemorySink
from tests.support.fake_openai import fake_openai
from tests.support.garbage import left_behind
from tests.support.gateways import QUESTION, gateway_routing
from tests.support.sdk import always, routing

MESSAGES = QUESTION["messages"]

pytestmark = pytest.mark.own_process


@pytest.fixture
def router() -> Iterator[ShadowRouter]:
    with fake_openai() as provider, ShadowRouter(gateway_routing(provider), exporter=MemorySink()) as made:
        yield made


def test_whole_answers_and_streams_leave_nothing(router: ShadowRouter) -> None:
    assert left_behind(lambda: router.complete(messages=MESSAGES)) == {}
    assert left_behind(lambda: list(router.stream(messages=MESSAGES))) == {}


def test_asynchronous_ones_leave_nothing(router: ShadowRouter) -> None:
    async def whole() -> None:
        await router.acomplete(messages=MESSAGES)

    async def streamed() -> None:
        async for _ in router.astream(messages=MESSAGES):
            pass

    async def left_early() -> None:
        stream = router.astream(messages=MESSAGES)
        await anext(stream)
        await stream.aclose()

    with asyncio.Runner() as runner:
        for way in (whole, streamed, left_early):
            assert left_behind(lambda way=way: runner.run(way())) == {}  # type: ignore[misc]
        runner.run(router.aclose())


def test_the_gateway_leaves_nothing(router: ShadowRouter) -> None:
    """Also not the task that watches for a client which leaves."""
    gateway = Gateway(router, Access(router.routing.gateway, host="127.0.0.1"))
    with asyncio.Runner() as runner:
        for stream in (False, True):
            assert left_behind(lambda stream=stream: runner.run(_ask(gateway, stream=stream))) == {}  # type: ignore[misc]
        runner.run(router.aclose())


def test_records_and_shadows_leave_nothing() -> None:
    observer = Observer(routing([always("big")]), exporter=MemorySink())

    def observed() -> None:
        with observer.request(messages=MESSAGES) as request:
            request.chose("small")
            request.served(model="small", input_tokens=1, output_tokens=1)
        observer.flush()

    assert left_behind(observed) == {}
    observer.close()


def test_an_observed_client_leaves_nothing() -> None:
    """Its streams and raw responses neither: what closes or parses one must not hold it."""
    with (
        fake_openai() as provider,
        Observer(routing([always("big")]), exporter=MemorySink()) as observer,
        observer.wrap(openai.OpenAI(base_url=provider.base_url, api_key="x")) as client,
    ):
        ask = partial(client.chat.completions.create, model="small", messages=MESSAGES)
        assert left_behind(ask) == {}
        assert left_behind(lambda: list(ask(stream=True))) == {}
        raw = partial(client.chat.completions.with_raw_response.create, model="small", messages=MESSAGES)
        assert left_behind(lambda: raw().parse()) == {}


async def _ask(gateway: Gateway, *, stream: bool) -> None:
    """One chat completion, as a server hands it over; the client stays."""
    body = json.dumps({**QUESTION, "stream": stream}).encode()
    incoming = [{"type": "http.request", "body": body, "more_body": False}]
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        if not incoming:
            await asyncio.Event().wait()
        return incoming.pop()

    async def send(message: dict[str, Any]) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [(b"content-type", b"application/json")],
        "query_string": b"",
        "client": ("127.0.0.1", 1),
    }
    await gateway(scope, receive, send)
    await asyncio.sleep(0)  # the watcher ends
    assert statuses == [200]
