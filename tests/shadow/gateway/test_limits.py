"""What the gateway refuses: callers without a key, bodies without end, and requests that never begin."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from shadow.config.gateway_settings import GatewaySettings
from shadow.errors import ConfigError
from shadow.gateway.access import Access
from shadow.telemetry import keys
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai
from tests.support.gateways import PATIENCE_S, QUESTION, RunningGateway, gateway_routing, running_gateway, wait_until

WEB, BATCH = "web-key-0123456789abcdef", "batch-key-0123456789abcdef"
ENVIRONMENT = {"WEB_KEY": WEB + "\n", "BATCH_KEY": BATCH}
KEYS = {"web": "WEB_KEY", "batch": "BATCH_KEY"}


@pytest.fixture
def provider() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@contextmanager
def limited(provider: FakeOpenAI, **settings: Any) -> Iterator[RunningGateway]:
    routing = gateway_routing(provider, gateway=GatewaySettings(**settings))
    with running_gateway(routing, environment=ENVIRONMENT) as running:
        yield running


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_named_key_lets_in_and_is_recorded_by_its_name(
    provider: FakeOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """Policies weight by the label `api_key`; the value shows up nowhere."""
    with limited(provider, keys=KEYS) as gateway:
        assert gateway.ask(bearer(WEB)).status_code == 200
        assert gateway.ask(bearer(BATCH)).status_code == 200
        live = gateway.spans("route")
        metrics = gateway.get("/metrics", headers=bearer(WEB)).text
    assert [row[keys.LABELS] for row in live] == ['{"api_key":"web"}', '{"api_key":"batch"}']
    assert "key-0123456789abcdef" not in str(live) + metrics + caplog.text
    assert all("authorization" not in received.headers for received in provider.received)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", f"Basic {WEB}", f"Bearer {WEB}x", "Bearer caf\xe9" * 9])
def test_anything_else_is_401_on_every_path(provider: FakeOpenAI, header: str) -> None:
    """The body is not even read; health is for everybody."""
    headers = {"Authorization": header.encode("latin-1")} if header else {}
    with limited(provider, keys=KEYS) as gateway:
        for path in ("/v1/chat/completions", "/v1/signals"):
            reply = gateway.post(path, b"{", headers=headers)
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
        for path in ("/v1/models", "/v1/models/auto", "/metrics"):
            assert gateway.get(path, headers=headers).status_code == 401
        for path in ("/healthz", "/readyz"):
            assert gateway.get(path).json() == {"status": "ok"}
    assert provider.received == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8600"}, 200),
        ({"Host": "[::1]:8600"}, 200),
        ({"Host": "evil.example:8600"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_without_keys_only_local_programs_come_in(provider: FakeOpenAI, headers: dict[str, str], status: int) -> None:
    """A page in a browser sends an Origin, and a rebound name is a foreign Host."""
    with limited(provider) as gateway:
        assert gateway.ask(headers).status_code == status


def test_beyond_loopback_a_key_is_needed_to_start() -> None:
    """An open port without a key is a mistake that is refused, not warned about."""
    with pytest.raises(ConfigError, match=r"gateway\.keys must name a key to listen on 0\.0\.0\.0"):
        Access(GatewaySettings(), host="0.0.0.0")
    Access(GatewaySettings(keys=KEYS), host="0.0.0.0", environment=ENVIRONMENT)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "in WEB_KEY, got nothing"),
        ({"WEB_KEY": "changeme"}, "in WEB_KEY, got 8 characters"),
        ({"WEB_KEY": "with a space in it"}, "in WEB_KEY, got other characters"),
        ({"WEB_KEY": WEB, "BATCH_KEY": WEB}, "the same for web and batch; change BATCH_KEY"),
    ],
)
def test_a_key_that_is_none_is_refused_at_the_start(environment: dict[str, str], message: str) -> None:
    """Absent, too short, a placeholder, or one for two; the message shows no value."""
    with pytest.raises(ConfigError) as caught:
        Access(GatewaySettings(keys=KEYS), environment=environment)
    assert message in str(caught.value)
    assert not any(value in str(caught.value) for value in environment.values())


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(provider: FakeOpenAI) -> None:
    """The answer comes although not one byte of the body was sent."""
    with limited(provider, max_body_bytes=1000) as gateway:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n"
        assert b" 413 " in exchange(gateway, head)


def test_a_body_without_a_length_is_cut_at_the_limit(provider: FakeOpenAI) -> None:
    """Chunks may go on for ever; reading them does not."""
    with limited(provider, max_body_bytes=1000) as gateway:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"400\r\n" + b" " * 0x400 + b"\r\n"
        assert b" 413 " in exchange(gateway, head + chunk)
        assert gateway.ask().status_code == 200


def test_an_encoded_body_is_refused(provider: FakeOpenAI) -> None:
    """Nothing is inflated, so nothing can explode."""
    with limited(provider) as gateway:
        assert gateway.ask({"Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_a_client_that_stops_sending_is_let_go(provider: FakeOpenAI, sent: bytes) -> None:
    """A byte a minute must not hold a connection (slowloris)."""
    with limited(provider, read_timeout_s=0.3) as gateway:
        assert b" 408 " in exchange(gateway, sent)


def test_a_second_request_that_never_begins_is_let_go(provider: FakeOpenAI) -> None:
    """A connection that was used once is limited like a new one."""
    with (
        limited(provider, read_timeout_s=0.3) as gateway,
        socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE_S) as connection,
    ):
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reply = b""
        while not reply.endswith(b"}"):
            reply += connection.recv(65536)
        assert b" 200 " in reply
        connection.sendall(b"GET /hea")
        assert b" 408 " in connection.recv(65536)


def test_a_head_without_end_is_cut(provider: FakeOpenAI) -> None:
    """Headers are limited in size, too."""
    with limited(provider) as gateway:
        head = b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 1000) for n in range(80))
        assert b" 431 " in exchange(gateway, head)


def test_one_request_too_many_is_told_to_come_back(provider: FakeOpenAI) -> None:
    """Requests in progress are limited; those that are in keep their place."""
    provider.will("small", Behaviour(delay_s=1.0))
    replies: list[httpx.Response] = []
    with limited(provider, max_requests=1) as gateway:
        first = threading.Thread(target=lambda: replies.append(gateway.ask()))
        first.start()
        wait_until(lambda: provider.received, "the first request")
        refused = gateway.ask()
        first.join(PATIENCE_S)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["error"]["code"] == "overloaded"
    assert [reply.status_code for reply in replies] == [200]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/v1/embeddings", 404), ("GET", "/v1/chat/completions", 405), ("POST", "/v1/models", 405)],
)
def test_what_there_is_not_has_openais_shape_too(provider: FakeOpenAI, method: str, path: str, status: int) -> None:
    """The message lists what there is."""
    with limited(provider) as gateway:
        reply = httpx.request(method, gateway.url + path, json=QUESTION, timeout=PATIENCE_S)
    assert (reply.status_code, reply.json()["error"]["type"]) == (status, "invalid_request_error")


def exchange(gateway: RunningGateway, sent: bytes) -> bytes:
    """Send bytes as they are and read until the gateway closes."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE_S) as connection:
        connection.sendall(sent)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received
