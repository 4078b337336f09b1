"""Chat completions through the gateway, over real sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shadow.config.gateway_settings import GatewaySettings
from shadow.errors import ShadowError
from shadow.gateway.chat_request import DESTINATIONS, ROUTER_ARGUMENTS
from shadow.telemetry import keys
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai
from tests.support.gateways import (
    PATIENCE_S,
    QUESTION,
    RunningGateway,
    gateway_routing,
    running_gateway,
    wait_until,
    with_fallback,
)
from tests.support.sdk import FunctionPolicy

CLIENT_LEFT = 'shadowroute_gateway_requests_total{model="none",status="499"}'


@pytest.fixture
def provider() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def gateway(provider: FakeOpenAI) -> Iterator[RunningGateway]:
    routing = gateway_routing(
        provider,
        FunctionPolicy("live-rules", with_fallback),
        labels=["team"],
        from_request={
            "session": "headers.X-Session",
            "task": "metadata.task",
            "label:team": "metadata.team",
            "request_id": "headers.x-request-id",
        },
    )
    with running_gateway(routing) as running:
        yield running


def events_of(response: httpx.Response) -> list[Any]:
    """The data of all events; `[DONE]` as it is."""
    data = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    return [each if each == "[DONE]" else json.loads(each) for each in data]


def test_the_answer_is_the_providers_own(gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """The policy's model is asked with the client's own arguments, and its completion comes back untouched."""
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "what is this?"}, picture]}]
    reply = gateway.ask(messages=messages, tools=tools, response_format={"type": "json_object"}, top_k=3)
    assert reply.status_code == 200
    assert reply.json()["model"] == "small"
    (received,) = provider.received
    assert received.body == {
        "model": "small",
        "messages": messages,
        "tools": tools,
        "response_format": {"type": "json_object"},
        "top_k": 3,
    }


def test_a_request_is_recorded_under_the_id_that_its_answer_carries(gateway: RunningGateway) -> None:
    """One live row and one row per shadow; the header names them for signals."""
    reply = gateway.ask()
    (live,) = gateway.spans("route")
    assert live[keys.REQUEST_ID] == reply.headers["x-request-id"]
    assert live[keys.OUTCOME_STATUS] == "complete"
    assert [row[keys.REQUEST_ID] for row in gateway.spans("shadow bold")] == [live[keys.REQUEST_ID]]


def test_headers_and_metadata_say_who_asks(gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """As `from_request` names them; neither they nor the user reach the provider."""
    headers = {"X-Session": "s-1", "X-Request-Id": "order-17"}
    metadata = {"task": "extract", "team": "checkout", "other": "x"}
    reply = gateway.ask(headers, metadata=metadata, user="u-1")
    assert reply.headers["x-request-id"] == "order-17"
    assert set(provider.received[0].body) == {"model", "messages"}
    (live,) = gateway.spans("route")
    assert (live[keys.REQUEST_ID], live[keys.TASK]) == ("order-17", "extract")
    assert json.loads(str(live[keys.LABELS])) == {"team": "checkout"}
    assert live[keys.SESSION_KEY]
    assert live[keys.USER_KEY]
    assert "u-1" not in str(live)


def test_metadata_of_what_the_provider_stores_is_passed_on(gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """With `store` it belongs to the stored completion."""
    gateway.ask(store=True, metadata={"team": "checkout"})
    assert provider.received[0].body["metadata"] == {"team": "checkout"}


def test_a_stream_comes_as_events_and_ends_with_its_mark(gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """Without the usage chunk, which the client did not ask for and many clients cannot read."""
    reply = gateway.ask(stream=True)
    assert reply.headers["content-type"].startswith("text/event-stream")
    *chunks, last = events_of(reply)
    assert last == "[DONE]"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "echo hi there"
    (live,) = gateway.spans("route")
    assert live[keys.REQUEST_ID] == reply.headers["x-request-id"]
    assert live[keys.USAGE_INPUT_TOKENS] == 10


def test_a_stream_gives_usage_to_a_client_that_asks_for_it(gateway: RunningGateway) -> None:
    """As OpenAI's last chunk, without choices."""
    *_, usage, last = events_of(gateway.ask(stream=True, stream_options={"include_usage": True}))
    assert (usage["choices"], usage["usage"]["prompt_tokens"], last) == ([], 10, "[DONE]")


def test_a_usage_chunk_without_choices_is_kept_back_too(gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """Whatever form the provider gives it."""
    word = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    events = [word, {"choices": None, "usage": {"prompt_tokens": 3, "completion_tokens": 1}}]
    body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events) + b"data: [DONE]\n\n"
    provider.will("small", Behaviour(body=body))
    provider.will("big", Behaviour(body=body))
    assert events_of(gateway.ask(stream=True)) == [word, "[DONE]"]


def test_a_stream_falls_back_before_its_first_chunk(gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """The client sees one whole stream of the other model."""
    provider.will("small", Behaviour(status=503))
    *chunks, last = events_of(gateway.ask(stream=True))
    assert ({chunk["model"] for chunk in chunks}, last) == ({"big"}, "[DONE]")


def test_a_stream_that_breaks_ends_with_an_error_and_without_the_mark(
    gateway: RunningGateway, provider: FakeOpenAI
) -> None:
    """Half an answer must not pass for a whole one, and nothing of it is sent twice."""
    provider.will("small", Behaviour(cut_after=2))
    *chunks, last = events_of(gateway.ask(stream=True))
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", "echo "]
    assert last["error"]["code"] == "upstream_connection"
    (live,) = gateway.spans("route")
    assert live[keys.OUTCOME_STATUS] == "partial"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (Behaviour(status=400), (400, "upstream_400", True)),
        (Behaviour(status=422), (422, "upstream_422", True)),
        (Behaviour(status=401), (502, "upstream_401", False)),
        (Behaviour(status=403), (502, "upstream_403", False)),
        (Behaviour(status=429), (429, "upstream_429", False)),
        (Behaviour(status=500), (500, "upstream_500", False)),
        (Behaviour(reset=True), (502, "upstream_connection", False)),
        (Behaviour(status=307), (502, "upstream_307", False)),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_failure_has_openais_shape_and_the_providers_status(
    gateway: RunningGateway, provider: FakeOpenAI, behaviour: Behaviour, said: tuple[int, str, bool], streamed: bool
) -> None:
    """What the provider says about the request is shown; what it says about our account, key or address is not."""
    status, code, shows = said
    for model in ("small", "big"):
        provider.will(model, behaviour)
    reply = gateway.ask(stream=streamed)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert set(error) == {"message", "type", "param", "code"}
    assert ("refused with" in error["message"]) is shows
    assert provider.base_url.split("/")[2] not in reply.text
    assert reply.headers["x-request-id"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_client_that_leaves_ends_the_dispatch(gateway: RunningGateway, provider: FakeOpenAI, streamed: bool) -> None:
    """An answer that nobody reads is not waited for, and the record says that it was left."""
    provider.will("small", Behaviour(delay_s=PATIENCE_S))
    body = json.dumps(QUESTION | {"stream": streamed}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE_S) as connection:
        connection.sendall(head + body)
        wait_until(lambda: provider.received, "the dispatch")
    wait_until(lambda: gateway.metrics().get(CLIENT_LEFT) == 1, "499")
    (live,) = gateway.spans("route")
    assert (live[keys.OUTCOME_STATUS], live[keys.ERROR_TYPE]) == ("error", "CancelledError")


def test_a_stream_that_the_client_leaves_is_closed_at_the_provider(
    gateway: RunningGateway, provider: FakeOpenAI
) -> None:
    """The tokens until then are partial; the connection of the dispatch is closed, not read to its end."""
    provider.will("small", Behaviour(text="word " * 200_000))
    body = QUESTION | {"stream": True}
    with httpx.stream("POST", f"{gateway.url}/v1/chat/completions", json=body, timeout=PATIENCE_S) as response:
        next(response.iter_lines())
    wait_until(lambda: gateway.metrics().get(CLIENT_LEFT) == 1, "499")
    (live,) = gateway.spans("route")
    assert live[keys.OUTCOME_STATUS] == "partial"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 1}, "stream_options"),
        *(({name: "http://elsewhere"}, name) for name in sorted(DESTINATIONS)),
        *(({name: "x"}, name) for name in sorted(ROUTER_ARGUMENTS)),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(
    gateway: RunningGateway, provider: FakeOpenAI, changes: dict[str, Any], param: str
) -> None:
    """Nothing is dispatched, and nothing of what was sent is repeated."""
    reply = gateway.ask(**changes)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["type"]) == (400, param, "invalid_request_error")
    assert "elsewhere" not in reply.text
    assert provider.received == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'"text"',
        b'{"model": NaN}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"a": ' * 2000 + b"1" + b"}" * 2000,
    ],
)
def test_a_body_that_is_no_json_object_is_400(gateway: RunningGateway, body: bytes) -> None:
    """Also one that nests deeper than a parser goes."""
    assert gateway.post("/v1/chat/completions", body).status_code == 400


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_that_no_provider_can_be_sent_is_400(
    gateway: RunningGateway, provider: FakeOpenAI, number: str
) -> None:
    """It is JSON, but infinite once it is read."""
    body = json.dumps({**QUESTION, "temperature": 0}).replace('"temperature": 0', f'"temperature": {number}')
    reply = gateway.post("/v1/chat/completions", body.encode())
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_value")
    assert provider.received == []


def test_text_that_is_no_unicode_is_400(gateway: RunningGateway) -> None:
    """JSON can carry a lone surrogate; no request to a provider can."""
    body = b'{"model": "auto", "messages": [{"role": "user", "content": "\\ud800"}]}'
    reply = gateway.post("/v1/chat/completions", body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_unicode")


def test_a_request_id_must_fit_into_a_header(gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """A longer one, or one with other characters, is refused."""
    assert gateway.ask({"X-Request-Id": "x" * 200}).status_code == 400
    assert gateway.post("/v1/chat/completions", QUESTION, headers={"X-Request-Id": b"caf\xe9"}).status_code == 400
    assert provider.received == []


def test_a_model_of_the_catalogue_is_refused_with_the_names_that_exist(gateway: RunningGateway) -> None:
    """Serving another model than the one that was asked for would be a surprise, so it must be switched on."""
    reply = gateway.ask(model="big")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
    assert "auto, live-rules" in reply.json()["error"]["message"]
    assert gateway.ask(model="live-rules").status_code == 200
    assert [model["id"] for model in gateway.get("/v1/models").json()["data"]] == ["auto", "live-rules"]
    assert gateway.get("/v1/models/auto").json()["id"] == "auto"
    assert gateway.get("/v1/models/big").status_code == 404


def test_any_model_may_be_named_where_that_is_switched_on(provider: FakeOpenAI) -> None:
    """Then the policy chooses whatever the client asks for, so that a client needs no other change than base_url."""
    settings = GatewaySettings(other_models="route")
    with running_gateway(gateway_routing(provider, gateway=settings)) as gateway:
        assert gateway.ask(model="gpt-4o").json()["model"] == "small"
        assert [model["id"] for model in gateway.get("/v1/models").json()["data"]] == [
            "auto",
            "live-rules",
            "small",
            "big",
        ]


def test_a_model_of_the_catalogue_may_be_pinned_where_that_is_switched_on(provider: FakeOpenAI) -> None:
    """The client gets what it names; the policy's own choice is recorded, and that it was not served."""
    settings = GatewaySettings(other_models="pin")
    with running_gateway(gateway_routing(provider, gateway=settings)) as gateway:
        assert gateway.ask(model="big").json()["model"] == "big"
        assert gateway.ask(model="gpt-4o").status_code == 404
        (live,) = gateway.spans("route")
    assert (live[keys.DECISION_MODEL], live[keys.OUTCOME_CONTAMINATION]) == ("small", "pinned")


def test_an_error_of_the_router_keeps_its_status(provider: FakeOpenAI) -> None:
    """A budget that is spent, a limit that is reached: whatever says its status and its patience."""

    class BudgetError(ShadowError):
        status = 429
        error_type = "budget"
        retry_after_s = 59.2

    def refuse(request: Any) -> Any:
        raise BudgetError("the budget of team a is spent until 12:00")

    with running_gateway(gateway_routing(provider, FunctionPolicy("live-rules", refuse))) as gateway:
        reply = gateway.ask()
    error = reply.json()["error"]
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "60")
    assert (error["code"], error["type"]) == ("budget", "rate_limit_error")
    assert error["message"] == "the budget of team a is spent until 12:00"


def test_a_policy_that_fails_is_500_and_its_text_stays_here(
    provider: FakeOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """What a host's own code raises may quote a prompt: neither the client nor the log gets it."""

    def fail(request: Any) -> Any:
        raise ValueError(f"cannot route {request.text}")

    with running_gateway(gateway_routing(provider, FunctionPolicy("live-rules", fail))) as gateway:
        reply = gateway.ask(messages=[{"role": "user", "content": "canary-4711"}])
    assert (reply.status_code, reply.json()["error"]["type"]) == (500, "server_error")
    assert "canary-4711" not in reply.text + caplog.text
