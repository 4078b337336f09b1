"""The state on its way through router, observer and shadows: who sees whose, and what the rows say."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shadow.config import Routing, load_catalogue, load_policy, load_routing
from shadow.domain.ids import canonical_id
from shadow.domain.outcome import Answer, Usage
from shadow.domain.policy import Decision
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot, StateMode
from shadow.errors import ConfigError, PolicyError, ProviderError, UnservedError
from shadow.execution import ExecutionSettings, RetrySettings
from shadow.observer import Observer
from shadow.prices.catalogue import Catalogue, Model
from shadow.prices.registry import Price
from shadow.providers.protocol import Call
from shadow.providers.recorded import RecordedProvider
from shadow.router import ShadowRouter
from shadow.state import switches
from shadow.state.router_state import State
from shadow.state.settings import SpendingLimit, StateSettings
from shadow.testing import ManualClock, MemorySink
from tests.support.routing_folder import MODELS, write_folder
from tests.support.sdk import LIVE, decision

MESSAGES = [{"role": "user", "content": "hi"}]
PRICE = Price(
    input_usd_per_mtok=1.0, cache_read_usd_per_mtok=0.1, cache_write_usd_per_mtok=1.0, output_usd_per_mtok=10.0
)
CATALOGUE = Catalogue(
    [
        Model(name="big", provider="a", latency_s=4.0, price=PRICE),
        Model(name="small", provider="b", latency_s=2.0, price=PRICE),
    ]
)
USAGE = Usage(input_tokens=2000, output_tokens=100, cache_read_tokens=1000)


class Watching:
    """Always takes one model, and keeps the snapshots that it was given."""

    version = "1"

    def __init__(self, name: str, model: str, state_mode: StateMode = "shared") -> None:
        self.name = name
        self.state_mode = state_mode
        self.models = (model,)
        self.seen: list[Snapshot] = []

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        self.seen.append(snapshot)
        return decision(self.models[0], self.name)


class Always(RecordedProvider):
    """Answers every request alike, in a second of a manual clock, or fails."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__({})
        self._clock = clock
        self.fails = False

    def complete(self, call: Call) -> Answer:
        self._clock.advance(1.0)
        if self.fails:
            raise ProviderError("down", error_type="503", status=503, retryable=True)
        return Answer(text="ok", model=call.model.name, usage=USAGE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


def routed(live: Any, *shadows: Any, **changes: Any) -> Routing:
    return Routing.of(live=live, shadows=shadows, catalogue=CATALOGUE, **changes)


def modes(sink: MemorySink) -> Mapping[str, str]:
    return {row["llm_router.policy.name"]: row.get("llm_router.state.mode", "") for row in sink.rows("shadow")}


def test_shadows_see_the_state_that_live_saw(clock: ManualClock, sink: MemorySink) -> None:
    """Although they run later: the first request is seen with nothing known, the second with what the first taught."""
    live, shadow = Watching("live", "big"), Watching("shared", "small")
    with ShadowRouter(routed(live, shadow), providers=Always(clock), exporter=sink, clock=clock) as router:
        router.complete(messages=MESSAGES, session="s", input_tokens=3000)
        router.complete(messages=MESSAGES, session="s", input_tokens=3000)
    assert live.seen[0] == Snapshot(mode="shared")
    assert (live.seen[1].of("big").latency_s, live.seen[1].warm_tokens) == (1.0, {"big": 2000})
    assert shadow.seen == live.seen
    assert modes(sink) == {"shared": "shared"}


def test_a_stateless_policy_sees_nothing(clock: ManualClock, sink: MemorySink) -> None:
    """`state: none`, as live and as shadow; its rows say so, and the other shadows see the state all the same."""
    live = Watching("live", "big", "none")
    blind, other = Watching("blind", "small", "none"), Watching("other", "small")
    with ShadowRouter(routed(live, blind, other), providers=Always(clock), exporter=sink, clock=clock) as router:
        for _ in range(2):
            router.complete(messages=MESSAGES)
    assert live.seen == blind.seen == [Snapshot()] * 2
    assert other.seen[1].of("big").latency_s == 1.0
    assert modes(sink) == {"blind": "none", "other": "shared"}


def test_a_shadow_with_its_own_state_goes_on_from_its_own_decisions(clock: ManualClock, sink: MemorySink) -> None:
    """Its warm models and its money are those of its own choices; latencies are observed, else expected."""
    live, own = Watching("live", "big"), Watching("own", "small", "own")
    limit = SpendingLimit(name="day", usd=1.0, per="day")
    with ShadowRouter(
        routed(live, own, spending=[limit]), providers=Always(clock), exporter=sink, clock=clock
    ) as router:
        for _ in range(2):
            router.complete(messages=MESSAGES, session="s", input_tokens=3000)
    first, second = own.seen
    assert first.mode == second.mode == "own"
    assert (first.of("big").latency_s, first.of("small").latency_s) == (4.0, 2.0)
    assert (second.of("big").latency_s, second.of("small").latency_s) == (1.0, 2.0)
    assert (first.warm_tokens, second.warm_tokens) == ({}, {"small": 2000})
    assert second.remaining_usd == {"day": pytest.approx(1.0 - (2000 * 1.0 + 100 * 10.0) / 1e6)}
    assert live.seen[1].remaining_usd == {"day": pytest.approx(1.0 - (1000 * 1.0 + 1000 * 0.1 + 100 * 10.0) / 1e6)}
    assert modes(sink) == {"own": "own"}


def test_a_provider_that_fails_is_seen_by_the_next_decision(clock: ManualClock, sink: MemorySink) -> None:
    """Three failures of live's calls open the breaker in the snapshot of the fourth, which is not dispatched."""
    live, provider = Watching("live", "big"), Always(clock)
    provider.fails = True
    routing = replace(routed(live), execution=ExecutionSettings(retry=RetrySettings(times=0)))
    with ShadowRouter(routing, providers=provider, exporter=sink, clock=clock) as router:
        for expected in (ProviderError, ProviderError, ProviderError, UnservedError):
            with pytest.raises(expected):
                router.complete(messages=MESSAGES)
    assert [each.of("big").admitted for each in live.seen] == [1.0, 1.0, 1.0, 0.0]


def test_a_kill_switch_stops_policies(clock: ManualClock, sink: MemorySink) -> None:
    """A shadow is not asked and its rows say why; a live policy refuses every request until it is revived."""
    live, shadow = Watching("live", "big"), Watching("other", "small")
    with ShadowRouter(routed(live, shadow), providers=Always(clock), exporter=sink, clock=clock) as router:
        router.state.kill("policy:other")
        router.complete(messages=MESSAGES)
        router.state.kill("policy:live")
        with pytest.raises(PolicyError, match="kill switch"):
            router.complete(messages=MESSAGES)
        router.state.revive("policy:live")
        router.state.revive("policy:other")
        router.complete(messages=MESSAGES)
    assert [row.get("error.type") for row in sink.rows("shadow")] == ["killed", "killed", None]
    assert [row.get("error.type") for row in sink.rows("live")] == [None, "killed", None]
    assert (len(live.seen), len(shadow.seen)) == (2, 1)


def test_an_observer_learns_from_outcomes_of_the_host(clock: ManualClock, sink: MemorySink) -> None:
    """Off the host's path: once the first record is written, the next snapshot knows what it says."""
    shadow = Watching("shared", "small")
    with Observer(routed(LIVE, shadow), exporter=sink, clock=clock) as observer:
        for _ in range(2):
            with observer.request(messages=MESSAGES, session="s", input_tokens=3000) as request:
                request.chose("big")
                clock.advance(2.0)
                request.served(model="big", input_tokens=2000, cached_input_tokens=1000, output_tokens=5)
            assert observer.flush()
        assert observer.stats.contained == {}
    assert shadow.seen[0] == Snapshot(mode="shared")
    assert (shadow.seen[1].of("big").latency_s, shadow.seen[1].warm_tokens) == (2.0, {"big": 2000})


def test_times_follow_the_events_of_recorded_traffic(clock: ManualClock) -> None:
    """A year of traffic in a minute: what was known an hour of event time ago is forgotten."""

    class EventsOnly(ManualClock):
        def perf_counter(self) -> float:
            return 0.0

    events = EventsOnly()
    state = State.of(routed(Watching("live", "big"), origin="backtest"), clock=events)
    state.attempt("big", error_type="", latency_s=1.0)
    assert state.snapshot(_request()).of("big").latency_s == 1.0
    for _ in range(9):
        state.attempt("big", error_type="", latency_s=1.0)
    for _ in range(5):  # long answers in a row, in traffic that somebody sorted
        state.attempt("big", error_type="", latency_s=100.0)
    assert state.snapshot(_request()).of("big").admitted == 1.0
    for _ in range(3):
        state.attempt("big", error_type="503", latency_s=0.0)
    assert state.snapshot(_request()).of("big").admitted == 0.0
    assert state.admits("big", _request())  # its recorded answer is there
    events.advance(3600.0)
    assert state.snapshot(_request()).of("big").latency_s is None


def test_a_reload_keeps_what_is_known(clock: ManualClock, sink: MemorySink) -> None:
    """Averages, calls of `kill`, and what was spent of a limit with the same window; quotas and names are new."""
    live = Watching("live", "big")
    limits = [SpendingLimit(name="day", usd=1.0, per="day"), SpendingLimit(name="other", usd=1.0, per="day")]
    with ShadowRouter(routed(live, spending=limits), providers=Always(clock), exporter=sink, clock=clock) as router:
        router.complete(messages=MESSAGES)
        router.state.kill("small")
        models = [Model(name="big", provider="a", price=PRICE, aliases=("huge",), requests_per_minute=1)]
        limits = [SpendingLimit(name="day", usd=2.0, per="day"), SpendingLimit(name="other", usd=1.0, per="hour")]
        assert router.reload(replace(routed(live, spending=limits), catalogue=Catalogue(models)))
        seen = router.state.snapshot(_request())
        assert seen.of("big").latency_s == 1.0
        assert seen.remaining_usd == {"day": pytest.approx(2.0 - 0.0021), "other": 1.0}
        assert seen.killed == {"small"}
        assert [router.state.admits("huge", _request()) for _ in range(2)] == [True, False]


def test_one_signal_says_how_good_a_model_is(clock: ManualClock, sink: MemorySink) -> None:
    """The one that the settings name, for requests and responses that were seen here; others change nothing."""
    settings = StateSettings(quality_signal="resolved")
    live = Watching("live", "big")
    with ShadowRouter(routed(live, state=settings), providers=Always(clock), exporter=sink, clock=clock) as router:
        reply = router.complete(messages=MESSAGES)
        router.signal(reply.request_id, "thumbs", 0.0)
        router.signal("elsewhere", "resolved", 0.0)
        router.signal(reply.request_id, "resolved", None, label="yes")
        router.signal(reply.request_id, "resolved", 0.0, deleted=True)
        assert router.state.snapshot(_request()).of("big").quality is None
        router.signal(reply.request_id, "resolved", 0.5)
        assert router.state.snapshot(_request()).of("big").quality == 0.5
    with Observer(routed(LIVE, state=settings), exporter=sink, clock=clock) as observer:
        with observer.request(messages=MESSAGES) as request:
            request.chose("big")
            request.served(model="big", input_tokens=1, output_tokens=1, response_id="resp")
        assert observer.flush()
        observer.signal("resp", "resolved", 1.0)
        assert observer.state.snapshot(_request()).of("big").quality == 1.0


def test_a_kill_file_is_followed(tmp_path: Path) -> None:
    """Names in it are off, comments are not names, and what is taken out of it is on again."""
    file = tmp_path / "killed.txt"
    file.write_text("# incident 12\nbig  # slow\n")
    state = State(CATALOGUE, StateSettings(kill_file=file))
    assert state.killed == {"big"}
    file.write_text("b\n")
    state._look_at_file()
    assert state.killed == {"b", "small"}
    file.unlink()
    state._look_at_file()
    assert state.killed == frozenset()


def test_a_kill_file_is_looked_at_by_a_thread_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts with the first request, never holds one up, and ends with the state."""
    monkeypatch.setattr(switches, "CHECK_EVERY_S", 0.01)
    state = State(CATALOGUE, StateSettings(kill_file=tmp_path / "killed.txt"))
    assert state.snapshot(_request()).killed == frozenset()
    (tmp_path / "killed.txt").write_text("big")
    deadline = time.monotonic() + 60
    while not state.snapshot(_request()).killed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert state.snapshot(_request()).killed == {"big"}
    (watching,) = (thread for thread in threading.enumerate() if thread.name == "shadowroute-kill-file")
    del state
    watching.join(60)
    assert not watching.is_alive()


def test_a_forked_child_can_use_the_state() -> None:
    """Its lock was held by a thread of the parent, and the probe that is under way there is not the child's."""
    state = State(CATALOGUE, clock=(clock := ManualClock()))
    for _ in range(3):
        state.attempt("big", error_type="503", latency_s=0.1)
    clock.advance(6.0)
    assert state.admits("big", _request())
    with state._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if state.admits("big", _request()) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not state.admits("big", _request())


def test_the_routing_file_sets_the_state(tmp_path: Path) -> None:
    """Every key of `state`, `spending` and a model's `limits` arrives; paths are relative to the file."""
    shadow = """\
        live: policies/always.yaml
        shadows: []
        labels: [team]
        state: {alpha: 0.3, forget_s: 60, warm_ttl_s: 30, warm_sessions: 5, reserve: 0.1, kill_file: off.txt,
                quality_signal: resolved}
        spending:
          team-a-day: {usd: 5, per: day, only: {"label:team": a, task: [chat, extract]}}
          each-user-hour: {usd: 0.5, per: hour, each: user}
        """
    models = MODELS.replace("tier: small}", "tier: small, limits: {requests_per_minute: 60, tokens_per_minute: 1000}}")
    folder = write_folder(tmp_path, models=models, shadow=shadow, always="policy: always\nchoose: {use: gpt-5}\n")
    routing = load_routing(folder / "shadow.yaml")
    assert routing.state == StateSettings(
        alpha=0.3,
        forget_s=60,
        warm_ttl_s=30,
        warm_sessions=5,
        reserve=0.1,
        kill_file=folder / "off.txt",
        quality_signal="resolved",
    )
    assert routing.spending == (
        SpendingLimit(name="team-a-day", usd=5, per="day", only={"label:team": ("a",), "task": ("chat", "extract")}),
        SpendingLimit(name="each-user-hour", usd=0.5, per="hour", each="user"),
    )
    mini = routing.catalogue.models["gpt-5-mini"]
    assert (mini.requests_per_minute, mini.tokens_per_minute) == (60, 1000)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("state: {alpha: 0.5}", "alpha"),
        ("spending: {x: {usd: 1, per: day, each: 'label:team'}}", "label team must be declared"),
        ("spending: {x: {usd: 1, per: day, only: {color: red}}}", "a condition must be task, user_tier or label:NAME"),
        ("spending: {x: {usd: 1, per: day, each: color}}", "each must be task, user_tier, user or label:NAME"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    """A limit on a label that never arrives would never apply, so it is an error."""
    text = f"live: policies/always.yaml\nshadows: []\n{line}\n"
    folder = write_folder(tmp_path, shadow=text, always="policy: always\nchoose: {use: gpt-5}\n")
    with pytest.raises(ConfigError, match=message) as raised:
        load_routing(folder / "shadow.yaml")
    assert raised.value.line == 3


def test_state_is_part_of_a_version_only_where_it_is_given(tmp_path: Path) -> None:
    """Files from before keep their version; another state is another policy."""
    text = "policy: p\nchoose: {use: gpt-5}\n"
    folder = write_folder(tmp_path, plain=text, own=text + "state: own\n")
    catalogue = load_catalogue(folder / "models.yaml")
    plain, own = (load_policy(folder / "policies" / f"{name}.yaml", catalogue) for name in ("plain", "own"))
    assert (plain.state_mode, own.state_mode) == ("shared", "own")  # type: ignore[attr-defined]
    document = {"policy": "p", "why": "", "choose": {"use": "gpt-5"}, "fallback": []}
    assert plain.version == canonical_id(document, length=12) != own.version


def test_a_policy_of_code_must_name_a_state_that_exists() -> None:
    """Said when the router is built, not row by row."""
    wrong = Watching("wrong", "big", "mine")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="state_mode of policy wrong must be one of shared, own, none"):
        Observer(routed(LIVE, wrong), exporter=MemorySink())


def _request() -> Request:
    return Request(request_id="r", time_us=1)
