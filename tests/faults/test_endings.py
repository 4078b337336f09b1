"""F13: forks, reloads of a server, SIGTERM in the middle of work, a new event loop, a machine that stands still."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from shadow.router import ShadowRouter
from shadow.telemetry import keys
from tests.support.fake_openai import Behaviour, FakeOpenAI, fake_openai
from tests.support.faulty_shadows import FULL, service
from tests.support.groups import ROOT
from tests.support.otlp_sink import OtlpSink, otlp_sink
from tests.support.sdk import always

QUEUED = 10_000 if FULL else 300

SERVICE = """
import os, signal, sys, time
from shadow.recording import at_exit
from shadow.recording.recorder import Recorder
from tests.support.sdk import always, complete, record, request, routing
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as gunicorn and uvicorn do
made = Recorder(routing([always("small")], export_to=sys.argv[1], max_pending=20_000, queue_spans=60_000))
def serve(name, count):
    for number in range(count):
        record(made, request(f"{name}-{number}"), complete())
"""


@pytest.fixture
def collector() -> Iterator[OtlpSink]:
    with otlp_sink() as running:
        yield running


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


def started(program: str, collector: OtlpSink) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE + program, collector.url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def counted(collector: OtlpSink, role: str) -> Counter[str]:
    """How often each request has a row of that role, by what its id begins with."""
    ids = [row[keys.REQUEST_ID] for row in collector.by_role(role)]
    assert len(set(ids)) == len(ids)
    return Counter(each.partition("-")[0] for each in ids)


def test_f13_sigterm_with_a_full_backlog_loses_nothing(collector: OtlpSink) -> None:
    """The server's handler exits, and what is queued is judged, sent and counted once.

    How long that takes is printed. An exit waits for 10 s; what a busy machine does in them is no matter of the test.
    """
    patient = "at_exit.EXIT_FLUSH_S = 240\n"
    with started(
        f"{patient}serve('queued', {QUEUED})\nprint('ready', flush=True)\ntime.sleep(600)\n", collector
    ) as ran:
        assert ran.stdout is not None
        assert ran.stdout.readline() == "ready\n"
        ended = time.perf_counter()
        ran.send_signal(signal.SIGTERM)
        assert ran.wait(300) == 0
        print(f"{QUEUED} queued requests drained in {time.perf_counter() - ended:.1f} s after SIGTERM")
    assert counted(collector, "live") == counted(collector, "shadow") == {"queued": QUEUED}


def test_f13_workers_of_a_preloading_server_come_and_go(collector: OtlpSink) -> None:
    """A parent with the application loaded forks workers; a reload ends them and forks new ones."""
    program = """
at_exit.EXIT_FLUSH_S = 120
serve("preload", 5)
def fork(name):
    child = os.fork()
    if not child:
        serve(name, 20)
        sys.exit(0)
    return child
def wait(children):
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
wait([fork("first"), fork("second")])
serve("between", 5)
wait([fork("third"), fork("fourth")])
"""
    with started(program, collector) as ran:
        assert ran.wait(300) == 0
    expected = {"preload": 5, "between": 5, "first": 20, "second": 20, "third": 20, "fourth": 20}
    assert counted(collector, "live") == counted(collector, "shadow") == expected


def test_f13_one_router_serves_several_event_loops(server: FakeOpenAI, collector: OtlpSink) -> None:
    """A loop that ended takes nothing with it."""
    server.will("big", *[Behaviour(headers={"Connection": "close"})] * 15)  # no socket is left to a loop that is gone
    with ShadowRouter(service(server, collector, [always("small", "shadow")], budget_s=60)) as router:

        async def calls() -> list[str]:
            asked = [router.acomplete(messages=[{"role": "user", "content": str(n)}]) for n in range(5)]
            return [reply.text for reply in await asyncio.gather(*asked)]

        for _ in range(3):
            assert asyncio.run(calls()) == [f"echo {n}" for n in range(5)]
        assert router.flush(120)
    assert len(collector.by_role("live")) == len(collector.by_role("shadow")) == 15


@pytest.mark.skipif(os.name != "posix", reason="usleep is POSIX's")
def test_f13_a_pause_of_the_whole_interpreter_is_no_shadows_fault(server: FakeOpenAI, collector: OtlpSink) -> None:
    """A garbage collection or a paused machine stops watcher and policy alike; nobody gets a strike for it."""
    pause = ctypes.PyDLL(None).usleep  # PyDLL keeps the interpreter lock
    begun = threading.Event()

    def stop_the_world() -> None:
        begun.wait(60)
        for _ in range(5):
            pause(200_000)
            time.sleep(0.001)

    thread = threading.Thread(target=stop_the_world)
    thread.start()
    with ShadowRouter(service(server, collector, [always("small", "shadow")], budget_s=2.0)) as router:
        begun.set()
        for number in range(20):
            router.complete(messages=[{"role": "user", "content": str(number)}])
        thread.join()
        assert router.flush(120)
        assert router.stats.switched_off == {}
        assert router.stats.shadow_failures == {}
    assert len(collector.by_role("shadow")) == 20
