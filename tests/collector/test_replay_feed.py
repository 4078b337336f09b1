"""The feed plays requests at their own time, and never lets a run go on whose records were lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from shadow.config import Routing
from shadow.domain.outcome import Answer, Usage
from shadow.domain.policy import Decision, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import MissingOutcomeError
from shadow.prices.catalogue import Catalogue, Model
from shadow.providers.recorded import RecordedProvider
from shadowroute.collector.replay.feed import EventClock, LostRecordsError
from shadowroute.collector.replay.record import Record, said
from shadowroute.collector.replay.routed import RoutedFeed
from shadowroute.collector.serve import IngestEndpoint
from tests.support.otlp_sink import otlp_sink

ANSWER = Answer(text="yes", model="m", response_id="r", usage=Usage(input_tokens=5, output_tokens=1), score=1.0)
LATER_US = 946_684_800_000_000


class Always:
    """The smallest live policy."""

    name = "always"
    version = "1"

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        return Decision(policy=self.name, version=self.version, steps=(Step(kind="primary", model="m"),))


def asked(request_id: str) -> Record:
    return Record(request_id=request_id, time_us=LATER_US, messages=said("Yes?"))


def feed(url: str) -> RoutedFeed:
    routing = Routing.of(live=Always(), catalogue=Catalogue([Model(name="m")]), export_to=url)
    return RoutedFeed(routing, RecordedProvider({("q1", "m"): ANSWER}), IngestEndpoint(url))


class _Refuses(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Keep the test output quiet."""


@contextmanager
def refusing() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Refuses) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_request_and_its_signal_carry_their_own_time() -> None:
    """Event time is the query's, not the machine's: a second run meets its own rows."""
    with otlp_sink() as sink:
        with feed(sink.url) as running:
            reply = running.complete(asked("q1"))
            running.signal("q1", "score", 1.0, time_us=LATER_US, source="reference")
        (live,) = sink.by_role("live")
        (signal,) = [attributes for name, attributes in sink.spans if name.startswith("evaluation")]
    assert reply.text == "yes"
    assert live["llm_router.request.time_us"] == LATER_US
    assert (signal["llm_router.request.id"], signal["gen_ai.evaluation.score.value"]) == ("q1", 1.0)


def test_lost_records_end_the_run_with_their_counts() -> None:
    """A collector that refuses the spans leaves no result that looks like one."""
    lost = pytest.raises(LostRecordsError, match=r"of 1 request sent, records were lost .*: dropped 2")
    with refusing() as url, lost, feed(url) as running:
        running.complete(asked("q1"))


def test_an_error_of_the_run_is_not_covered_by_the_check() -> None:
    """The first error is the one to read: a missing outcome, not the counts that follow from it."""
    missing = pytest.raises(MissingOutcomeError, match="no recorded outcome of m for q2")
    with otlp_sink() as sink, missing, feed(sink.url) as running:
        running.complete(asked("q2"))


def test_the_event_clock_stands_still_between_requests() -> None:
    """Only a request or a signal moves event time; durations stay those of the machine."""
    clock = EventClock()
    clock.now_us = LATER_US
    assert clock.time_ns() == LATER_US * 1_000
    assert clock.perf_counter() <= clock.perf_counter()
