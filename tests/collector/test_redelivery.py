"""Delivering spans again, in whatever company, changes no figure: counts exactly, sums to 1e-12 relative."""

from __future__ import annotations

import random
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shadow.telemetry import keys
from shadowroute.collector.otlp.bodies import from_protobuf
from shadowroute.collector.otlp.decode import decode_traces
from shadowroute.collector.otlp.limits import Limits
from shadowroute.collector.serve import ingest, rollup_now
from shadowroute.collector.store import Store
from shadowroute.collector.store.writer import ALONE_ROWS, Writer, body_token
from tests.support.otlp import Sent, Value, decision, post, traces

DAY_NS = 86_400 * 10**9
START_NS = 1_790_000_000 * 10**9
MODELS = ("gpt-5", "gpt-5-mini")
SHADOWS = ("cheap", "bold")


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big")


def request_spans(number: int, rng: random.Random) -> list[Sent]:
    """One request: live, two shadows, and sometimes a late outcome or a signal."""
    request_id, start = f"r{number}", START_NS + number % 3 * DAY_NS + number
    late = rng.random() < 0.2
    usage: dict[str, Value] = {
        keys.USAGE_INPUT_TOKENS: rng.randrange(10, 5_000),
        keys.USAGE_OUTPUT_TOKENS: rng.randrange(1, 900),
        keys.RESPONSE_MODEL: MODELS[0],
    }
    shared: dict[str, Value] = {
        keys.REQUEST_TIME_US: start // 1_000,
        keys.USER_KEY: f"user{number % 17}",
        keys.TASK: rng.choice(["code", "chat"]),
        keys.LIVE_MODEL: MODELS[0],
        keys.SAMPLE_RATE: rng.choice([1.0, 0.1]),
        **({} if late else {**usage, keys.OUTCOME_STATUS: "complete"}),
    }
    made = [decision(request_id) | shared]
    made += [
        decision(request_id, "shadow", name, llm_router__decision__model=rng.choice(MODELS)) | shared
        for name in SHADOWS
    ]
    sent = [Sent(a, span_id=span_id(number * 10 + i + 1), start_ns=start) for i, a in enumerate(made)]
    if late:
        outcome = {keys.REQUEST_ID: request_id, keys.ROLE: "outcome", **usage}
        sent.append(Sent(outcome, span_id=span_id(number * 10 + 8), start_ns=start + DAY_NS))
    if rng.random() < 0.5:
        signal: dict[str, Value] = {
            keys.REQUEST_ID: request_id,
            keys.EVALUATION_NAME: "thumbs",
            keys.EVALUATION_SCORE: rng.random(),
        }
        sent.append(Sent(signal, span_id=span_id(number * 10 + 9), start_ns=start + 2 * DAY_NS))
    return sent


def batches(spans: list[Sent], size: int) -> list[bytes]:
    return [traces(*spans[first : first + size]) for first in range(0, len(spans), size)]


def sums(store: Store) -> dict[tuple[Any, ...], Any]:
    """Every row of the three rollups: key to numbers."""
    rollup_now(store)
    found = {}
    for table in ("pair_daily", "cost_daily", "signal_daily"):
        for row in store.client().query(f"SELECT * FROM {table}").named_results():
            numbers = {name: value for name, value in row.items() if name == "n" or isinstance(value, float)}
            key = (table, *(value for name, value in row.items() if name not in numbers))
            found[key] = numbers
    return found


def test_redelivered_and_rebatched_spans_change_no_figure(store: Store) -> None:
    """First clean, then every body again, then the same spans shuffled into other batches of other sizes."""
    rng = random.Random(7)
    spans = [span for number in range(200) for span in request_spans(number, rng)]
    with ingest(store) as endpoint:

        def deliver(bodies: list[bytes]) -> None:
            assert {post(f"{endpoint.url}/v1/traces", body, compress=True).status for body in bodies} == {200}

        first = batches(spans, 600)
        deliver(first)
        clean = sums(store)
        deliver(first)
        again = sums(store)
        rng.shuffle(spans)
        deliver(batches(spans, 97))
        rebatched = sums(store)
    assert len(clean) > 500
    for other in (again, rebatched):
        assert other.keys() == clean.keys()
        for key, numbers in clean.items():
            assert other[key] == pytest.approx(numbers, rel=1e-12, abs=0)
            assert other[key]["n"] == numbers["n"]


def test_a_large_body_sent_twice_is_stored_once(store: Store) -> None:
    """The engine recognises the token: the span table has no copy, the views neither."""
    spans = [Sent(decision(f"r{number}"), span_id=number.to_bytes(8, "big")) for number in range(1, ALONE_ROWS + 1)]
    body = traces(*spans)
    rows = decode_traces(from_protobuf(body, ExportTraceServiceRequest), Limits()).rows.arrow()
    writer = Writer(store)
    for _ in range(2):
        writer.submit(rows, body_token(body)).result(10)
    assert writer.close()
    for name in ("otel_traces", "decisions"):
        assert store.client().query(f"SELECT count() FROM {name}").result_rows == [(ALONE_ROWS,)]
