"""What is done about each class of failure: retry, wait, another step, or nothing. All clocks are virtual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import Answer, Outcome
from shadow.domain.policy import Decision, Step, StepKind
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import ProviderError, UnservedError
from shadow.execution import (
    Dispatch,
    Execution,
    ExecutionSettings,
    RetrySettings,
    Terms,
    TierBudget,
    arun,
    astream,
    run,
    stream,
)
from shadow.execution.retries import BURST
from shadow.prices.catalogue import Catalogue, Model
from shadow.state.rate_limits import RateLimits

GOOD = Answer(text="good")


def failure(error_type: str, *, retryable: bool = True, retry_after_s: float | None = None) -> ProviderError:
    return ProviderError(error_type, error_type=error_type, retryable=retryable, retry_after_s=retry_after_s)


DOWN = failure("503")
BUSY = failure("429")


class Plain:
    """A policy that judges nothing."""

    name = "plain"
    version = "1"

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        raise AssertionError


class World:
    """Models that answer from a script, and a clock that only moves where something waits or answers.

    Attributes:
        slept: every wait.
        asked: every model that was called, in order.
    """

    def __init__(self, script: dict[str, list[Answer | ProviderError]], answer_s: float = 0.0) -> None:
        self.script = script
        self.answer_s = answer_s
        self.now = 0.0
        self.slept: list[float] = []
        self.asked: list[str] = []
        self.planned: list[Dispatch] = []

    def tick(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def answer(self, planned: Dispatch) -> Answer:
        self.asked.append(planned.model)
        self.planned.append(planned)
        self.now += self.answer_s
        found = self.script[planned.model].pop(0)
        if isinstance(found, ProviderError):
            raise found
        return found

    async def aanswer(self, planned: Dispatch) -> Answer:
        return self.answer(planned)

    def chunks(self, planned: Dispatch) -> Generator[Chunk, None, None]:
        answer = self.answer(planned)
        yield Chunk(raw=answer.text, text=answer.text)

    async def achunks(self, planned: Dispatch) -> AsyncGenerator[Chunk, None]:
        for chunk in self.chunks(planned):
            yield chunk


def by_complete(course: Execution, world: World) -> str:
    return run(course, world.answer, world.tick, sleep=world.sleep).text


def by_acomplete(course: Execution, world: World) -> str:
    return asyncio.run(arun(course, world.aanswer, world.tick, sleep=world.asleep)).text


def by_stream(course: Execution, world: World) -> str:
    return "".join(stream(course, world.chunks, world.tick, sleep=world.sleep))


def by_astream(course: Execution, world: World) -> str:
    async def collect() -> str:
        return "".join([raw async for raw in astream(course, world.achunks, world.tick, sleep=world.asleep)])

    return asyncio.run(collect())


Shell = Callable[[Execution, World], str]
every_shell = pytest.mark.parametrize("shell", [by_complete, by_acomplete, by_stream, by_astream])

CATALOGUE = Catalogue(
    [Model(name="a", provider="p"), Model(name="b", provider="q"), Model(name="c", provider="r"), Model(name="long")]
)


def terms(jitter: float = 0.0, **settings: Any) -> Terms:
    return Terms.of(ExecutionSettings(**settings), jitter=lambda: jitter)


def execution(
    *steps: tuple[StepKind, str], of: Terms | None = None, user_tier: str = "", **arguments: Any
) -> Execution:
    """An execution of these steps, with the defaults of the configuration."""
    decision = Decision(policy="plain", version="1", steps=tuple(Step(kind=kind, model=model) for kind, model in steps))
    return Execution(
        policy=Plain(),
        request=Request(request_id="r", time_us=0, user_tier=user_tier),
        decision=decision,
        catalogue=CATALOGUE,
        terms=of or terms(),
        **arguments,
    )


def attempts(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(attempt.kind, attempt.model, attempt.error_type) for attempt in outcome.attempts]


@every_shell
def test_an_outage_goes_to_a_peer_at_once(shell: Shell) -> None:
    """No wait where somebody else can serve."""
    world = World({"a": [DOWN], "b": [GOOD]})
    course = execution(("primary", "a"), ("fallback", "b"))
    assert (shell(course, world), world.slept) == ("good", [])
    assert attempts(course.outcome()) == [("primary", "a", "503"), ("fallback", "b", "")]


@every_shell
def test_an_outage_without_a_peer_is_tried_again_with_growing_waits(shell: Shell) -> None:
    """The same model serves, so nothing is contaminated; the time that passed is part of the duration."""
    world = World({"a": [DOWN, DOWN, GOOD]}, answer_s=1.0)
    course = execution(("primary", "a"))
    assert shell(course, world) == "good"
    assert world.slept == [0.25, 0.5]
    outcome = course.outcome()
    assert attempts(outcome) == [("primary", "a", "503"), ("retry", "a", "503"), ("retry", "a", "")]
    assert (outcome.contamination, outcome.duration_s) == ((), 3.75)


@every_shell
def test_a_retry_that_fails_ends_with_the_last_error(shell: Shell) -> None:
    """As many retries as configured, then the caller sees the provider's own error."""
    last = failure("502")
    course = execution(("primary", "a"), of=terms(retry=RetrySettings(times=1)))
    with pytest.raises(ProviderError) as caught:
        shell(course, World({"a": [DOWN, last, GOOD]}))
    assert caught.value is last
    assert course.outcome().error_type == "502"


@every_shell
@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_a_provider_that_asks_to_wait_shortly_is_waited_for(shell: Shell, jitter: float) -> None:
    """The same provider, not earlier than it said and at most a tenth later, though a peer is there."""
    world = World({"a": [failure("429", retry_after_s=1.5), GOOD]})
    course = execution(("primary", "a"), ("fallback", "b"), of=terms(jitter))
    assert shell(course, world) == "good"
    assert 1.5 <= world.slept[0] <= 1.65
    assert attempts(course.outcome())[1] == ("retry", "a", "")


@every_shell
def test_a_peer_serves_where_the_wait_would_be_long(shell: Shell) -> None:
    """Patience ends at `retry.patience_s`."""
    world = World({"a": [failure("429", retry_after_s=30.0)], "b": [GOOD]})
    assert shell(execution(("primary", "a"), ("fallback", "b")), world) == "good"
    assert world.slept == []


@every_shell
def test_a_long_wait_is_kept_where_no_peer_is_left(shell: Shell) -> None:
    """Waiting is better than failing, as long as the deadline allows it."""
    world = World({"a": [failure("429", retry_after_s=30.0), GOOD]})
    assert shell(execution(("primary", "a"), deadline_s=31.0), world) == "good"
    assert world.slept == [30.0]
    with pytest.raises(ProviderError):
        shell(execution(("primary", "a"), deadline_s=29.0), World({"a": [failure("429", retry_after_s=30.0)]}))


@every_shell
@pytest.mark.parametrize("told_s", [None, 0.0])
def test_a_rate_limit_that_names_no_time_is_backed_off_from(shell: Shell, told_s: float | None) -> None:
    """Also where the named moment has passed already: coming back at once would meet the same limit."""
    world = World({"a": [failure("429", retry_after_s=told_s), GOOD]})
    shell(execution(("primary", "a"), of=terms(0.5)), world)
    assert world.slept == [0.375]


@every_shell
@pytest.mark.parametrize("error_type", ["400", "401", "403", "404", "413", "422", "configuration", "outcome_missing"])
def test_what_is_about_the_request_or_its_key_is_not_tried_again(shell: Shell, error_type: str) -> None:
    """Neither there nor elsewhere."""
    world = World({"a": [failure(error_type, retryable=False)]})
    with pytest.raises(ProviderError):
        shell(execution(("primary", "a"), ("fallback", "b")), world)
    assert world.asked == ["a"]


@every_shell
@pytest.mark.parametrize("key", ["context_length", "content_policy"])
def test_two_refusals_have_a_model_of_their_own(shell: Shell, key: str) -> None:
    """A request that is too long, or that a policy refuses, goes to the configured model and to no fallback."""
    world = World({"a": [failure(key, retryable=False)], "long": [GOOD]})
    elsewhere: dict[str, Any] = {_setting(key): "long"}
    course = execution(("primary", "a"), ("fallback", "b"), of=terms(**elsewhere))
    assert shell(course, world) == "good"
    assert course.outcome().contamination == ("fallback",)
    assert attempts(course.outcome()) == [("primary", "a", key), ("fallback", "long", "")]
    with pytest.raises(ProviderError):
        shell(execution(("primary", "a"), ("fallback", "b")), World({"a": [failure(key, retryable=False)]}))


def _setting(failure_class: str) -> str:
    return {"context_length": "long_context"}.get(failure_class, failure_class)


@every_shell
def test_the_model_for_long_requests_is_asked_once(shell: Shell) -> None:
    """Where it is too small as well, its error is the caller's."""
    world = World({"a": [failure("context_length", retryable=False)], "long": [failure("context_length")]})
    with pytest.raises(ProviderError):
        shell(execution(("primary", "a"), of=terms(long_context="long")), world)
    assert world.asked == ["a", "long"]


@every_shell
def test_an_account_without_money_is_not_waited_for(shell: Shell) -> None:
    """Another provider has another account."""
    world = World({"a": [failure("insufficient_quota")], "b": [GOOD]})
    assert shell(execution(("primary", "a"), ("fallback", "b")), world) == "good"
    with pytest.raises(ProviderError):
        shell(execution(("primary", "a")), World({"a": [failure("insufficient_quota")]}))
    assert world.slept == []


@every_shell
def test_the_attempts_of_one_request_are_bounded(shell: Shell) -> None:
    """Whatever the chain and its retries would allow."""
    world = World({"a": [DOWN], "b": [DOWN], "c": [DOWN]})
    course = execution(("primary", "a"), ("fallback", "b"), ("fallback", "c"), of=terms(max_attempts=2))
    with pytest.raises(ProviderError):
        shell(course, world)
    assert world.asked == ["a", "b"]


@every_shell
def test_every_dispatch_gets_what_is_left_of_the_deadline(shell: Shell) -> None:
    """Answers and waits use it up; after its end nothing is started."""
    world = World({"a": [DOWN], "b": [DOWN, DOWN, DOWN], "c": [GOOD]}, answer_s=2.0)
    course = execution(("primary", "a"), ("fallback", "b"), ("fallback", "c"), deadline_s=5.0)
    assert shell(course, world) == "good"
    assert [planned.deadline_s for planned in world.planned] == [5.0, 3.0, 1.0]
    late = World({"a": [DOWN], "b": [GOOD]}, answer_s=5.0)
    with pytest.raises(ProviderError):
        shell(execution(("primary", "a"), ("fallback", "b"), deadline_s=5.0), late)
    assert late.asked == ["a"]


def test_at_a_full_outage_retries_stay_within_their_budget() -> None:
    """1,000 requests to one dead provider: a tenth of retries besides what the bucket held, and no other's bucket."""
    shared = terms()
    asked = 0
    for _ in range(1000):
        world = World({"a": [DOWN] * 3})
        with pytest.raises(ProviderError):
            by_complete(execution(("primary", "a"), of=shared), world)
        asked += len(world.asked)
    assert 1000 + 99 <= asked <= 1000 + 100 + BURST
    world = World({"b": [DOWN, GOOD]})
    assert by_complete(execution(("primary", "b"), of=shared), world) == "good"


def test_a_budget_of_nothing_allows_no_retry() -> None:
    """`retry.budget: 0` switches them off."""
    world = World({"a": [DOWN, GOOD]})
    with pytest.raises(ProviderError):
        by_complete(execution(("primary", "a"), of=terms(retry=RetrySettings(budget=0.0))), world)
    assert world.asked == ["a"]


def test_a_wait_that_is_interrupted_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's cancellation ends the request; no attempt is invented."""

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    course, world = execution(("primary", "a")), World({"a": [DOWN]})
    with pytest.raises(KeyboardInterrupt):
        run(course, world.answer, world.tick, sleep=interrupted)
    outcome = course.outcome()
    assert (outcome.status, outcome.error_type, len(outcome.attempts)) == ("error", "KeyboardInterrupt", 1)


def test_an_event_loop_ends_a_dispatch_whose_provider_does_not() -> None:
    """A provider of the host that ignores its limits is cancelled, and its peer is asked."""
    cancelled = []

    async def hangs(planned: Dispatch) -> Answer:
        if planned.model == "b":
            return GOOD
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(planned.model)
            raise
        raise AssertionError

    async def hangs_before_its_first_chunk(planned: Dispatch) -> AsyncGenerator[Chunk, None]:
        answer = await hangs(planned)
        yield Chunk(raw=answer.text)

    async def collect(course: Execution) -> list[str]:
        return [raw async for raw in astream(course, hangs_before_its_first_chunk, World({}).tick)]

    course = execution(("primary", "a"), ("fallback", "b"), timeout_s=0.01)
    assert asyncio.run(arun(course, hangs, World({}).tick)) is GOOD
    assert asyncio.run(collect(execution(("primary", "a"), ("fallback", "b"), timeout_s=0.01))) == ["good"]
    assert cancelled == ["a", "a"]
    assert attempts(course.outcome())[0] == ("primary", "a", "timeout")


class States:
    """A state that refuses some models and remembers what it was told."""

    def __init__(self, *closed: str) -> None:
        self.closed = set(closed)
        self.returning: set[str] = set()
        self.asked: list[str] = []
        self.told: list[tuple[str, str, float | None]] = []

    def admits(self, model: str, request: Request) -> bool:
        self.asked.append(model)
        return model not in self.closed

    def attempt(
        self,
        model: str,
        *,
        error_type: str,
        latency_s: float,
        ttft_s: float | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.told.append((model, error_type, retry_after_s))

    def returns(self, model: str) -> bool:
        return model in self.returning

    def limits(self, model: str, limits: RateLimits) -> None:
        pass


def with_state(state: States, **settings: Any) -> Terms:
    return Terms.of(ExecutionSettings(**settings), state, jitter=lambda: 0.0)


@every_shell
def test_a_model_that_may_not_be_asked_is_skipped(shell: Shell) -> None:
    """No dispatch, no attempt; the record says that a fallback served. Every model let through is reported on."""
    state, world = States("a"), World({"b": [DOWN], "c": [GOOD]})
    course = execution(("primary", "a"), ("fallback", "b"), ("fallback", "c"), of=with_state(state))
    assert shell(course, world) == "good"
    assert attempts(course.outcome()) == [("fallback", "b", "503"), ("fallback", "c", "")]
    assert course.outcome().contamination == ("fallback",)
    assert state.asked == ["a", "b", "c"]
    assert [(model, error_type) for model, error_type, _ in state.told] == [("b", "503"), ("c", "")]


@every_shell
def test_nothing_is_dispatched_where_no_model_may_be_asked(shell: Shell) -> None:
    """A dead provider gets no request for want of a better one: caller and record get a 503 at once."""
    course, world = execution(("primary", "a"), ("fallback", "b"), of=with_state(States("a", "b"))), World({})
    with pytest.raises(UnservedError, match="a: unavailable, b: unavailable") as caught:
        shell(course, world)
    assert (caught.value.error_type, caught.value.status) == ("unavailable", 503)
    outcome = course.outcome()
    assert (outcome.status, outcome.error_type, outcome.attempts) == ("error", "unavailable", ())


@every_shell
def test_a_breaker_that_opens_meanwhile_ends_the_retries(shell: Shell) -> None:
    """What waits for a retry must not add to the probes of a provider that is down."""

    class Opens(States):
        def attempt(self, model: str, **what: Any) -> None:
            super().attempt(model, **what)
            self.closed.add(model)

    world = World({"a": [DOWN, GOOD]})
    with pytest.raises(ProviderError):
        shell(execution(("primary", "a"), of=with_state(Opens())), world)
    assert world.asked == ["a"]


@every_shell
def test_the_state_learns_how_long_a_provider_asks_to_wait(shell: Shell) -> None:
    """So that other requests keep away; the retry itself does not ask, because it did wait."""
    state = States()
    world = World({"a": [failure("429", retry_after_s=1.0), GOOD]})
    assert shell(execution(("primary", "a"), of=with_state(state)), world) == "good"
    assert state.told == [("a", "429", 1.0), ("a", "", None)]
    assert state.asked == ["a"]


@every_shell
@pytest.mark.parametrize("name", ["a", "p"])
def test_a_kill_switch_skips_a_model_or_all_of_a_provider(shell: Shell, name: str) -> None:
    """Also as the last resort."""
    killed = Snapshot(killed=frozenset({name}))
    course = execution(("primary", "a"), ("fallback", "b"), snapshot=killed)
    assert shell(course, World({"b": [GOOD]})) == "good"
    with pytest.raises(UnservedError, match="a: killed") as caught:
        shell(execution(("primary", "a"), snapshot=killed), World({}))
    assert (caught.value.error_type, caught.value.status) == ("killed", 503)


@every_shell
def test_a_spending_limit_that_is_used_up_ends_the_request(shell: Shell) -> None:
    """Before anything is dispatched; what is left of others does not help."""
    spent = Snapshot(remaining_usd={"month": 3.0, "free users": -0.01})
    course = execution(("primary", "a"), snapshot=spent)
    with pytest.raises(UnservedError, match="free users") as caught:
        shell(course, World({}))
    assert (caught.value.error_type, caught.value.status) == ("spending_limit", 429)
    assert course.outcome().error_type == "spending_limit"


def in_tier(name: str, *steps: tuple[StepKind, str], latency_s: float = 3.0) -> Execution:
    tiers = {"free": TierBudget(latency_s=latency_s)}
    return execution(*steps, of=terms(tiers=tiers), user_tier=name)


@every_shell
def test_a_slow_answer_escalates_within_the_latency_budget_of_its_tier(shell: Shell) -> None:
    """The cheap dispatch is ended, the stronger model serves, and the record says that it was not the policy's way."""
    world = World({"a": [failure("timeout")], "c": [GOOD]}, answer_s=3.0)
    course = in_tier("free", ("primary", "a"), ("escalation", "c"), ("fallback", "b"))
    assert shell(course, world) == "good"
    outcome = course.outcome()
    assert attempts(outcome) == [("primary", "a", "latency_budget"), ("escalation", "c", "")]
    assert (outcome.contamination, outcome.escalated) == (("fallback",), True)
    assert [planned.latency_s for planned in world.planned] == [3.0, 3.0]


@every_shell
def test_the_last_step_has_the_time_it_needs(shell: Shell) -> None:
    """A budget that nobody else could keep is none; other tiers have none either."""
    world = World({"a": [failure("timeout")], "b": [GOOD]}, answer_s=3.0)
    assert shell(in_tier("free", ("primary", "a"), ("fallback", "b")), world) == "good"
    assert [planned.latency_s for planned in world.planned] == [3.0, None]
    world = World({"a": [GOOD]})
    shell(in_tier("paid", ("primary", "a"), ("fallback", "b")), world)
    assert world.planned[0].latency_s is None


def test_a_budget_ends_a_stream_only_before_its_first_chunk() -> None:
    """What was handed out cannot be asked elsewhere."""
    planned = Dispatch(kind="primary", model="a", judged=False, latency_s=2.0, deadline_s=9.0, chunk_s=5.0)
    assert (planned.whole_s, planned.first_chunk_s, planned.stream_s) == (2.0, 2.0, 9.0)
    judged = Dispatch(kind="primary", model="a", judged=True, latency_s=2.0, deadline_s=9.0)
    assert judged.stream_s == 2.0


@every_shell
def test_a_model_on_its_way_back_serves_where_nobody_else_can(shell: Shell) -> None:
    """A ramp spares a provider for its peers; one that is out stays alone."""
    state = States("a", "b")
    state.returning = {"b"}
    course = execution(("primary", "a"), ("fallback", "b"), of=with_state(state))
    assert shell(course, World({"b": [GOOD]})) == "good"
    assert attempts(course.outcome()) == [("fallback", "b", "")]
    with pytest.raises(UnservedError):
        shell(execution(("primary", "a"), of=with_state(state)), World({}))


@every_shell
def test_a_pinned_model_is_asked_instead_of_the_steps(shell: Shell) -> None:
    """The record keeps the decision and says that it was not followed; a pin has no fallback but its own retries."""
    course = execution(("primary", "a"), ("fallback", "b"), pin="c")
    assert shell(course, World({"c": [DOWN, GOOD]})) == "good"
    assert attempts(course.outcome()) == [("primary", "c", "503"), ("retry", "c", "")]
    assert course.outcome().contamination == ("pinned",)
    with pytest.raises(ProviderError):
        shell(execution(("primary", "a"), ("fallback", "b"), pin="c"), World({"c": [failure("400", retryable=False)]}))
    world, too_long = World({"c": [failure("context_length", retryable=False)]}), terms(long_context="long")
    with pytest.raises(ProviderError):
        shell(execution(("primary", "a"), pin="c", of=too_long), world)


def test_a_provider_may_say_that_its_answer_is_another_one() -> None:
    """A cache in front of the model, for example."""
    course = execution(("primary", "a"))
    by_complete(course, World({"a": [Answer(text="old", contamination=("cache_hit",))]}))
    assert course.outcome().contamination == ("cache_hit",)
