"""LiteLLM's proxy of two releases with the callback, as its example configures it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shadow.telemetry import keys
from tests.hosts.environments import CURRENT, RELEASES, Release, python_of
from tests.support.examples import copy_examples
from tests.support.fake_openai import Behaviour, fake_openai
from tests.support.groups import ROOT
from tests.support.otlp_sink import otlp_sink

pytestmark = pytest.mark.litellm
MASTER_KEY = "sk-master-0123456789abcdef0123456789"
START_S = 400.0
QUESTION = "Order 17: what is the total?"


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@contextmanager
def running(python: Path, folder: Path, openai_url: str) -> Iterator[str]:
    """The proxy on a free port, in the example's folder; its base address."""
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OPENAI", "OTEL"))}
    environment |= {
        "OPENAI_BASE_URL": openai_url,
        "OPENAI_API_KEY": "sk-test",
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "SHADOWROUTE_ROUTING": "../routing/litellm.yaml",
        "SHADOW_ID_KEY": "s3cret",
    }
    command = [str(python.with_name("litellm")), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "proxy.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_S
            while not answers(f"http://127.0.0.1:{port}/health/liveliness"):
                assert process.poll() is None, (folder / "proxy.log").read_text()[-3000:]
                assert time.monotonic() < deadline, (folder / "proxy.log").read_text()[-3000:]
                time.sleep(0.3)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def request_of(url: str, task: str, **changes: Any) -> urllib.request.Request:
    body = {"model": "chat", "messages": [{"role": "user", "content": QUESTION}], **changes}
    body["metadata"] = {"session_id": "s-1", "task": task}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {MASTER_KEY}"}
    return urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), headers)


def ask(url: str, task: str, **changes: Any) -> str:
    """Body of one answer, or of the error."""
    try:
        with urllib.request.urlopen(request_of(url, task, **changes), timeout=120) as reply:
            return str(reply.read().decode())
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


def leave(url: str, task: str) -> None:
    """Read the beginning of a stream and close the connection."""
    with urllib.request.urlopen(request_of(url, task, stream=True), timeout=120) as reply:
        assert reply.readline().startswith(b"data:")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_the_proxy_answers_as_before_and_every_request_is_recorded(release: Release, tmp_path: Path) -> None:
    """One row per request of a client: what was picked, tried and served, of streams and errors too."""
    python = python_of(release)
    with fake_openai() as openai, otlp_sink() as sink:
        folder = copy_examples(tmp_path, sink.url) / "litellm_proxy"
        shutil.copytree(ROOT / "examples" / "litellm_proxy", folder)
        with running(python, folder, openai.base_url) as url:
            assert f"echo {QUESTION}" in ask(url, "plain")
            openai.will("gpt-5", *[Behaviour(status=500)] * 3)  # once, and the two retries that are LiteLLM's default
            assert f"echo {QUESTION}" in ask(url, "falls back")
            openai.will("gpt-4.1", *[Behaviour(status=400)] * 3)
            assert ask(url, "fails", model="backup").startswith("400")
            assert "data: [DONE]" in ask(url, "streams", stream=True, stream_options={"include_usage": True})
            rows_expected = 4
            if release is CURRENT:  # the older one tells nothing about a client that leaves
                openai.will("gpt-5", Behaviour(stall_after=2))
                leave(url, "leaves")
                rows_expected = 5
            deadline = time.monotonic() + 60
            while len(sink.by_role("live")) < rows_expected and time.monotonic() < deadline:
                time.sleep(0.1)
    rows = {row[keys.TASK]: row for row in sink.by_role("live")}
    left = rows.pop("leaves", None)
    assert (left and left[keys.OUTCOME_STATUS]) == ("partial" if release is CURRENT else None)
    assert sorted(rows) == ["fails", "falls back", "plain", "streams"]
    assert len(sink.by_role("live")) == rows_expected
    assert len(sink.by_role("shadow")) == 2 * rows_expected
    assert {row[keys.POLICY_NAME] for row in rows.values()} == {"litellm"}
    assert len({row[keys.POLICY_VERSION] for row in rows.values()}) == 1
    assert all(len(row[keys.POLICY_VERSION]) == 12 and row[keys.SESSION_KEY] for row in rows.values())
    for task in ("plain", "streams"):
        row = rows[task]
        assert (row[keys.DECISION_MODEL], row[keys.RESPONSE_MODEL]) == ("gpt-5", "gpt-5"), task
        assert (row[keys.USAGE_INPUT_TOKENS], row[keys.USAGE_OUTPUT_TOKENS]) == (10, 5), task
        assert row[keys.OUTCOME_STATUS] == "complete", task
        assert row[keys.OUTCOME_COST_USD] > 0, task
    assert rows["streams"][keys.TIME_TO_FIRST_CHUNK] > 0
    fallen = rows["falls back"]
    assert (fallen[keys.DECISION_MODEL], fallen[keys.RESPONSE_MODEL]) == ("gpt-5", "gpt-4.1")
    assert fallen[keys.OUTCOME_CONTAMINATION] == "fallback"
    kinds = [attempt["kind"] for attempt in json.loads(fallen[keys.ATTEMPTS])]
    assert (kinds[0], kinds[-1]) == ("primary", "fallback")
    assert set(kinds[1:-1]) <= {"retry"}
    failed = rows["fails"]
    assert (failed[keys.OUTCOME_STATUS], failed[keys.ERROR_TYPE]) == ("error", "BadRequestError")
    assert failed[keys.DECISION_MODEL] == "gpt-4.1"
