"""An error with the status of an answer, and an answer that is still to come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from shadow.observer import Observer
from shadow.telemetry import keys
from shadow.testing import MemorySink
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai
from tests.support.sdk import routing

MESSAGES: Any = [{"role": "user", "content": "hi"}]
ERROR = {"message": "Provider returned error", "code": 502}
FAILED = {
    "top level": {"id": "gen-1", "error": ERROR},
    "choice": {"object": "chat.completion", "model": "big", "choices": [{"error": ERROR, "finish_reason": "error"}]},
    "reason": {
        "object": "chat.completion",
        "model": "big",
        "choices": [{"finish_reason": "error", "message": {"role": "assistant", "content": ""}}],
    },
}


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def observer(sink: MemorySink) -> Iterator[Observer]:
    with Observer(routing(), exporter=sink) as running:
        yield running
        assert running.stats.contained == {}


def outcome(observer: Observer, sink: MemorySink, role: str = "live") -> tuple[str, str]:
    assert observer.flush(5)
    (row,) = sink.rows(role)
    return row[keys.OUTCOME_STATUS], row.get(keys.ERROR_TYPE, "")


@pytest.mark.parametrize("place", list(FAILED))
def test_a_wrapped_client_records_it_as_an_error(
    server: FakeOpenAI, observer: Observer, sink: MemorySink, place: str
) -> None:
    """The client itself does not look."""
    server.will("big", Behaviour(body=json.dumps(FAILED[place]).encode()))
    client = observer.wrap(openai.OpenAI(base_url=server.base_url, api_key="k"))
    client.chat.completions.create(model="big", messages=MESSAGES)
    assert outcome(observer, sink) == ("error", "provider_error" if place == "reason" else "502")


@pytest.mark.parametrize("place", list(FAILED))
def test_the_decorator_and_the_block_record_it_as_an_error(observer: Observer, sink: MemorySink, place: str) -> None:
    """Whatever the host calls."""
    reply: Any = FAILED[place]
    observer.route(lambda: reply)()
    with observer.request(messages=MESSAGES) as request:
        request.chose("big")
        request.served(reply)
    assert observer.flush(5)
    expected = "provider_error" if place == "reason" else "502"
    assert [(row[keys.OUTCOME_STATUS], row[keys.ERROR_TYPE]) for row in sink.rows("live")][1:] == [("error", expected)]
    assert sink.rows("live")[0][keys.OUTCOME_STATUS] == "error"


def test_a_stream_that_ends_with_an_error_is_partial(server: FakeOpenAI, observer: Observer, sink: MemorySink) -> None:
    """Its last chunk says so; the client only ends."""
    chunks = [
        {"object": "chat.completion.chunk", "model": "big", "choices": [{"delta": {"content": "By"}}]},
        {"object": "chat.completion.chunk", "model": "big", "choices": [{"delta": {}, "finish_reason": "error"}]},
    ]
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    server.will("big", Behaviour(body=body + b"data: [DONE]\n\n"))
    client = observer.wrap(openai.OpenAI(base_url=server.base_url, api_key="k"))
    assert len(list(client.chat.completions.create(model="big", messages=MESSAGES, stream=True))) == 2
    assert outcome(observer, sink) == ("partial", "provider_error")


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_provider_says_about_its_answer_is_recorded(
    server: FakeOpenAI, observer: Observer, sink: MemorySink, stream: bool
) -> None:
    """The dated id of the model, why the answer ends and the fingerprint; of a stream as of a whole answer."""
    head = {"id": "c-1", "model": "big-eu", "system_fingerprint": "fp_1"}
    part = {"role": "assistant", "content": "By post."}
    if stream:
        chunk = {**head, "object": "chat.completion.chunk"}
        choices = [{"index": 0, "delta": part}, {"index": 0, "delta": {}, "finish_reason": "length"}]
        events = [{**chunk, "choices": [choice]} for choice in choices]
        body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    else:
        choice = {"index": 0, "message": part, "finish_reason": "length"}
        body = json.dumps({**head, "object": "chat.completion", "choices": [choice]}).encode()
    server.will("big", Behaviour(body=body))
    tools: Any = [{"type": "function", "function": {"name": "f"}}]
    with openai.OpenAI(base_url=server.base_url, api_key="k") as client:
        create: Any = observer.wrap(client).chat.completions.create
        reply = create(model="big", messages=MESSAGES, tools=tools, stream=stream)
        if stream:
            list(reply)
    assert observer.flush(5)
    (row,) = sink.rows("live")
    assert (row[keys.RESPONSE_MODEL], row[keys.REPORTED_MODEL]) == ("big", "big-eu")
    assert (row[keys.FINISH_REASONS], row[keys.SYSTEM_FINGERPRINT]) == ('["length"]', "fp_1")
    assert (row[keys.HAS_TOOLS], row[keys.HAS_IMAGES]) == (1, 0)


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_a_response_in_the_background_is_recorded_when_it_is_there(
    server: FakeOpenAI, observer: Observer, sink: MemorySink, status: str
) -> None:
    """It is neither complete nor lost while it is queued."""

    async def run() -> None:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="k") as client:
            responses = observer.wrap(client).responses
            queued = await responses.create(model="big", input="hi", background=True)
            assert queued.status == "queued"
            assert observer.flush(5)
            assert (await responses.retrieve(queued.id)).status == "in_progress"
            assert observer.flush(5)
            assert sink.rows("live") == []
            assert (await responses.retrieve(queued.id)).status == status
            await responses.retrieve(queued.id)

    base = {"id": "resp_7", "object": "response", "created_at": 1, "model": "big", "output": [], "tools": []}
    base |= {"parallel_tool_calls": True, "tool_choice": "auto"}
    server.will("big", Behaviour(body=json.dumps({**base, "status": "queued"}).encode()))
    over = {**base, "status": status, "usage": None, "error": {"code": "server_error", "message": "x"}}
    over["error"] = over["error"] if status == "failed" else None
    ends = [{**base, "status": "in_progress"}, over, over]
    server.gets["/v1/responses/resp_7"] = [json.dumps(each).encode() for each in ends]
    asyncio.run(run())
    assert outcome(observer, sink) == (("complete", "") if status == "completed" else ("error", "server_error"))


def test_a_block_with_a_response_in_the_background_stays_open(observer: Observer, sink: MemorySink) -> None:
    """The host reports the outcome by request id."""
    with observer.request(messages=MESSAGES) as request:
        request.chose("big")
        request.served({"object": "response", "id": "resp_1", "model": "big", "status": "queued", "output": []})
    assert observer.flush(5)
    assert sink.rows("live") == []
    observer.outcome(request.request_id, model="big", input_tokens=1, output_tokens=2)
    assert outcome(observer, sink) == ("complete", "")
