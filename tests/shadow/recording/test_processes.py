"""What only a process of its own shows: what importing loads, what a fork leaves, what an exit delivers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow.telemetry import keys
from tests.support.groups import ROOT
from tests.support.otlp_sink import OtlpSink, otlp_sink

PATIENCE_S = 240
"""A process of a busy machine imports for half a minute. Nothing here depends on how long it takes."""

SERVICE = """
import os, sys, threading, time
from tests.support.sdk import always, complete, record, request, routing
from shadow.recording.recorder import Recorder
recorder = Recorder(routing([always("small")], export_to=sys.argv[1]))
"""


@pytest.fixture
def collector() -> Iterator[OtlpSink]:
    with otlp_sink() as running:
        yield running


def python(program: str, *arguments: str) -> str:
    """Run a program in a fresh interpreter, with warnings as errors; its output."""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:.*fork.*:DeprecationWarning", "-c", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    return finished.stdout


def test_importing_shadow_loads_next_to_nothing() -> None:
    """A service pays for what it uses; the names of the package are there before their modules are."""
    loaded = python("import sys, shadow; print(*sorted(sys.modules)); assert 'Observer' in dir(shadow)").split()
    ours = [name for name in loaded if name == "shadow" or name.startswith("shadow.")]
    assert ours == ["shadow"]
    heavy = {"opentelemetry", "pydantic", "httpx", "yaml", "genai_prices", "numpy", "asyncio"}
    assert heavy.isdisjoint(loaded)


def test_a_whole_observer_loads_none_of_the_platforms_libraries() -> None:
    """They belong to the other distribution."""
    program = SERVICE + "import shadow; shadow.Observer, shadow.ShadowRouter; print(*sorted(sys.modules))"
    roots = {name.partition(".")[0] for name in python(program, "http://127.0.0.1:9").split()}
    forbidden = {"numpy", "scipy", "pandas", "pyarrow", "clickhouse_connect", "chdb", "streamlit", "starlette", "typer"}
    assert forbidden.isdisjoint(roots)
    assert {"shadowroute"}.isdisjoint(roots)


def test_every_public_name_can_be_loaded() -> None:
    """`__all__` is exact, sorted and short."""
    program = """
import shadow
names = shadow.__all__
assert names == sorted(names) and len(names) <= 18, names
for name in names:
    assert getattr(shadow, name) is not None
assert dir(shadow) == names
try:
    shadow.Nothing
except AttributeError as error:
    print(error)
"""
    assert python(program) == "module 'shadow' has no attribute 'Nothing'\n"


def test_no_request_waits_for_an_import() -> None:
    """Clients load with the router: most of a second, in which an event loop would serve nobody."""
    program = """
import asyncio, sys, threading
from dataclasses import replace
from shadow.router import ShadowRouter
from shadow.testing import MemorySink
from tests.support.fake_openai import fake_openai
from tests.support.sdk import CATALOGUE, Catalogue, always, routing

class Notes:
    def find_spec(self, name, path, target=None):  # asked for what is not loaded yet
        if threading.current_thread() is threading.main_thread():
            print(name)

async def ask(settings):
    async with ShadowRouter(settings, exporter=MemorySink()) as router:
        sys.meta_path.insert(0, Notes())
        asked = [{"role": "user", "content": "hi"}]
        await router.acomplete(messages=asked)
        router.complete(messages=asked)
        list(router.stream(messages=asked))
        sys.meta_path.pop(0)

with fake_openai() as provider:
    models = Catalogue([replace(model, base_url=provider.base_url) for model in CATALOGUE.models.values()])
    settings = replace(routing([always("big")], catalogue=models), live=always("small", "live-rules"))
    asyncio.run(ask(settings))
"""
    assert python(program) == ""


def test_an_exit_delivers_what_was_closed_and_closes_what_was_not(collector: OtlpSink) -> None:
    """A script that ends without a word loses nothing."""
    python(
        SERVICE
        + """
from shadow.domain.snapshot import Snapshot
from tests.support.sdk import decision
record(recorder, request("closed"), complete())
recorder.open(request("open"), Snapshot(), decision("big", "live"), decide_s=0.1)
""",
        collector.url,
    )
    assert {row[keys.REQUEST_ID]: row[keys.OUTCOME_STATUS] for row in collector.by_role("live")} == {
        "closed": "complete",
        "open": "unreported",
    }
    assert len(collector.by_role("shadow")) == 2


def test_parent_and_child_of_a_fork_record_their_own_requests(collector: OtlpSink) -> None:
    """Servers fork after their application was imported, some of them in the middle of traffic."""
    python(
        SERVICE
        + """
for number in range(50):
    record(recorder, request(f"before-{number}"), complete())
assert recorder.flush(20)
for number in range(50):
    record(recorder, request(f"during-{number}"), complete())
child = os.fork()
name = "parent" if child else "child"
for number in range(50):
    record(recorder, request(f"{name}-{number}"), complete())
recorder.signal("r", name, 1)
assert recorder.flush(20)
assert recorder.stats.requests == (150 if child else 50), recorder.stats
if not child:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
""",
        collector.url,
    )
    ids = sorted(row[keys.REQUEST_ID] for row in collector.by_role("live"))
    assert ids == sorted(f"{name}-{number}" for name in ("before", "during", "parent", "child") for number in range(50))
    assert len(collector.by_role("shadow")) == 200


def test_an_exit_with_a_stuck_shadow_and_no_collector_is_over_soon(tmp_path: Path) -> None:
    """Nothing of ours keeps a process alive."""
    program = """
import sys, time
from tests.support.sdk import FunctionPolicy, complete, record, request, routing
from shadow.recording import at_exit, recorder
at_exit.EXIT_FLUSH_S = 0.5
made = recorder.Recorder(routing([FunctionPolicy("stuck", lambda _: time.sleep(600))], export_to="http://127.0.0.1:9"))
record(made, request("r1"), complete())
print("done")
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (finished.returncode, finished.stdout) == (0, "done\n")
    assert "Traceback" not in finished.stderr
