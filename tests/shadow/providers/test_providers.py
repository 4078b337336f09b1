"""Providers: OpenAI-compatible HTTP against a real socket, and recorded outcomes."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import httpx
import httpx2
import pytest
from openai.types.chat import ChatCompletionMessage

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import Answer, Usage
from shadow.domain.request import Request
from shadow.errors import MissingOutcomeError, ProviderError
from shadow.prices.catalogue import Model
from shadow.providers import openai_http, transports
from shadow.providers.endpoint import OPENAI_URL, Endpoint, endpoint_of
from shadow.providers.openai_http import OpenAIHttp
from shadow.providers.protocol import Call, Provider
from shadow.providers.recorded import RecordedProvider
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai

KEY = "sk-canary-7f3a"
MESSAGES = [{"role": "user", "content": "hi there"}]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    # Server and client share this process: on a busy machine it may take them seconds to accept a connection.
    monkeypatch.setattr(openai_http, "CONNECT_TIMEOUT_S", 60.0)
    with fake_openai() as running:
        yield running


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an environment variable that holds the key."""
    monkeypatch.setenv("FAKE_KEY", KEY + "\n")
    return "FAKE_KEY"


def call(server: FakeOpenAI, key: str = "", timeout_s: float | None = 60.0, **params: Any) -> Call:
    model = Model(name="m", provider="fake", base_url=server.base_url, api_key_env=key)
    request = Request(request_id="r-1", time_us=0)
    return Call(request=request, model=model, messages=MESSAGES, params=params, timeout_s=timeout_s)


def complete(provider: Provider, dispatch: Call) -> Answer:
    return provider.complete(dispatch)


def acomplete(provider: Provider, dispatch: Call) -> Answer:
    async def run() -> Answer:
        try:
            return await provider.acomplete(dispatch)
        finally:
            await provider.aclose()

    return asyncio.run(run())


def added_up(chunks: list[Chunk]) -> Answer:
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    text = "".join(chunk.text for chunk in chunks)
    return Answer(text=text, model=chunks[0].model, usage=usages[-1] if usages else Usage())


def stream(provider: Provider, dispatch: Call) -> Answer:
    return added_up(list(provider.stream(dispatch)))


def astream(provider: Provider, dispatch: Call) -> Answer:
    async def run() -> Answer:
        try:
            return added_up([chunk async for chunk in provider.astream(dispatch)])
        finally:
            await provider.aclose()

    return asyncio.run(run())


def acomplete_httpx(provider: Provider, dispatch: Call) -> Answer:
    with patch.object(transports, "_aiohttp_transport", lambda: None):
        return acomplete(provider, dispatch)


def astream_httpx(provider: Provider, dispatch: Call) -> Answer:
    with patch.object(transports, "_aiohttp_transport", lambda: None):
        return astream(provider, dispatch)


Way = Callable[[Provider, Call], Answer]
STREAMS: list[Way] = [stream, astream, astream_httpx]
every_way = pytest.mark.parametrize("way", [complete, acomplete, acomplete_httpx, *STREAMS])
"""Synchronous; asynchronous over aiohttp, which this environment has; asynchronous over httpx alone."""


@pytest.fixture
def provider() -> Iterator[OpenAIHttp]:
    made = OpenAIHttp()
    yield made
    made.close()


@every_way
def test_an_answer_is_read_with_its_usage(way: Way, server: FakeOpenAI, provider: OpenAIHttp) -> None:
    """Text, model and the provider's own token counts; cached tokens are part of the input."""
    answer = way(provider, call(server))
    assert (answer.text, answer.model) == ("echo hi there", "m")
    assert answer.usage == Usage(input_tokens=10, output_tokens=5, cache_read_tokens=4)


@every_way
def test_the_request_carries_the_callers_arguments_and_the_key(
    way: Way, server: FakeOpenAI, provider: OpenAIHttp, key: str
) -> None:
    """Messages and parameters arrive as given, the key as a bearer token without the line end of its file."""
    way(provider, call(server, key, temperature=0.5, tools=[{"type": "function"}]))
    (received,) = server.received
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.body["messages"] == MESSAGES
    assert (received.body["model"], received.body["temperature"]) == ("m", 0.5)
    assert received.body["tools"] == [{"type": "function"}]


def test_messages_of_the_openai_client_are_sent_as_they_are_meant(server: FakeOpenAI, provider: OpenAIHttp) -> None:
    """A conversation often holds the client's own message objects; anything else that is no JSON is an error."""
    own = ChatCompletionMessage(role="assistant", content="hello")
    dispatch = call(server)
    complete(provider, replace(dispatch, messages=[*MESSAGES, own]))
    assert server.received[0].body["messages"][1] == {"role": "assistant", "content": "hello"}
    with pytest.raises(TypeError, match="must be JSON values, got object"):
        complete(provider, replace(dispatch, messages=[object()]))


def test_a_stream_asks_for_its_usage_and_keeps_other_options(server: FakeOpenAI, provider: OpenAIHttp) -> None:
    """Without `include_usage` the cost of a stream would be unknown."""
    stream(provider, call(server, stream_options={"include_obfuscation": False}))
    options = server.received[0].body["stream_options"]
    assert options == {"include_obfuscation": False, "include_usage": True}


def test_chunks_carry_the_events_untouched(server: FakeOpenAI, provider: OpenAIHttp) -> None:
    """What the caller gets is the parsed JSON of each event."""
    raws = [chunk.raw for chunk in provider.stream(call(server))]
    assert [raw["object"] for raw in raws] == ["chat.completion.chunk"] * len(raws)
    assert raws[0]["choices"][0]["delta"]["role"] == "assistant"


@every_way
@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((status, False) for status in (400, 401, 403, 404, 413, 422)),
        *((status, True) for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)),
    ],
)
def test_a_status_is_classed(way: Way, server: FakeOpenAI, provider: OpenAIHttp, status: int, retryable: bool) -> None:
    """Errors of the request or the key are not tried elsewhere; overload and outages may be."""
    server.will("m", Behaviour(status=status))
    with pytest.raises(ProviderError, match=f"answered {status}: refused with {status}") as caught:
        way(provider, call(server))
    assert (caught.value.status, caught.value.error_type) == (status, str(status))
    assert caught.value.retryable is retryable


@every_way
@pytest.mark.parametrize(
    ("behaviour", "error_type"),
    [
        (Behaviour(reset=True), "connection"),
        (Behaviour(delay_s=0.5), "timeout"),
        (Behaviour(body=b"<html>gateway</html>"), "bad_response"),
        (Behaviour(body=b"[1]"), "bad_response"),
        (Behaviour(body=b'{"object": "list"}'), "bad_response"),
        (Behaviour(body=b'{"error": {"message": "overloaded"}}'), "provider_error"),
        (Behaviour(body=b'{"choices": [{"error": {"message": "overloaded", "code": 502}}]}'), "502"),
        (Behaviour(body=b'{"choices": [{"finish_reason": "error", "message": {}, "delta": {}}]}'), "provider_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_answer_is_classed_and_may_be_tried_elsewhere(
    way: Way, server: FakeOpenAI, provider: OpenAIHttp, behaviour: Behaviour, error_type: str
) -> None:
    """A reset, silence, HTML, another JSON or an error inside a 200."""
    body = behaviour.body
    if body is not None and way in STREAMS:
        behaviour = Behaviour(body=b"data: " + body + b"\n\n")
    server.will("m", behaviour)
    with pytest.raises(ProviderError) as caught:
        way(provider, call(server, timeout_s=0.2 if error_type == "timeout" else 30.0))
    assert (caught.value.error_type, caught.value.retryable) == (error_type, True)


@every_way
def test_nobody_listening_is_a_connection_error(way: Way, provider: OpenAIHttp) -> None:
    """The port is closed."""
    with fake_openai() as gone:
        dispatch = call(gone)
    with pytest.raises(ProviderError, match="did not answer") as caught:
        way(provider, dispatch)
    assert caught.value.error_type == "connection"


@pytest.mark.parametrize(
    ("behaviour", "error_type"),
    [
        (Behaviour(cut_after=2), "connection"),
        (Behaviour(body=b'data: {"choices": [{"delta": {"content": "half"}}]}\n\n'), "stream_truncated"),
        (Behaviour(body=b'data: {"choices": []}\n\ndata: {"choices'), "bad_response"),
        (Behaviour(body=b'data: {"choices": []}\n\nevent: error\ndata: {"error": "late"}\n\n'), "provider_error"),
    ],
    ids=["cut", "ended", "malformed", "error-event"],
)
@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_breaks_is_an_error_and_never_a_short_answer(
    way: Way, server: FakeOpenAI, provider: OpenAIHttp, behaviour: Behaviour, error_type: str
) -> None:
    """A connection that ends in the middle must not look like the end of the text."""
    server.will("m", behaviour)
    with pytest.raises(ProviderError) as caught:
        way(provider, call(server))
    assert caught.value.error_type == error_type


def test_a_stream_without_its_end_mark_counts_if_the_answer_is_finished(
    server: FakeOpenAI, provider: OpenAIHttp
) -> None:
    """Several servers leave out `[DONE]`; the finish reason is enough."""
    server.will("m", Behaviour(done=False, usage=None))
    answer = stream(provider, call(server))
    assert answer.text == "echo hi there"
    assert answer.usage == Usage()


def test_a_stream_that_is_left_closes_its_connection(server: FakeOpenAI, provider: OpenAIHttp) -> None:
    """An abandoned answer must not be generated, and paid, to its end."""
    chunks = provider.stream(call(server))
    next(chunks)
    chunks.close()
    assert stream(provider, call(server)).text == "echo hi there"


def test_an_answer_that_drips_is_cut_at_the_time_limit(server: FakeOpenAI) -> None:
    """A client only limits the silence between two pieces; the whole answer has a limit too."""

    def drip() -> Iterator[bytes]:
        while True:
            yield b" "

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=drip()))
    with httpx.Client(transport=transport) as client, pytest.raises(ProviderError) as caught:
        OpenAIHttp(client=client).complete(call(server, timeout_s=0.05))
    assert (caught.value.error_type, caught.value.retryable) == ("timeout", True)


def test_an_endless_answer_is_cut_at_the_size_limit(
    server: FakeOpenAI, provider: OpenAIHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded, whatever a provider sends."""
    monkeypatch.setattr("shadow.providers.openai_wire.MAX_ANSWER_BYTES", 100)
    server.will("m", Behaviour(text="x" * 200))
    with pytest.raises(ProviderError, match="larger than 100 bytes"):
        provider.complete(call(server))


@every_way
def test_redirects_are_not_followed(way: Way, server: FakeOpenAI, provider: OpenAIHttp, key: str) -> None:
    """The key belongs to the configured host; a redirect would carry it elsewhere."""
    with fake_openai() as elsewhere:
        location = {"Location": f"{elsewhere.base_url}/chat/completions"}
        server.will("m", Behaviour(status=307, headers=location))
        with pytest.raises(ProviderError, match="redirects are not followed") as caught:
            way(provider, call(server, key))
        assert caught.value.retryable is False
        assert elsewhere.received == []


def test_proxies_of_the_environment_are_ignored(
    server: FakeOpenAI, provider: OpenAIHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but configuration says where a key travels."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert complete(provider, call(server)).text == "echo hi there"


@every_way
def test_the_key_shows_up_nowhere(
    way: Way, server: FakeOpenAI, provider: OpenAIHttp, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the error that quotes it, nor in its traceback, nor in any repr or log line."""
    caplog.set_level(logging.DEBUG)
    server.will("m", Behaviour(status=401, body=f"Incorrect API key provided: {KEY}".encode()))
    dispatch = call(server, key)
    with pytest.raises(ProviderError, match=r"Incorrect API key provided: \*\*\*") as caught:
        way(provider, dispatch)
    shown = "".join(traceback.format_exception(caught.value)) + repr([provider, dispatch, endpoint_of(dispatch.model)])
    assert KEY not in shown + caplog.text


def test_a_missing_key_fails_before_anything_is_sent(server: FakeOpenAI, provider: OpenAIHttp) -> None:
    """The message names the variable."""
    with pytest.raises(ProviderError, match="ABSENT_KEY") as caught:
        complete(provider, call(server, "ABSENT_KEY"))
    assert (caught.value.error_type, caught.value.retryable) == ("configuration", False)
    assert server.received == []


def test_a_key_with_other_characters_is_refused_without_showing_it(
    server: FakeOpenAI, provider: OpenAIHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The HTTP library would quote the header in its own error."""
    monkeypatch.setenv("FAKE_KEY", f"{KEY}\r\nX-Injected: 1")
    with pytest.raises(ProviderError, match="printable") as caught:
        complete(provider, call(server, "FAKE_KEY"))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "host:80/v1",
        "http://",
        "http://user:secret@host/v1",
        "http://host/v1?x=1",
        "http://host/\r\nX",
        "http://host:99999/",
        "http://a b/",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Only plain http(s) addresses without credentials, and the message never shows those."""
    with pytest.raises(ProviderError, match="base_url must be") as caught:
        endpoint_of(Model(name="m", base_url=url))
    assert "secret" not in str(caught.value)


def test_openais_key_goes_only_to_the_address_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `base_url` of models.yaml brings its own key variable, or none."""
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert endpoint_of(Model(name="m", provider="openai")) == Endpoint(OPENAI_URL, "OPENAI_API_KEY")
    assert endpoint_of(Model(name="m", provider="openai", base_url="http://llm/v1")) == Endpoint("http://llm/v1")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://proxy.internal/v1")
    assert endpoint_of(Model(name="m", provider="openai")).base_url == "http://proxy.internal/v1"
    with pytest.raises(ProviderError, match="add base_url"):
        endpoint_of(Model(name="m", provider="onprem"))


def test_clients_of_the_caller_are_used_and_left_open(server: FakeOpenAI) -> None:
    """Httpx and its successor httpx2 work alike, and their failures get the same classes."""
    for client in (httpx.Client(), httpx2.Client()):
        with client:
            provider = OpenAIHttp(client=client)
            assert complete(provider, call(server)).text == "echo hi there"
            server.will("m", Behaviour(reset=True), Behaviour(delay_s=0.3))
            for error_type, timeout_s in (("connection", 10.0), ("timeout", 0.1)):
                with pytest.raises(ProviderError) as caught:
                    complete(provider, call(server, timeout_s=timeout_s))
                assert caught.value.error_type == error_type
            provider.close()
            assert not client.is_closed


def test_every_event_loop_gets_its_own_connections(server: FakeOpenAI) -> None:
    """A second `asyncio.run` works with the same provider."""
    provider = OpenAIHttp()
    assert [acomplete(provider, call(server)).text for _ in range(2)] == ["echo hi there"] * 2
    gc.collect()


@every_way
def test_a_cookie_of_the_provider_does_not_reach_the_next_request(
    way: Way, server: FakeOpenAI, provider: OpenAIHttp
) -> None:
    """One client serves many callers; a session that a provider opens for one of them must not be the next one's."""
    server.will("m", Behaviour(headers={"Set-Cookie": "session=one; Path=/"}))
    for _ in range(2):
        way(provider, call(server))
    assert [received.headers.get("cookie") for received in server.received] == [None, None]


def test_a_loop_that_ended_leaves_no_complaint_behind(server: FakeOpenAI, caplog: pytest.LogCaptureFixture) -> None:
    """Scripts end their loop without closing anything; the host's log is not the place to teach them."""
    server.will("m", *[Behaviour(headers={"Connection": "close"})] * 4)  # no socket of ours is left to complain

    async def run(provider: OpenAIHttp) -> None:
        await provider.acomplete(call(server))

    for _ in range(2):
        provider = OpenAIHttp()
        asyncio.run(run(provider))
        asyncio.run(run(provider))  # finds the first loop's client
        del provider
        gc.collect()
    assert caplog.text == ""


def test_recorded_outcomes_are_served_by_request_and_model() -> None:
    """The table's own answer comes back, whole or as one chunk."""
    request = Request(request_id="q-7", time_us=0)
    answer = Answer(text="42", model="m", score=1.0, usage=Usage(input_tokens=3, output_tokens=1))
    provider = RecordedProvider({("q-7", "m"): answer})
    dispatch = Call(request=request, model=Model(name="m"), messages=(), params={})
    assert complete(provider, dispatch) is answer
    assert acomplete(provider, dispatch) is answer
    assert [chunk.answer for chunk in provider.stream(dispatch)] == [answer]


@every_way
def test_a_missing_outcome_is_an_error_that_no_fallback_hides(way: Way) -> None:
    """It names the query and the model."""
    request = Request(request_id="q-8", time_us=0)
    dispatch = Call(request=request, model=Model(name="m"), messages=(), params={})
    with pytest.raises(MissingOutcomeError, match="no recorded outcome of m for q-8") as caught:
        way(RecordedProvider({}), dispatch)
    assert caught.value.retryable is False
