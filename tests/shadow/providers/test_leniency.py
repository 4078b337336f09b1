"""Streams as servers send them, and not as the documentation of OpenAI has them: read as OpenAI's client reads them."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from shadow.domain.outcome import Answer, ToolCall, Usage
from shadow.domain.request import Request
from shadow.domain.usage import answer_of, chunk_of
from shadow.errors import ProviderError
from shadow.execution.stream_buffer import StreamBuffer
from shadow.prices.catalogue import Model
from shadow.providers import transports
from shadow.providers.openai_http import OpenAIHttp
from shadow.providers.protocol import Call
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai

Events = list[dict[str, Any]]
Way = Callable[[Call], Answer]


def added_up(chunks: list[Any]) -> Answer:
    buffer = StreamBuffer(lambda: 0.0)
    for chunk in chunks:
        buffer.add(chunk)
    return buffer.answer()


def stream(call: Call) -> Answer:
    provider = OpenAIHttp()
    try:
        return added_up(list(provider.stream(call)))
    finally:
        provider.close()


def astream(call: Call) -> Answer:
    async def run() -> Answer:
        provider = OpenAIHttp()
        try:
            return added_up([chunk async for chunk in provider.astream(call)])
        finally:
            await provider.aclose()

    return asyncio.run(run())


def astream_httpx(call: Call) -> Answer:
    with patch.object(transports, "_aiohttp_transport", lambda: None):
        return astream(call)


every_way = pytest.mark.parametrize("way", [stream, astream, astream_httpx])


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


def call(url: str, **params: Any) -> Call:
    request = Request(request_id="r1", time_us=1, messages=())
    model = Model(name="m", base_url=url)
    return Call(request=request, model=model, messages=[{"role": "user", "content": "hi"}], params=params, timeout_s=30)


def data(*events: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


DONE = b"data: [DONE]\n\n"
WORD = {"choices": [{"index": 0, "delta": {"content": "Hello"}}]}
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}
WITHOUT_MEANING = {
    "no choices": data({"id": "x", "object": "chat.completion.chunk"}),
    "choices: null": data({"choices": None}),
    "event: ping": b'event: ping\ndata: {"type": "ping"}\n\n',
    "ping without JSON": b"event: ping\ndata: alive\n\n",
    "type: ping": data({"type": "ping"}),
    "comment": b": OPENROUTER PROCESSING\n\n",
    "empty": b"data: \n\n",
}


@every_way
@pytest.mark.parametrize("between", WITHOUT_MEANING.values(), ids=list(WITHOUT_MEANING))
def test_events_without_meaning_are_passed_over(way: Way, server: FakeOpenAI, between: bytes) -> None:
    """First, in the middle and last."""
    pieces = [data(WORD), data(STOP), data({"choices": [], **USAGE})]
    server.will("m", Behaviour(body=between + between.join(pieces) + between + DONE))
    answer = way(call(server.base_url))
    assert (answer.text, answer.usage) == ("Hello", Usage(input_tokens=3, output_tokens=2))


@pytest.mark.parametrize("choices", [{"choices": []}, {"choices": None}, {}], ids=["empty", "null", "none"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_usage_is_read_wherever_it_comes(server: FakeOpenAI, choices: dict[str, Any], place: int) -> None:
    """Also before the text, and a block of nothing afterwards does not erase it."""
    events: Events = [WORD, STOP]
    events.insert(place, {**choices, **USAGE})
    server.will("m", Behaviour(body=data(*events, {"choices": [], "usage": {}}) + DONE))
    assert stream(call(server.base_url)).usage == Usage(input_tokens=3, output_tokens=2)


@every_way
def test_an_error_event_is_an_error_whatever_it_holds(way: Way, server: FakeOpenAI) -> None:
    """Some servers send it without the key `error`, or as plain text."""
    for said in (b'{"message": "overloaded"}', b"overloaded"):
        server.will("m", Behaviour(body=data(WORD) + b"event: error\ndata: " + said + b"\n\n" + DONE))
        with pytest.raises(ProviderError, match="overloaded") as caught:
            way(call(server.base_url))
        assert caught.value.retryable


class Raw(threading.Thread):
    """A server that answers one request with bytes, then does as it likes with the connection."""

    def __init__(self, sent: bytes, end: str) -> None:
        super().__init__(daemon=True)
        self._sent, self._end = sent, end
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.over = threading.Event()

    def run(self) -> None:
        with self._listener:
            connection, _ = self._listener.accept()
        with connection:
            received = b""
            while b"\r\n\r\n" not in received or b'"m"' not in received:
                received += connection.recv(65536)
            connection.sendall(self._sent)
            if self._end == "silence":
                self.over.wait(30)
            elif self._end == "endless":
                while not self.over.is_set():
                    try:
                        connection.sendall(b"4\r\n: x\n\r\n")
                    except OSError:
                        return


@contextmanager
def raw(sent: bytes, end: str) -> Iterator[str]:
    server = Raw(sent, end)
    server.start()
    try:
        yield server.url
    finally:
        server.over.set()
        server.join()


def chunked(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n" % (len(body), body)


@every_way
@pytest.mark.parametrize("end", ["silence", "close", "endless"])
def test_an_answer_ends_at_its_mark_whatever_the_connection_does(way: Way, end: str) -> None:
    """Nothing, a close in the middle of the encoding, or bytes for ever."""
    with raw(chunked(data(WORD, STOP) + DONE), end) as url:
        assert way(call(url)).text == "Hello"


@pytest.mark.parametrize("way", [stream, astream])
def test_the_connection_is_used_again_after_the_mark(way: Way, server: FakeOpenAI) -> None:
    """The rest of the answer is read, so that the next request does not have to connect."""
    connections: set[Any] = set()
    get_request = server.get_request

    def counted() -> Any:
        connection, address = get_request()
        connections.add(address)
        return connection, address

    with patch.object(server, "get_request", counted):
        if way is stream:
            provider = OpenAIHttp()
            for _ in range(3):
                list(provider.stream(call(server.base_url)))
            provider.close()
        else:

            async def run() -> None:
                provider = OpenAIHttp()
                for _ in range(3):
                    async for _ in provider.astream(call(server.base_url)):
                        pass
                await provider.aclose()

            asyncio.run(run())
    assert len(connections) == 1


REFUSALS = {
    "Mistral": (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra"}]}),
    "Cohere": (400, {"error": {"message": "unknown field: parameter 'stream_options' is not a valid field"}}),
}


@every_way
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=list(REFUSALS))
def test_a_provider_that_refuses_stream_options_is_asked_without_them(
    way: Way, server: FakeOpenAI, refusal: tuple[int, Any]
) -> None:
    """Its answer counts, with unknown tokens unless it reports them by itself."""
    status, body = refusal
    server.will("m", Behaviour(status=status, body=json.dumps(body).encode()), Behaviour())
    assert way(call(server.base_url, stream_options={"include_usage": True})).text == "echo hi"
    assert ["stream_options" in received.body for received in server.received] == [True, False]


def test_a_refusal_is_remembered_and_another_one_is_raised(server: FakeOpenAI) -> None:
    """Once per endpoint, and only one that names the field."""
    refusal = json.dumps(REFUSALS["Mistral"][1]).encode()
    server.will("m", Behaviour(status=422, body=refusal), Behaviour(), Behaviour(), Behaviour(status=422, body=refusal))
    provider = OpenAIHttp()
    for _ in range(2):
        list(provider.stream(call(server.base_url)))
    assert ["stream_options" in received.body for received in server.received] == [True, False, False]
    with pytest.raises(ProviderError):
        list(provider.stream(call(server.base_url)))
    provider.close()
    server.will("m", Behaviour(status=400))
    with pytest.raises(ProviderError):
        stream(call(server.base_url))


@every_way
def test_headers_up_to_64_kib_are_read(way: Way, server: FakeOpenAI) -> None:
    """Gateways put traces and cookies there; the limit of aiohttp would be 8 KiB."""
    head = b"HTTP/1.1 200 OK\r\nX-Trace: " + b"x" * (63 * 1024) + b"\r\nContent-Type: text/event-stream\r\n"
    body = data(WORD, STOP) + DONE
    with raw(head + b"Content-Length: %d\r\n\r\n" % len(body) + body, "close") as url:
        assert way(call(url)).text == "Hello"


# a streamed answer is read as the whole one


def calls_of(*deltas: Any) -> tuple[ToolCall, ...] | None:
    return added_up(
        [chunk_of({"choices": [{"index": 0, "delta": {"tool_calls": delta}}]}) for delta in deltas]
    ).tool_calls


def piece(name: str = "", arguments: str = "", **more: Any) -> dict[str, Any]:
    function = {**({"name": name} if name else {}), "arguments": arguments}
    return {**more, "function": function}


TWO = (ToolCall("f", '{"a":1}'), ToolCall("g", '{"b":2}'))
TOOL_CALLS: dict[str, list[Any]] = {
    "OpenAI": [
        [piece("f", "", index=0, id="c1")],
        [piece("", '{"a"', index=0)],
        [piece("g", "", index=1, id="c2")],
        [piece("", ":1}", index=0)],
        [piece("", '{"b":2}', index=1)],
    ],
    "whole calls with index 0 (Gemini)": [
        [piece("f", '{"a":1}', index=0, id="c1")],
        [piece("g", '{"b":2}', index=0, id="c2")],
    ],
    "in one delta with index 0": [[piece("f", '{"a":1}', index=0, id="c1"), piece("g", '{"b":2}', index=0, id="c2")]],
    "without index, with ids": [
        [piece("f", "", id="c1")],
        [piece("", '{"a":1}')],
        [piece("g", "", id="c2")],
        [piece("", '{"b":2}')],
    ],
    "without index and ids": [[piece("f", '{"a":1}'), piece("g", '{"b":2}')]],
    "id and name with every piece": [
        [piece("f", '{"a"', index=0, id="c1")],
        [piece("f", ":1}", index=0, id="c1")],
        [piece("g", '{"b"', index=1, id="c2")],
        [piece("g", ":2}", index=1, id="c2")],
    ],
    "index: null": [[piece("f", '{"a":1}', index=None, id="c1")], [piece("g", '{"b":2}', index=None, id="c2")]],
    "numbers out of order": [
        [piece("g", "", index=1, id="c2")],
        [piece("", '{"b":2}', index=1)],
        [piece("f", '{"a":1}', index=0, id="c1")],
    ],
}


@pytest.mark.parametrize("deltas", TOOL_CALLS.values(), ids=list(TOOL_CALLS))
def test_tool_calls_are_kept_apart(deltas: list[Any]) -> None:
    """By number and id, and without one by name."""
    assert calls_of(*deltas) == TWO


def test_the_same_tool_may_be_called_twice() -> None:
    """With nothing but the name to tell a second call from a second piece."""
    same = ToolCall("f", '{"a":1}')
    assert calls_of([piece("f", '{"a":1}'), piece("f", '{"a":1}')]) == (same, same)
    assert calls_of([piece("f", '{"a":1}', index=0)], [piece("f", '{"a":1}', index=0)]) == (same, same)
    assert calls_of([piece("f", '{"a"')], [piece("f", ":1}")]) == (same,)


def test_the_first_choice_is_the_answer_of_a_stream_too() -> None:
    """With `n` above 1 the chunks of the choices come mixed."""
    words = [(1, "no "), (0, "By "), (1, "no"), (0, "post.")]
    chunks = [chunk_of({"choices": [{"index": index, "delta": {"content": word}}]}) for index, word in words]
    both = {"choices": [{"index": 1, "delta": {"content": "!"}}, {"index": 0, "delta": {"content": "!"}}]}
    assert added_up([*chunks, chunk_of(both)]).text == "By post.!"
    whole = {"choices": [{"index": 1, "message": {"content": "no"}}, {"index": 0, "message": {"content": "By post."}}]}
    assert answer_of(whole).text == "By post."


def test_content_may_be_a_list_of_parts() -> None:
    """Mistral's reasoning models send thoughts and text so; the thoughts are not the answer."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    parts = [thinking, {"type": "text", "text": "By post."}]
    assert answer_of({"choices": [{"message": {"content": parts}}]}).text == "By post."
    chunks = [chunk_of({"choices": [{"delta": {"content": content}}]}) for content in ([thinking], parts[1:], "!")]
    assert added_up(chunks).text == "By post.!"
