"""Senders that are not our SDK: OpenTelemetry for JavaScript, and curl with OTLP JSON. What they send shows up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from shadow.prices.registry import BANDS, BEGINNING, Price, PriceRow
from shadowroute import app
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.money import cost_cube
from shadowroute.analysis.queries.requests import request_trace
from shadowroute.analysis.queries.signal_cells import signal_cells
from shadowroute.analysis.report import project_report
from shadowroute.analysis.results import Estimate
from shadowroute.analysis.study import Study
from shadowroute.app import runtime
from shadowroute.collector.price_books import pin
from shadowroute.collector.serve import CollectorServer, rollup_now
from shadowroute.collector.store import Store
from tests.support.groups import need_node, skip_group

NODE = Path(__file__).with_name("node")
PRICES = {"gpt-5": (1.25, 10.0), "claude-sonnet-4-5": (3.0, 15.0), "gpt-5-mini": (0.25, 2.0)}
REQUESTS = 400


@pytest.fixture
def server(store: Store) -> Iterator[CollectorServer]:
    with CollectorServer(store, otlp_port=0, clickhouse_port=None, rollup=False) as running:
        yield running


@pytest.fixture(scope="session")
def node_sender(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The JavaScript sender with its locked packages, in a folder of its own."""
    npm = need_node()
    folder = tmp_path_factory.mktemp("node") / "sender"
    shutil.copytree(NODE, folder, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        skip_group("node", f"npm cannot install the sender ({done.stderr.strip().splitlines()[-1]})")
    return ["node", str(folder / "send.mjs")]


def price_rows() -> list[PriceRow]:
    return [
        PriceRow(
            provider="test", model=model, context_band=band, effective_from=BEGINNING, source="test",
            price=Price(
                input_usd_per_mtok=input_usd, cache_read_usd_per_mtok=input_usd, cache_write_usd_per_mtok=input_usd,
                output_usd_per_mtok=output_usd,
            ),
        )
        for model, (input_usd, output_usd) in PRICES.items()
        for band in BANDS
    ]  # fmt: skip


@pytest.mark.node
def test_opentelemetry_for_javascript_is_measured(
    server: CollectorServer, store: Store, node_sender: list[str]
) -> None:
    """A Node.js service with OpenTelemetry's own exporter gets all four measures, without our SDK."""
    environment = {**os.environ, "NO_PROXY": "*"}
    done = subprocess.run(
        [*node_sender, server.otlp_url, "checkout", str(REQUESTS)],
        capture_output=True, text=True, check=False, env=environment, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    pin(store.client(), "checkout", price_rows(), "book", "test")
    rollup_now(store, labels=["team"])

    q = Queries(store.client(), "checkout")
    window = q.window_available()
    assert window is not None
    report = project_report(Study(q, window, book="book"), by=["label:team", "task"])
    assert report.requests == REQUESTS
    (policy,) = report.policies
    assert policy.policy.name == "cheap"
    divergence = policy.overall.divergence.model
    assert isinstance(divergence, Estimate)
    assert (divergence.value, divergence.n) == (1.0, REQUESTS)
    costs = cost_cube(q, window, policy.policy, "book").sums()
    live = sum((1000 + i) * PRICES["claude-sonnet-4-5" if i % 4 == 0 else "gpt-5"][0] for i in range(REQUESTS)) / 1e6
    shadow = sum((1000 + i) * PRICES["gpt-5-mini"][0] for i in range(REQUESTS)) / 1e6
    assert costs.live.numerator.sum() == pytest.approx(live, rel=1e-9)
    assert costs.shadow.numerator.sum() == pytest.approx(shadow, rel=1e-9)
    (thumbs,) = q.signals_seen(window)
    assert (thumbs.name, thumbs.source, thumbs.n) == ("thumbs", "user", REQUESTS)
    scores = signal_cells(q, window, policy.policy, thumbs)
    assert sum(s.score.numerator.sum() for s in scores) == pytest.approx(REQUESTS * 0.8)
    trace = request_trace(q, "node-7")
    assert trace is not None
    page = overview(store)
    assert "checkout: 400 requests" in page
    assert "cheap" in page


def overview(store: Store) -> str:
    """All text of the first page of the review app, run over this store."""
    runtime.configure(runtime.Runtime(store=store, otlp_url="http://127.0.0.1:4318", ui_url="http://127.0.0.1:8501"))
    try:
        page = AppTest.from_file(Path(app.__file__).with_name("ui.py"), default_timeout=60).run()
    finally:
        runtime.configure(None)
    assert not page.exception
    return "\n".join(str(element.value) for element in page.main if hasattr(element, "value"))


def curl(url: str, document: Any) -> tuple[int, Any]:
    """Status and JSON answer of a POST by the program that people have at hand."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(
        [program, "-sS", "--noproxy", "*", "-X", "POST", url, "-H", "Content-Type: application/json",
         "--data-binary", "@-", "-w", "\n%{http_code}"],
        input=json.dumps(document), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body or "{}")


def otlp(spans: list[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def span(name: str, span_id: str, attributes: dict[str, str | int]) -> dict[str, Any]:
    """A span in OTLP JSON: hex ids, 64-bit integers as text."""
    now = time.time_ns()
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": span_id,
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 1_000_000),
        "attributes": [
            {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
            for key, value in attributes.items()
        ],
    }


def test_curl_with_otlp_json_is_measured(server: CollectorServer, store: Store) -> None:
    """Two spans typed by hand are a request with a shadow; a mistake in one is named and the other is kept."""
    request: dict[str, str | int] = {
        "llm_router.request.id": "by-hand",
        "llm_router.policy.version": "1",
        "llm_router.outcome.status": "complete",
        "gen_ai.response.model": "gpt-5",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 0,
    }
    live = span("route", "eee19b7ec3c1b174", {
        **request, "llm_router.role": "live", "llm_router.policy.name": "main", "llm_router.decision.model": "gpt-5",
    })  # fmt: skip
    shadow = span("shadow cheap", "eee19b7ec3c1b175", {
        **request, "llm_router.role": "shadow", "llm_router.policy.name": "cheap", "llm_router.live.model": "gpt-5",
        "llm_router.decision.model": "gpt-5-mini",
    })  # fmt: skip
    assert curl(f"{server.otlp_url}/v1/traces", otlp([live, shadow])) == (200, {})

    status, answer = curl(f"{server.otlp_url}/v1/traces", otlp([{**live, "spanId": "abcd"}, shadow]))
    assert status == 200
    assert answer["partialSuccess"]["rejectedSpans"] in (1, "1")
    assert answer["partialSuccess"]["errorMessage"]
    status, _ = curl(f"{server.otlp_url}/v1/signals", {"request_id": "by-hand", "name": "resolved", "value": 1})
    assert status == 200

    rollup_now(store)
    q = Queries(store.client(), "default")
    window = q.window_available()
    assert window is not None
    (policy,) = project_report(Study(q, window)).policies
    assert (policy.policy.name, cost_cube(q, window, policy.policy, "").n) == ("cheap", 1)
    (signal,) = q.signals_seen(window)
    assert (signal.name, signal.n) == ("resolved", 1)
