"""Signals, metrics, and an end that loses nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shadow.__main__ import main
from shadow.gateway.metrics import GatewayMetrics
from shadow.recording.stats import RecorderStats
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
from tests.support.otlp_sink import otlp_sink
from tests.support.routing_folder import write_folder
from tests.support.sdk import FunctionPolicy


@pytest.fixture
def provider() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def gateway(provider: FakeOpenAI) -> Iterator[RunningGateway]:
    with running_gateway(gateway_routing(provider, FunctionPolicy("live-rules", with_fallback))) as running:
        yield running


def test_a_signal_names_the_request_or_the_response(gateway: RunningGateway) -> None:
    """By the id in the response's header, or by the provider's id in its body."""
    reply = gateway.ask()
    body = {"request_id": reply.headers["x-request-id"], "name": "resolved", "value": 1, "source": "user"}
    assert gateway.post("/v1/signals", body).status_code == 202
    assert (
        gateway.post("/v1/signals", {"request_id": "order-17", "name": "resolved", "label": "yes"}).status_code == 202
    )
    late = {"response_id": reply.json()["id"], "name": "resolved", "value": 0.5, "time": "2026-11-01T10:00:00Z"}
    assert gateway.post("/v1/signals", late).json() == {"target": "response:chatcmpl-1", "name": "resolved"}
    first, second, third = gateway.spans("evaluation resolved")
    assert (first[keys.REQUEST_ID], first[keys.EVALUATION_SCORE]) == (reply.headers["x-request-id"], 1.0)
    assert (second[keys.REQUEST_ID], second[keys.EVALUATION_LABEL]) == ("order-17", "yes")
    assert (third[keys.RESPONSE_ID], third[keys.EVALUATION_SCORE]) == ("chatcmpl-1", 0.5)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "resolved", "value": 1}, "exactly one of request_id and response_id"),
        ({"request_id": "r", "response_id": "s", "name": "resolved", "value": 1}, "exactly one of"),
        ({"request_id": "r", "name": "resolved"}, "value must be given"),
        ({"request_id": "r", "name": "", "value": 1}, "name: "),
        ({"request_id": "r", "name": "resolved", "value": 2}, "value: "),
        ({"request_id": "r", "name": "resolved", "value": 1, "source": "me"}, "source: "),
        ({"request_id": "r", "name": "resolved", "value": 1, "time": "now"}, "time must be ISO 8601"),
        ({"request_id": "r", "name": "resolved", "value": 1, "project": "other"}, "project: "),
    ],
)
def test_a_signal_that_breaks_a_rule_is_400(gateway: RunningGateway, body: dict[str, Any], message: str) -> None:
    """The message names the field."""
    reply = gateway.post("/v1/signals", body)
    assert reply.status_code == 400
    assert message in reply.json()["error"]["message"]


def test_metrics_tell_what_was_served_and_what_was_recorded(gateway: RunningGateway, provider: FakeOpenAI) -> None:
    """Requests by model and status, attempts by kind, shadows; every line is in Prometheus' format."""
    gateway.ask({"X-Session": "canary-4711"}, user="canary-4711")
    provider.will("small", Behaviour(status=503))
    gateway.ask()
    gateway.ask(model="nothing")
    assert gateway.router.flush(PATIENCE_S)
    samples = gateway.metrics()
    assert samples['shadowroute_gateway_requests_total{model="small",status="200"}'] == 1
    assert samples['shadowroute_gateway_requests_total{model="big",status="200"}'] == 1
    assert samples['shadowroute_gateway_requests_total{model="none",status="404"}'] == 1
    assert samples['shadowroute_gateway_errors_total{code="model_not_found",status="404"}'] == 1
    assert samples["shadowroute_gateway_request_seconds_count"] == 3
    assert samples['shadowroute_gateway_attempts_total{kind="primary"}'] == 2
    assert samples['shadowroute_gateway_attempts_total{kind="fallback"}'] == 1
    assert samples['shadowroute_gateway_failed_attempts_total{error_type="503"}'] == 1
    assert samples["shadowroute_gateway_shadows_evaluated_total"] == 2
    assert samples["shadowroute_gateway_requests_in_progress"] == 0
    page = gateway.get("/metrics")
    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "canary-4711" not in page.text
    assert list(text_string_to_metric_families(page.text))


def test_a_label_value_cannot_break_the_format() -> None:
    """Policy names and places come from configuration and code, yet they are escaped."""
    stats = RecorderStats(switched_off={'a"\n\\': "overruns"}, shadow_failures={"b": {"timeout": 2}})
    text = GatewayMetrics(lambda: stats).text().decode()
    assert 'shadow_switched_off{policy="a\\"\\n\\\\"} 1.0' in text
    assert 'shadow_failures_total{error_type="timeout",policy="b"} 2.0' in text


def test_a_stopping_gateway_finishes_what_it_began(provider: FakeOpenAI) -> None:
    """Readiness goes first; the request in progress gets its answer, and its record is written."""
    provider.will("small", Behaviour(delay_s=0.5))
    replies: list[httpx.Response] = []
    with running_gateway(gateway_routing(provider)) as gateway:
        asking = threading.Thread(target=lambda: replies.append(gateway.ask()))
        asking.start()
        wait_until(lambda: provider.received, "the request")
        gateway.gateway.is_draining = True
        assert gateway.get("/readyz").status_code == 503
        assert gateway.get("/healthz").status_code == 200
    asking.join(PATIENCE_S)
    assert [reply.status_code for reply in replies] == [200]
    assert [row[keys.OUTCOME_STATUS] for row in gateway.sink.rows("live")] == ["complete"]


ROUTER = """\
live: policies/always.yaml
shadows: [policies/other.yaml]
export: {{to: "{export}"}}
from_request: {{"label:team": headers.x-team}}
gateway: {{keys: {{web: WEB_KEY}}, other_models: route}}
"""
MODELS = """\
models:
  gpt-5: {{provider: fake, tier: large, base_url: "{base_url}", price_usd_per_million: {{input: 1, output: 2}}}}
"""
POLICY = "policy: {name}\nchoose: {{use: gpt-5}}\n"


def test_the_command_serves_and_sends_every_record_before_it_ends(provider: FakeOpenAI, tmp_path: Path) -> None:
    """SIGTERM: exit code 0, and what was served a moment before is at the collector."""
    with otlp_sink() as sink:
        folder = write_folder(
            tmp_path,
            models=MODELS.format(base_url=provider.base_url),
            shadow=ROUTER.format(export=sink.url),
            always=POLICY.format(name="always"),
            other=POLICY.format(name="other"),
        )
        command = [sys.executable, "-m", "shadow", "gateway", "--routing", str(folder / "shadow.yaml"), "--port", "0"]
        environment = {**os.environ, "WEB_KEY": "web-key-0123456789abcdef"}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            started = process.stderr.readline()
            url = re.search(r"base_url (\S+)", started)
            assert url is not None, started
            headers = {"Authorization": "Bearer web-key-0123456789abcdef", "X-Team": "checkout"}
            for _ in range(5):
                reply = httpx.post(f"{url[1]}/chat/completions", json=QUESTION, headers=headers, timeout=PATIENCE_S)
                assert reply.status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
            assert process.stderr.read() == ""
    live = sink.by_role("live")
    assert len({row[keys.REQUEST_ID] for row in live}) == len(live) == 5
    assert {row[keys.LABELS] for row in live} == {'{"api_key":"web","team":"checkout"}'}
    assert len(sink.by_role("shadow")) == 5


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad file is 65 with the file's name, a taken port 69, a misspelt option 64."""
    observed = write_folder(tmp_path, shadow="live: {name: theirs}\nshadows: []\n") / "shadow.yaml"
    assert main(["gateway", "--routing", str(tmp_path / "absent.yaml")]) == 65
    assert main(["gateway", "--routing", str(observed)]) == 65
    assert "live must be a policy file, got the name 'theirs'" in capsys.readouterr().err
    executed = write_folder(
        tmp_path, shadow="live: policies/always.yaml\nshadows: []\n", always="policy: always\nchoose: {use: gpt-5}\n"
    )
    open_to_all = ["gateway", "--routing", str(executed / "shadow.yaml"), "--host", "0.0.0.0", "--port", "0"]
    assert main(open_to_all) == 65
    assert "gateway.keys must name a key to listen on 0.0.0.0" in capsys.readouterr().err
    with fake_openai() as other:
        port = str(other.server_address[1])
        assert main(["gateway", "--routing", str(executed / "shadow.yaml"), "--port", port]) == 69
        assert f"port {port} of 127.0.0.1 is in use" in capsys.readouterr().err
    assert main(["gateway", "--ruoting", "x"]) == 64
