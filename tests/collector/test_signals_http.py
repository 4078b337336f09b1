"""POST /v1/signals: a thumbs button without an SDK."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shadowroute.collector.doors.signals_http import decode_signal
from shadowroute.collector.otlp.limits import RefusalError
from shadowroute.collector.serve import CollectorServer
from shadowroute.collector.store import Store
from tests.support.otlp import post

pytestmark = pytest.mark.dates


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    with CollectorServer(store, otlp_port=0, clickhouse_port=None, rollup=False) as server:
        yield f"{server.otlp_url}/v1/signals"


def send(url: str, **fields: Any) -> Any:
    return post(url, json.dumps(fields).encode(), content_type="application/json")


def test_a_signal_is_stored_before_the_answer(url: str, store: Store) -> None:
    """200 means it is there, with its project, source and time."""
    reply = send(
        url,
        request_id="r1",
        name="resolved",
        value=1,
        project="shop",
        source="user",
        time="2026-11-01T10:00:00.5+02:00",
    )
    assert (reply.status, reply.json()["target"], reply.json()["time"]) == (
        200,
        "r1",
        "2026-11-01T08:00:00.500000+00:00",
    )
    row = store.client().query("SELECT project, target, name, source, value, toString(ts) FROM signals").result_rows
    assert row == [("shop", "r1", "resolved", "user", 1.0, "2026-11-01 08:00:00.500000")]


def test_the_newest_event_wins_whatever_arrives_last(url: str, store: Store) -> None:
    """A thumb that was changed counts as changed, even if the older one is delivered again."""
    for value, day in ((0, "2026-11-02"), (1, "2026-11-03"), (0, "2026-11-02")):
        assert send(url, response_id="x", name="thumbs", value=value, time=day).status == 200
    assert store.client().query("SELECT target, value FROM signals FINAL").result_rows == [("response:x", 1.0)]


def test_a_withdrawn_signal_is_gone(url: str, store: Store) -> None:
    """deleted: true withdraws it."""
    send(url, request_id="r1", name="thumbs", value=1, time="2026-11-02")
    send(url, request_id="r1", name="thumbs", deleted=True, time="2026-11-03")
    assert store.client().query("SELECT count() FROM signals FINAL").result_rows == [(0,)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "x", "value": 1}, "request_id or response_id must be given, exactly one of them"),
        (
            {"request_id": "r", "response_id": "s", "name": "x", "value": 1},
            "request_id or response_id must be given, exactly one",
        ),
        ({"request_id": "r", "value": 1}, "name must be given"),
        ({"request_id": "r", "name": "x"}, "value must be given"),
        ({"request_id": "r", "name": "x", "value": 5}, "value must be a number in [0, 1] with 1 as best, got '5'"),
        ({"request_id": "r", "name": "x", "value": "good"}, "value must be a number in [0, 1]"),
        ({"request_id": "r", "name": "x", "value": float("nan")}, "value must be a number in [0, 1]"),
        ({"request_id": "r", "name": "x", "value": 10**400}, "value must be a number in [0, 1]"),
        (
            {"request_id": "r", "name": "x", "value": 1, "source": "robot"},
            "source must be one of human, user, code, llm, reference",
        ),
        ({"request_id": "r", "name": "x", "value": 1, "time": "yesterday"}, "time must be ISO 8601"),
        (
            {"request_id": "r", "name": "x", "value": 1, "time": "1970-01-01"},
            "time must be ISO 8601 between 2000 and tomorrow",
        ),
        ({"request_id": "r", "name": "x", "value": 1, "time": 5}, "time must be ISO 8601"),
        ({"request_id": "r", "name": "x", "value": 1, "score": 1}, "score must be one of request_id, response_id"),
        ({"request_id": 7, "name": "x", "value": 1}, "request_id must be a text"),
        ({"request_id": "r\ud800", "name": "x", "value": 1}, "request_id must be valid Unicode"),
        ({"request_id": "r", "name": "x", "value": 1, "deleted": "yes"}, "deleted must be true or false"),
    ],
)
def test_a_wrong_field_is_named_with_its_rule(fields: dict[str, Any], reason: str) -> None:
    """400 tells the caller what to change."""
    with pytest.raises(RefusalError) as caught:
        decode_signal(json.dumps(fields).encode())
    assert caught.value.status == 400
    assert reason in caught.value.reason


@pytest.mark.parametrize("told", ["2026-11-20T10:00:00Z", "2026-11-20 10:00:00", 1_795_168_800, "1795168800000"])
def test_a_time_is_read_as_everywhere(told: Any) -> None:
    """A nightly job may have epoch times."""
    body = json.dumps({"request_id": "r", "name": "x", "value": 1, "time": told}).encode()
    assert decode_signal(body, now_ns=1_795_168_800_000_000_000).time == "2026-11-20T10:00:00+00:00"


def test_a_wrong_type_of_body_is_refused(url: str) -> None:
    """A form post of a browser is no signal: only JSON is read."""
    reply = post(url, b'{"request_id":"r","name":"x","value":1}', content_type="text/plain")
    assert (reply.status, reply.reason) == (415, "Content-Type must be application/json, got 'text/plain'")


def test_a_label_needs_no_value(store: Store, url: str) -> None:
    """A category without a number is a signal too; its value is unknown, not 0."""
    assert send(url, request_id="r", name="topic", label="billing").status == 200
    assert store.client().query("SELECT label, value FROM signals").result_rows == [("billing", None)]


def test_time_defaults_to_now() -> None:
    """Without a time the receiver's clock counts."""
    now = time.time_ns()
    signal = decode_signal(b'{"request_id":"r","name":"x","value":0.5}', now_ns=now)
    assert signal.rows.arrow()["Timestamp"][0].value == now
