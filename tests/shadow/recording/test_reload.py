from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from shadow.config import Limits, Reload, Routing, load_routing
from shadow.domain.snapshot import STATELESS
from shadow.observer import Observer
from shadow.prices.catalogue import Catalogue, Model
from shadow.providers.recorded import RecordedProvider
from shadow.recording.recorder import Recorder
from shadow.recording.reload import Reloader
from shadow.router import ShadowRouter
from shadow.telemetry import keys
from shadow.testing import MemorySink
from tests.support.routing_folder import ALWAYS, write_folder
from tests.support.sdk import CATALOGUE, always, complete, decision, request, routing

SHADOW = """\
live: {name: host, version: "1"}
shadows: [policies/always.yaml]
"""
MINI = "policy: always\nchoose: {use: gpt-5-mini}\n"
GOOD = {"models": None, "shadow": None, "always": MINI}
BAD: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "schema error": ({"always": "policy: always\nchoos: {use: gpt-5}\n"}, 'unknown key "choos"'),
    "no YAML": ({"always": "policy: [always\n"}, "file must be YAML"),
    "unknown model": ({"always": "policy: always\nchoose: {use: gpt-9}\n"}, 'no model "gpt-9"'),
    "negative price": (
        {"models": "models:\n  gpt-5: {price_usd_per_million: {input: -1, output: 2}}\n"},
        "must be greater than or equal to 0, got -1",
    ),
    "cycle in a fallback chain": (
        {"always": "policy: always\nchoose: {use: gpt-5-mini}\nfallback: [llama-70b, azure/gpt-5-prod, gpt-5]\n"},
        "fallback must name each model once, got gpt-5 twice",
    ),
    "missing file": ({"shadow": SHADOW.replace("always", "other")}, "no file policies/other.yaml"),
    "module that ends the process": (
        {"always": "policy: always\nchoose: {call: 'tests.support.exits:decide', version: '1'}\n"},
        "SystemExit",
    ),
    "another project": ({"shadow": SHADOW + "project: other\n"}, "project must stay the same while the process runs"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path, shadow=SHADOW, always=ALWAYS)


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def observer(folder: Path, sink: MemorySink) -> Iterator[Observer]:
    with Observer(folder / "shadow.yaml", exporter=sink) as made:
        yield made


def serve(observer: Observer, request_id: str) -> None:
    with observer.request(messages=[{"role": "user", "content": "Hello"}], request_id=request_id) as begun:
        begun.chose("gpt-5")
        begun.served(model="gpt-5", input_tokens=1, output_tokens=1)


def models_of(sink: MemorySink, role: str) -> dict[str, str]:
    return {row[keys.REQUEST_ID]: row[keys.DECISION_MODEL] for row in sink.rows(role)}


def test_new_requests_are_judged_by_the_new_files(folder: Path, observer: Observer, sink: MemorySink) -> None:
    """Another model, another version of the policy, from the next request on."""
    serve(observer, "before")
    write_folder(folder, models=None, always=MINI)
    assert observer.reload()
    serve(observer, "after")
    assert observer.flush(20)
    assert models_of(sink, "shadow") == {"before": "gpt-5", "after": "gpt-5-mini"}
    assert len({row[keys.POLICY_VERSION] for row in sink.rows("shadow")}) == 2
    assert (observer.stats.reloads, observer.stats.reloads_refused, observer.stats.reload_error) == (1, 0, "")


def test_a_request_ends_with_the_version_that_it_began_with(folder: Path, observer: Observer, sink: MemorySink) -> None:
    """Its live version, its labels, its shadows and the tiers of its models are of one moment."""
    begun = observer.request(messages=[{"role": "user", "content": "Hello"}], request_id="old").begin()
    models = "models:\n  gpt-5: {tier: medium}\n  gpt-5-mini: {tier: medium}\n"
    write_folder(folder, models=models, shadow=SHADOW.replace('"1"', '"2"'), always=MINI)
    assert observer.reload()
    serve(observer, "new")
    begun.chose("gpt-5")
    begun.served(model="gpt-5", input_tokens=1, output_tokens=1)
    assert observer.flush(20)
    live = {row[keys.REQUEST_ID]: (row[keys.POLICY_VERSION], row[keys.DECISION_TIER]) for row in sink.rows("live")}
    assert live == {"old": ("1", "large"), "new": ("2", "medium")}
    shadow = {row[keys.REQUEST_ID]: (row[keys.DECISION_MODEL], row[keys.LIVE_TIER]) for row in sink.rows("shadow")}
    assert shadow == {"old": ("gpt-5", "large"), "new": ("gpt-5-mini", "medium")}


@pytest.mark.parametrize("mistake", BAD)
def test_a_bad_file_keeps_the_old_version_running_and_says_why(
    mistake: str, folder: Path, observer: Observer, sink: MemorySink, caplog: pytest.LogCaptureFixture
) -> None:
    """Logged once however often it is tried, counted, and on the spans until the files are good again."""
    texts, reason = BAD[mistake]
    write_folder(folder, **({"models": None} | texts))
    assert not observer.reload()
    assert not observer.reload()
    serve(observer, "bad")
    assert (observer.stats.reloads, observer.stats.reloads_refused) == (0, 2)
    assert reason in observer.stats.reload_error
    assert observer.flush(20)
    assert caplog.text.count("requests use the old configuration") == 1
    write_folder(folder, shadow=SHADOW, always=MINI)
    assert observer.reload()
    serve(observer, "good")
    assert observer.flush(20)
    assert models_of(sink, "shadow") == {"bad": "gpt-5", "good": "gpt-5-mini"}
    told = {row[keys.REQUEST_ID]: row.get(keys.RELOAD_ERROR, "") for row in sink.rows("live")}
    assert reason in told["bad"]
    assert str(folder) not in told["bad"]
    assert told["good"] == ""


def test_a_router_takes_no_file_that_it_cannot_execute(folder: Path) -> None:
    """`live` as a name is fine for an observer, and no policy for a router."""
    write_folder(folder, shadow="live: policies/always.yaml\nshadows: []\n", always=ALWAYS)
    with ShadowRouter(folder / "shadow.yaml", exporter=MemorySink()) as router:
        before = router.decide(request())
        write_folder(folder, shadow=SHADOW, always=MINI)
        assert not router.reload()
        assert "live must be a policy file" in router.stats.reload_error
        assert router.decide(request()) == before
        write_folder(folder, shadow="live: policies/always.yaml\nshadows: []\n", always=MINI)
        assert router.reload()
        assert router.decide(request()).model == "gpt-5-mini"


def test_a_reload_loads_what_calls_its_new_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is taken over, so that the first request for such a model waits for nothing."""
    loaded: list[bool] = []
    monkeypatch.setattr("shadow.providers.openai_http.load_clients", lambda: loaded.append(True))
    ours = replace(routing([]), live=always("small"))
    providers = {name: RecordedProvider({}) for name in ("openai", "onprem")}
    with ShadowRouter(ours, providers=providers, exporter=MemorySink()) as router:
        assert loaded == []
        models = [*CATALOGUE.models.values(), Model(name="new", provider="elsewhere", base_url="http://127.0.0.1:9")]
        assert router.reload(replace(ours, catalogue=Catalogue(models)))
        assert loaded == [True]


def test_a_routing_made_in_code_is_replaced_by_another_one() -> None:
    """Nothing can be read again, and the error says what to do."""
    sink = MemorySink()
    with Observer(routing([always("small")]), exporter=sink) as observer:
        assert not observer.reload()
        assert "pass a new Routing" in observer.stats.reload_error
        assert observer.reload(routing([always("other")]))
        serve(observer, "new")
        assert observer.flush(20)
    assert models_of(sink, "shadow") == {"new": "other"}


class Watched:
    """A watching reloader whose clock and looks are the test's."""

    def __init__(self, file: Path, every_s: float = 5.0) -> None:
        made = load_routing(file)
        changes: dict[str, Any] = {name: getattr(made, name) for name in made.__dataclass_fields__}
        self.recorder = Recorder(Routing(**(changes | {"reload": Reload(watch=True, every_s=every_s)})),
                                 exporter=MemorySink())  # fmt: skip
        self.now = 0.0
        self.loads = 0
        self.reloader = Reloader(
            self.recorder.routing_version.routing, self.recorder, load=self.load, tick=lambda: self.now
        )

    def load(self, file: Path) -> Routing:
        self.loads += 1
        made = load_routing(file)
        changes: dict[str, Any] = {name: getattr(made, name) for name in made.__dataclass_fields__}
        return Routing(**(changes | {"reload": Reload(watch=True)}))

    def look(self, times: int = 1) -> int:
        """Look after five seconds, again and again; how often files were loaded."""
        before = self.loads
        for _ in range(times):
            self.now += 5
            self.reloader.look()
        return self.loads - before

    @property
    def model(self) -> str:
        (shadow,) = self.recorder.routing_version.routing.shadows
        return shadow.decide(request(), STATELESS).model


def test_a_watched_change_is_taken_over_at_the_second_look(folder: Path) -> None:
    """Files that do not change are never read again, and a change that goes on is waited for."""
    watched = Watched(folder / "shadow.yaml")
    assert watched.look(5) == 0
    write_folder(folder, models=None, always="policy: always\nchoose: {use: gpt-5, \n")
    assert watched.look() == 0
    write_folder(folder, models=None, always=MINI + "# more\n")
    assert watched.look() == 0
    assert watched.look() == 1
    assert watched.model == "gpt-5-mini"
    assert watched.look(5) == 0
    assert watched.recorder.reloads.refused == 0


def test_a_touched_file_with_the_same_content_is_no_change(folder: Path) -> None:
    """A deployment that writes every file again changes nothing."""
    watched = Watched(folder / "shadow.yaml")
    write_folder(folder, shadow=SHADOW, always=ALWAYS)
    assert watched.look(5) == 0


def test_a_change_between_loading_and_the_first_look_is_seen(folder: Path) -> None:
    """What counts is what was read, not what the file was when watching began."""
    watched = Watched(folder / "shadow.yaml")
    write_folder(folder, models=None, always=MINI)
    assert watched.look(2) == 1
    assert watched.model == "gpt-5-mini"


def test_a_refused_change_is_tried_again_when_any_of_its_files_changes(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also a file that only the new shadow.yaml names, and that was not there."""
    watched = Watched(folder / "shadow.yaml")
    write_folder(folder, models=None, shadow=SHADOW.replace("always", "second"))
    assert watched.look(2) == 1
    assert watched.look(5) == 0
    assert caplog.text.count("requests use the old configuration") == 1
    write_folder(folder, models=None, second=MINI.replace("always", "second"))
    assert watched.look(2) == 1
    assert watched.model == "gpt-5-mini"
    assert watched.recorder.reloads.error == ""


def test_without_watch_nothing_is_looked_at(folder: Path) -> None:
    """It is off unless the file says so."""
    made = load_routing(folder / "shadow.yaml")
    assert made.reload == Reload(watch=False, every_s=5.0)
    write_folder(folder, models=None, shadow=SHADOW + "reload: {watch: true, every_s: 0.5}\n")
    assert load_routing(folder / "shadow.yaml").reload == Reload(watch=True, every_s=0.5)


def test_the_recorders_thread_looks(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From the first request on, without a call of the host."""
    caplog.set_level(logging.INFO, "shadowroute")
    write_folder(folder, models=None, shadow=SHADOW + "reload: {watch: true, every_s: 0.01}\n")
    with Observer(folder / "shadow.yaml", exporter=MemorySink()) as observer:
        serve(observer, "first")
        write_folder(folder, models=None, always=MINI)
        seen = threading.Event()
        observer._recorder.chores.now_and_then(lambda: seen.set() if observer.stats.reloads else None)
        assert seen.wait(60)
    assert "new requests use live host 1; shadows always" in caplog.text


def test_the_threads_of_an_old_version_end_with_its_last_request() -> None:
    """A service that reloads every minute does not gather threads."""
    old, new = always("small", "old"), always("small", "new")
    recorder = Recorder(routing([old]), exporter=MemorySink(), on_error="raise")

    def names() -> set[str]:
        return {each.name for each in threading.enumerate() if each.name in ("shadowroute-old", "shadowroute-new")}

    pending = recorder.open(request(), STATELESS, decision("big", "live"), decide_s=0.0)
    assert names() == {"shadowroute-old"}
    recorder.adopt(routing([new]))
    recorder._idle()
    assert names() == {"shadowroute-old", "shadowroute-new"}
    (thread,) = [each for each in threading.enumerate() if each.name == "shadowroute-old"]
    recorder.close(pending, complete())
    assert recorder.flush(20)
    recorder._idle()
    thread.join(20)
    assert names() == {"shadowroute-new"}
    assert recorder.shutdown(20)


def test_limits_that_threads_were_made_for_stay() -> None:
    """They are refused by name instead of being ignored."""
    with Observer(routing([always("small")]), exporter=MemorySink()) as observer:
        assert not observer.reload(routing([always("small")], max_pending=7))
        assert "limits.max_pending must stay the same" in observer.stats.reload_error
        assert observer.reload(routing([always("small")], budget_s=0.2))
        assert Limits(budget_s=0.2) == observer._recorder.routing_version.routing.limits
