"""The state as the router uses it: what attempts and outcomes change, and what a snapshot shows of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shadow.domain.outcome import Attempt, Outcome, Usage
from shadow.domain.snapshot import ModelState, Snapshot
from shadow.prices.catalogue import Catalogue, Model
from shadow.runtime.containment import Containment
from shadow.state.rate_limits import RateLimit, RateLimits
from shadow.state.router_state import State
from shadow.state.settings import SpendingLimit, StateSettings
from shadow.testing import ManualClock
from tests.support.sdk import decision, request

CATALOGUE = Catalogue(
    [
        Model(name="big", provider="openai", aliases=("azure/big",)),
        Model(name="small", provider="openai", requests_per_minute=10),
        Model(name="other", provider="onprem"),
    ]
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def state(clock: ManualClock) -> State:
    spending = [SpendingLimit(name="a-day", usd=2.0, per="day")]
    return State(
        CATALOGUE, StateSettings(reserve=0.0), spending=spending, clock=clock, containment=Containment("raise")
    )


def attempted(state: State, model: str = "big", error_type: str = "", latency_s: float = 1.0, **more: float) -> None:
    state.attempt(model, error_type=error_type, latency_s=latency_s, **more)


def test_averages_follow_every_attempt(state: State) -> None:
    """A fifth of the distance to each new value; a failure has no latency, so that a fast refusal is no fast model."""
    for latency_s in (1.0, 2.0):
        attempted(state, latency_s=latency_s, ttft_s=0.5)
    attempted(state, error_type="503", latency_s=0.001)
    seen = state.snapshot(request()).of("big")
    assert (seen.latency_s, seen.ttft_s, seen.error_rate) == (pytest.approx(1.2), 0.5, pytest.approx(0.2))


def test_an_alias_is_the_same_model(state: State) -> None:
    """A deployment that the catalogue knows by another name counts for its model."""
    attempted(state, "azure/big", latency_s=3.0)
    assert state.snapshot(request()).of("big").latency_s == 3.0


def test_what_nobody_saw_for_long_is_forgotten(state: State, clock: ManualClock) -> None:
    """A model that was avoided because it was slow becomes unobserved, not slow for ever."""
    attempted(state, latency_s=30.0)
    clock.advance(299.0)
    assert state.snapshot(request()).of("big").latency_s == 30.0
    clock.advance(1.0)
    assert state.snapshot(request()).of("big") == ModelState()


def test_a_snapshot_does_not_change(state: State) -> None:
    """What a policy holds stays as it was, and what it is given cannot be written to."""
    attempted(state, latency_s=1.0)
    held = state.snapshot(request())
    attempted(state, latency_s=9.0)
    assert held.of("big").latency_s == 1.0
    with pytest.raises(TypeError):
        held.models["big"] = ModelState()  # type: ignore[index]


def test_three_failures_take_a_model_out_and_a_probe_brings_it_back(state: State, clock: ManualClock) -> None:
    """Out at once, one probe after the pause, then a tenth, half and all of the requests."""
    for _ in range(3):
        assert state.admits("big", request())
        attempted(state, error_type="503")
    assert state.snapshot(request()).of("big").admitted == 0.0
    assert not state.admits("big", request())
    clock.advance(5.0)
    assert state.snapshot(request()).of("big").admitted == 0.1
    assert [state.admits("big", request()) for _ in range(3)] == [True, False, False]
    clock.advance(1.0)
    attempted(state)
    shares = []
    for _ in range(3):
        shares.append(state.snapshot(request()).of("big").admitted)
        clock.advance(10.0)
    assert shares == [0.1, 0.5, 1.0]


def test_of_many_threads_one_gets_the_probe(state: State, clock: ManualClock) -> None:
    """Whoever asks first; the others are refused until its attempt is told."""
    for _ in range(3):
        attempted(state, error_type="503")
    clock.advance(5.0)
    with ThreadPoolExecutor(8) as threads:
        together = threading.Barrier(8)
        admitted = list(threads.map(lambda _: together.wait(60) >= 0 and state.admits("big", request()), range(8)))
    assert sum(admitted) == 1


def test_no_update_of_many_threads_is_lost(state: State) -> None:
    """Every attempt, every cent; and whoever reads meanwhile sees whole values."""

    def work(number: int) -> None:
        for _ in range(200):
            state.attempt(f"m{number % 3}", error_type="", latency_s=1.0)
            state.spent(request(), 0.01)
            seen = state.snapshot(request())
            assert seen.of(f"m{number % 3}").latency_s == 1.0

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    records = [state._models.record(f"m{number}") for number in range(3)]
    assert [record and record.averages.latency_s.count for record in records] == [400] * 3
    assert state.snapshot(request()).remaining_usd["a-day"] == pytest.approx(2.0 - 12.0)


def test_admission_on_the_way_back_depends_on_the_request_alone(state: State, clock: ManualClock) -> None:
    """The same request gets the same answer again, and about the share of all requests is let through."""
    for _ in range(3):
        attempted(state, error_type="timeout")
    clock.advance(6.0)
    assert state.admits("big", request())
    attempted(state, latency_s=0.5)
    requests = [request(f"r-{n}") for n in range(1000)]
    first = [state.admits("big", each) for each in requests]
    assert first == [state.admits("big", each) for each in requests]
    assert 60 <= sum(first) <= 140


def test_a_provider_that_asks_to_wait_gets_nothing_until_then(state: State, clock: ManualClock) -> None:
    """A 429 is no failure of the provider: no breaker, but no request either."""
    attempted(state, error_type="429", latency_s=0.1, retry_after_s=7.0)
    assert not state.admits("big", request())
    assert state.snapshot(request()).of("big") == ModelState(headroom=0.0)
    clock.advance(7.0)
    assert state.admits("big", request())


def test_the_tightest_limit_is_the_headroom(state: State, clock: ManualClock) -> None:
    """Of requests, tokens and the configured quota the one with the least left counts."""
    limits = RateLimits(
        (
            RateLimit(kind="requests", limit=100, remaining=50, reset_s=30.0),
            RateLimit(kind="tokens", limit=1000, remaining=0, reset_s=10.0),
        )
    )
    state.limits("big", limits)
    assert state.snapshot(request()).of("big").headroom == 0.0
    assert not state.admits("big", request())
    clock.advance(10.0)
    assert state.snapshot(request()).of("big").headroom == 0.5
    assert state.admits("big", request())


def test_a_reserve_of_each_limit_is_left_untouched(clock: ManualClock) -> None:
    """Policies and admission see the same zero, so that no decision is made that is not executed."""
    state = State(CATALOGUE, StateSettings(reserve=0.2), clock=clock, containment=Containment("raise"))
    for remaining, headroom, admitted in ((60, 0.5, True), (20, 0.0, False), (10, 0.0, False)):
        state.limits("big", RateLimits((RateLimit(kind="requests", limit=100, remaining=remaining, reset_s=9.0),)))
        assert state.snapshot(request()).of("big").headroom == pytest.approx(headroom)
        assert state.admits("big", request()) is admitted


def test_a_configured_quota_is_kept(state: State, clock: ManualClock) -> None:
    """No more than ten requests in any minute reach a model with that quota."""
    passed = 0
    for _ in range(200):
        passed += state.admits("small", request())
        clock.advance(0.2)
    assert passed == 10
    clock.advance(65.0)
    assert state.admits("small", request())


def test_an_outcome_of_a_host_tells_everything(state: State, clock: ManualClock) -> None:
    """Latency, warmth and failures without any call of `attempt`."""
    usage = Usage(input_tokens=900, output_tokens=10, cache_read_tokens=512)
    answered = Outcome(status="complete", model="big", usage=usage, duration_s=2.0, ttft_s=0.3)
    asked = request(session_key="s", input_tokens=1000)
    state.observe(asked, decision("big"), answered)
    seen = state.snapshot(asked)
    assert seen.of("big") == ModelState(latency_s=2.0, ttft_s=0.3, error_rate=0.0)
    assert seen.warm_tokens == {"big": 900}
    assert state.snapshot(request(session_key="another")).warm_tokens == {}
    clock.advance(300.0)
    assert state.snapshot(asked).warm_tokens == {}


def test_attempts_that_were_told_are_not_counted_twice(state: State) -> None:
    """The executor tells each attempt when it happens; the end of the request adds what only it knows."""
    attempted(state, latency_s=1.0)
    attempt = Attempt(kind="primary", model="big", latency_s=9.0, usage=Usage(input_tokens=10, cache_write_tokens=8))
    outcome = Outcome(status="complete", model="big", attempts=(attempt,), duration_s=9.0)
    asked = request(session_key="s")
    state.observe(asked, decision("big"), outcome, told=True)
    seen = state.snapshot(asked)
    assert seen.of("big").latency_s == 1.0
    assert seen.warm_tokens == {"big": 8}


def test_validators_make_the_quality(state: State) -> None:
    """An answer that was refused counts 0, one that passed the validators of its step counts 1, others nothing."""
    steps = decision("small").steps[0]
    judged = decision("small", steps=(type(steps)(kind="primary", model="small", accept_if=("ok",)),))
    attempt = Attempt(kind="primary", model="small", latency_s=1.0)
    outcome = Outcome(status="complete", model="small", attempts=(attempt,), duration_s=1.0)
    state.observe(request(), judged, outcome)
    assert state.snapshot(request()).of("small").quality == 1.0
    attempted(state, "small", error_type="quality")
    assert state.snapshot(request()).of("small") == ModelState(latency_s=1.0, error_rate=0.0, quality=0.8, headroom=0.9)
    attempted(state, "big")
    assert state.snapshot(request()).of("big").quality is None


def test_spending_is_shown_until_the_day_ends(state: State, clock: ManualClock) -> None:
    """What is left is a fact of the request's limit, below zero when it was overdrawn."""
    assert state.snapshot(request()).remaining_usd == {"a-day": 2.0}
    state.spent(request(), 2.5)
    assert state.snapshot(request()).remaining_usd == {"a-day": -0.5}
    clock.advance(86_400.0)
    assert state.snapshot(request()).remaining_usd == {"a-day": 2.0}


def test_a_kill_switch_turns_models_and_providers_off(state: State) -> None:
    """By a model's name, by an alias, or by the provider's; and on again."""
    state.kill("openai")
    assert {"openai", "big", "small"} <= state.snapshot(request()).killed
    assert [state.admits(model, request()) for model in ("big", "small", "other")] == [False, False, True]
    state.revive("openai")
    state.kill("azure/big")
    assert [state.admits(model, request()) for model in ("big", "small")] == [False, True]
    assert "big" in state.killed


def test_a_failure_of_the_state_reaches_nobody(clock: ManualClock) -> None:
    """It is counted; the request goes on as if nothing were known."""
    containment = Containment()
    state = State(CATALOGUE, clock=clock, containment=containment)
    state._lock = None  # type: ignore[assignment]
    assert state.admits("big", request())
    attempted(state)
    state.observe(request(), decision("big"), Outcome(status="complete", model="big", duration_s=1.0))
    assert state.snapshot(request()) == Snapshot()
    assert containment.counts["state"] >= 4
