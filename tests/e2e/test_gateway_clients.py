"""OpenAI's own clients, unchanged but for base_url, through the gateway: Python here, JavaScript by a script."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from shadow.config.gateway_settings import GatewaySettings
from shadow.telemetry import keys
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai
from tests.support.gateways import PATIENCE_S, RunningGateway, gateway_routing, running_gateway, wait_until
from tests.support.groups import ROOT, need_node, skip_group

KEY = "web-key-0123456789abcdef"
NODE = Path(__file__).with_name("node")
CALL = {
    "id": "chatcmpl-9",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "small",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "call-1", "type": "function", "function": {"name": "total", "arguments": '{"order":17}'}}
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}
TOOLS = [{"type": "function", "function": {"name": "total", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture
def provider() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def gateway(provider: FakeOpenAI) -> Iterator[RunningGateway]:
    settings = GatewaySettings(keys={"web": "WEB_KEY"}, other_models="route")
    routing = gateway_routing(provider, gateway=settings, from_request={"task": "metadata.task"})
    with running_gateway(routing, environment={"WEB_KEY": KEY}) as running:
        yield running


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[OpenAI]:
    made = OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0, timeout=PATIENCE_S)
    with made:
        yield made


def test_a_whole_answer_a_stream_and_a_tool_call(client: OpenAI, gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """As from OpenAI, with the model that the program always named."""
    reply = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "hi there"}], metadata={"task": "chat"}, user="u-1"
    )
    assert reply.choices[0].message.content == "echo hi there"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == 10
    chunks = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "hi there"}], stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "echo hi there"
    provider.will("small", Behaviour(body=json.dumps(CALL).encode()))
    called = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "total of 17?"}],
        tools=TOOLS,  # type: ignore[arg-type]
    )
    assert called.choices[0].message.tool_calls is not None
    assert called.choices[0].message.tool_calls[0].function.arguments == '{"order":17}'  # type: ignore[union-attr]
    assert gateway.spans("route")[0][keys.TASK] == "chat"
    assert {model.id for model in client.models.list()} == {"auto", "live-rules", "small", "big"}


def test_errors_are_raised_as_openais_own(client: OpenAI, gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """A status has its class, a stream that breaks is an error, a wrong key is one of authentication."""
    ask = client.chat.completions.create
    provider.will("small", Behaviour(cut_after=2))
    with pytest.raises(openai.APIError, match="no provider served the request"):
        list(ask(model="auto", messages=[{"role": "user", "content": "hi there"}], stream=True))
    for status, kind in (
        (400, openai.BadRequestError),
        (422, openai.UnprocessableEntityError),
        (500, openai.InternalServerError),
        (429, openai.RateLimitError),  # the last one: the router now leaves this provider alone for a while
    ):
        provider.will("small", Behaviour(status=status))
        with pytest.raises(kind) as caught:
            ask(model="auto", messages=[{"role": "user", "content": "hi"}])
        assert caught.value.code == f"upstream_{status}"
        assert caught.value.request_id
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()
    with pytest.raises(openai.BadRequestError, match="api_base must not be in a request"):
        ask(model="auto", messages=[{"role": "user", "content": "hi"}], extra_body={"api_base": "http://elsewhere"})


def test_the_asynchronous_client_streams_and_cancels(gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """Leaving a stream early ends the dispatch: the record is partial, and the provider's connection is closed."""

    async def run() -> None:
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0, timeout=PATIENCE_S) as client:
            ask = client.chat.completions.create
            reply = await ask(model="auto", messages=[{"role": "user", "content": "hi there"}])
            assert reply.choices[0].message.content == "echo hi there"
            provider.will("small", Behaviour(text="word " * 200_000))
            stream = await ask(model="auto", messages=[{"role": "user", "content": "long"}], stream=True)
            async for _ in stream:
                break
            await stream.close()

    asyncio.run(run())
    headers = {"Authorization": f"Bearer {KEY}"}
    left = 'requests_total{model="none",status="499"} 1'
    wait_until(lambda: left in gateway.get("/metrics", headers=headers).text, "the end of the dispatch")
    assert [row[keys.OUTCOME_STATUS] for row in gateway.spans("route")] == ["complete", "partial"]


def test_the_example_runs(gateway: RunningGateway) -> None:
    """What the documentation shows: an answer, a stream, and a signal for the first of them."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "gateway_client.py"],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        env={**os.environ, "GATEWAY_URL": f"{gateway.url}/v1", "GATEWAY_KEY": KEY, "NO_PROXY": "*"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "small echo Order 17: what is the total?\necho Order 17: what is the total?\n"
    live = gateway.spans("route")
    assert live[0][keys.TASK] == "extract"
    assert [row[keys.REQUEST_ID] for row in gateway.spans("evaluation resolved")] == [live[0][keys.REQUEST_ID]]


@pytest.mark.node
def test_the_javascript_client_works_unchanged(gateway: RunningGateway, provider: FakeOpenAI, tmp_path: Path) -> None:
    """The package from npm: whole answer, stream, tools, errors and an aborted stream."""
    npm = need_node()
    folder = tmp_path / "client"
    shutil.copytree(NODE, folder, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        skip_group("node", f"npm cannot install the client ({done.stderr.strip().splitlines()[-1]})")
    provider.will("small", Behaviour(), Behaviour(), Behaviour(body=json.dumps(CALL).encode()), Behaviour(status=422),
                  Behaviour(text="word " * 200_000))  # fmt: skip
    done = subprocess.run(
        ["node", str(folder / "chat.mjs"), f"{gateway.url}/v1", KEY],
        capture_output=True, text=True, check=False, env={**os.environ, "NO_PROXY": "*"}, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "whole": "echo hi there",
        "streamed": "echo hi there",
        "tool": '{"order":17}',
        "error": ["UnprocessableEntityError", 422, "upstream_422"],
        "models": ["auto", "live-rules", "small", "big"],
    }
