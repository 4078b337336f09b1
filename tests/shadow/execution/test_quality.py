"""Refused answers: asked for again, escalated step by step, flagged; and what a validator may spend on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from dataclasses import replace

import pytest

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import Answer, Attempt, JudgeCall, Outcome, Usage
from shadow.domain.policy import Step, ValidatorContext, Verdict
from shadow.domain.request import Request
from shadow.domain.snapshot import STATELESS
from shadow.errors import ProviderError, UnjudgedError
from shadow.execution import Dispatch, Execution, arun, astream, run, stream
from shadow.execution.cascade_refusals import RefusalRuns
from shadow.execution.stream_buffer import Tick
from shadow.execution.validator_context import LiveValidatorContext
from shadow.policies.cascade import Cascade, Stage
from shadow.policies.composed import Composed
from shadow.policies.plan import Chooser
from shadow.policies.validators import Calls, Case, Matches
from shadow.prices.billing import Billing
from shadow.prices.catalogue import Catalogue, Model
from shadow.prices.registry import Price
from shadow.providers.registry import Providers
from tests.support.sdk import decision, request

GOOD = Matches("good")
DOWN = ProviderError("down", error_type="503", status=503, retryable=True)


class World:
    """Models that answer from a script, and a clock of one second per reading."""

    def __init__(self, **script: list[str | ProviderError]) -> None:
        self.script = script
        self.planned: list[Dispatch] = []
        self.now = 0.0

    def tick(self) -> float:
        self.now += 1.0
        return self.now

    def answer(self, planned: Dispatch) -> Answer:
        self.planned.append(planned)
        found = self.script[planned.model].pop(0)
        if isinstance(found, ProviderError):
            raise found
        return Answer(text=found, model=planned.model)

    async def aanswer(self, planned: Dispatch) -> Answer:
        return self.answer(planned)

    async def achunks(self, planned: Dispatch) -> AsyncGenerator[Chunk, None]:
        text = self.answer(planned).text
        yield Chunk(raw=text, text=text)


def by_complete(course: Execution, world: World) -> str:
    return run(course, world.answer, world.tick).text


def by_acomplete(course: Execution, world: World) -> str:
    return asyncio.run(arun(course, world.aanswer, world.tick)).text


def by_stream(course: Execution, world: World) -> str:
    def chunks(planned: Dispatch) -> Generator[Chunk, None, None]:
        text = world.answer(planned).text
        yield Chunk(raw=text, text=text)

    return "".join(stream(course, chunks, world.tick))


def by_astream(course: Execution, world: World) -> str:
    async def collect() -> str:
        async with aclosing(astream(course, world.achunks, world.tick)) as chunks:
            return "".join([chunk async for chunk in chunks])

    return asyncio.run(collect())


every_shell = pytest.mark.parametrize("shell", [by_complete, by_acomplete, by_stream, by_astream])
Shell = Callable[[Execution, World], str]


def course_of(*stages: Stage, fallback: tuple[str, ...] = (), odd: bool = False) -> Execution:
    """The course of a cascade whose answers must be good. An `odd` answer cannot be judged."""

    def judged(text: str) -> bool:
        if odd and "odd" in text:
            raise UnjudgedError("odd")
        return True

    chooser: Chooser = Cascade(stages)
    policy = Composed(
        name="p", version="1", chooser=chooser, fallback=fallback, validators=[GOOD, Calls(judged, label="m:judged")]
    )
    return execution_of(policy)


def execution_of(policy: Composed, tick: Tick = lambda: 0.0, deadline_s: float | None = None) -> Execution:
    """An execution whose checks take no time, unless a clock says so."""
    asked, nothing = request(), Catalogue([])
    return Execution(
        policy=policy,
        request=asked,
        decision=policy.decide(asked, STATELESS),
        catalogue=nothing,
        deadline_s=deadline_s,
        context=LiveValidatorContext(request=asked, catalogue=nothing, providers=Providers(None), tick=tick),
    )


def stage(model: str, retry_same: int = 0, *, tells_why: bool = False) -> Stage:
    return Stage(model=model, accept_if=(GOOD.name,), retry_same=retry_same, tells_why=tells_why)


def attempts(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(attempt.kind, attempt.model, attempt.error_type) for attempt in outcome.attempts]


@every_shell
def test_a_cascade_goes_on_until_an_answer_is_accepted(shell: Shell) -> None:
    """Every step has validators of its own, and what is refused is never served."""
    world = World(a=["bad"], b=["bad"], c=["good"], d=["good"])
    course = course_of(stage("a"), stage("b"), stage("c"), Stage(model="d"))
    assert shell(course, world) == "good"
    outcome = course.outcome()
    assert attempts(outcome) == [("primary", "a", "quality"), ("escalation", "b", "quality"), ("escalation", "c", "")]
    assert (outcome.model, outcome.escalated, outcome.needs_review) == ("c", True, "")


@every_shell
def test_the_last_answer_is_served_and_flagged_when_it_is_refused_too(shell: Shell) -> None:
    """There is nothing stronger left: the caller gets the strongest answer, and a person the request."""
    world = World(a=["bad"], b=["worse"])
    course = course_of(stage("a"), stage("b"))
    assert shell(course, world) == "worse"
    outcome = course.outcome()
    assert attempts(outcome) == [("primary", "a", "quality"), ("escalation", "b", "quality")]
    assert (outcome.status, outcome.error_type, outcome.needs_review) == ("complete", "", "last_step_refused")
    assert [planned.judged for planned in world.planned] == [True, False]


def test_a_last_step_without_validators_is_not_flagged() -> None:
    """Nobody asked anything of it."""
    course = course_of(stage("a"), Stage(model="b"))
    assert by_complete(course, World(a=["bad"], b=["worse"])) == "worse"
    assert course.outcome().needs_review == ""


@every_shell
def test_the_same_model_is_asked_again_before_a_stronger_one(shell: Shell) -> None:
    """As often as its step says; each is a retry of the record, and no escalation is paid if one is accepted."""
    world = World(a=["bad", "bad", "good"], b=["good"])
    course = course_of(stage("a", 2), Stage(model="b"))
    assert shell(course, world) == "good"
    outcome = course.outcome()
    assert attempts(outcome) == [("primary", "a", "quality"), ("retry", "a", "quality"), ("retry", "a", "")]
    assert outcome.escalated is False
    assert all(planned.shown is None for planned in world.planned)


@every_shell
def test_a_step_escalates_when_its_retries_are_used_up(shell: Shell) -> None:
    """Also a later step has retries, and the last one may have."""
    world = World(a=["bad", "bad"], b=["bad", "worse"])
    course = course_of(stage("a", 1), stage("b", 1))
    assert shell(course, world) == "worse"
    kinds = [(attempt.kind, attempt.model) for attempt in course.outcome().attempts]
    assert kinds == [("primary", "a"), ("retry", "a"), ("escalation", "b"), ("retry", "b")]
    assert course.outcome().needs_review == "last_step_refused"
    assert [planned.judged for planned in world.planned] == [True, True, True, False]


def test_a_model_may_be_told_what_was_refused() -> None:
    """With its own answer and what the validator asks, after the caller's messages."""
    world = World(a=["bad", "good"], b=["good"])
    assert by_complete(course_of(stage("a", 1, tells_why=True), Stage(model="b")), world) == "good"
    first, second = (planned.shown for planned in world.planned)
    assert first is None
    assert second is not None
    answer, wish = second.messages()
    assert answer == {"role": "assistant", "content": "bad"}
    assert wish["role"] == "user"
    assert "it must match the regular expression good" in wish["content"]


def test_an_answer_that_cannot_be_judged_is_not_asked_for_again() -> None:
    """The validator is at fault, not the model: that is no refusal, and the record says so."""
    world = World(a=["odd good"], b=["good"])
    first = Stage(model="a", accept_if=(GOOD.name, "call(m:judged)"), retry_same=1)
    course = course_of(first, Stage(model="b"), odd=True)
    assert by_complete(course, world) == "good"
    assert attempts(course.outcome()) == [("primary", "a", "validator_error"), ("escalation", "b", "")]


def test_a_validator_that_refuses_settles_what_another_cannot_judge() -> None:
    """All must accept, so one refusal is enough whatever the others would say."""
    first = Stage(model="a", accept_if=("call(m:judged)", GOOD.name))
    course = course_of(first, Stage(model="b"), odd=True)
    assert by_complete(course, World(a=["odd bad"], b=["good"])) == "good"
    assert attempts(course.outcome())[0] == ("primary", "a", "quality")


@every_shell
def test_a_provider_failure_takes_the_fallbacks_and_a_refusal_the_escalations(shell: Shell) -> None:
    """Neither takes the other's way: the peer's answer is served unjudged, and the stronger model is never asked."""
    world = World(a=[DOWN], peer=["bad"], b=["good"])
    course = course_of(stage("a"), Stage(model="b"), fallback=("peer",))
    assert shell(course, world) == "bad"
    assert attempts(course.outcome()) == [("primary", "a", "503"), ("fallback", "peer", "")]
    refused = World(a=["bad"], peer=["good"], b=["better"])
    course = course_of(stage("a"), Stage(model="b"), fallback=("peer",))
    assert shell(course, refused) == "better"
    assert attempts(course.outcome()) == [("primary", "a", "quality"), ("escalation", "b", "")]


def test_a_caller_that_leaves_while_its_answer_is_judged_has_still_paid_for_it() -> None:
    """The attempt is in the record, with the class of what ended it."""

    class Hanging:
        name, asks, in_shadows = "hanging", "wait", False

        def check(self, case: Case, context: object) -> bool:
            raise KeyboardInterrupt

        async def acheck(self, case: Case, context: object) -> bool:
            raise asyncio.CancelledError

    chooser = Cascade([Stage(model="a", accept_if=("hanging",)), Stage(model="b")])
    policy = Composed(name="p", version="1", chooser=chooser, validators=[Hanging()])
    for shell, error in ((by_complete, KeyboardInterrupt), (by_acomplete, asyncio.CancelledError)):
        world = World(a=["fine"])
        course = execution_of(policy)
        with pytest.raises(error):
            shell(course, world)
        outcome = course.outcome()
        assert (outcome.status, outcome.error_type) == ("error", error.__name__)
        assert attempts(outcome) == [("primary", "a", error.__name__)]


def outcome(*results: tuple[str, str]) -> Outcome:
    return Outcome(
        status="complete",
        attempts=tuple(Attempt(kind="primary", model=model, error_type=error) for model, error in results),
    )


def test_refusals_in_a_row_are_flagged_per_policy_and_task() -> None:
    """Every third one here; an accepted answer ends a run, and what nobody judged changes nothing."""
    runs = RefusalRuns()
    made = decision(steps=(Step(kind="primary", model="small", accept_if=("x",)), Step(kind="escalation", model="big")))
    refused = outcome(("small", "quality"), ("big", ""))
    accepted = outcome(("small", "quality"), ("small", ""))
    unjudged = [outcome(("small", "503")), outcome(("small", "validator_error")), outcome()]

    def flags(*outcomes: Outcome, task: str = "support") -> list[str]:
        return [runs.with_review_flag(made, request(task=task), each, review_after=3).needs_review for each in outcomes]

    due = "refused_in_a_row"
    assert flags(refused, refused, *unjudged, refused) == ["", "", "", "", "", due]
    assert flags(refused, refused, accepted, refused, refused) == [""] * 5
    assert flags(refused, refused, task="other") == [""] * 2
    assert flags(refused, refused, refused, refused) == [due, "", "", due]
    plain = decision()
    assert runs.with_review_flag(plain, request(), refused, review_after=3) is refused


def test_a_reason_to_review_is_not_replaced() -> None:
    """That even the strongest model was refused says more."""
    runs = RefusalRuns()
    made = decision(steps=(Step(kind="primary", model="small", accept_if=("x",)),))
    flagged = Outcome(
        status="complete", attempts=outcome(("small", "quality")).attempts, needs_review="last_step_refused"
    )
    assert runs.with_review_flag(made, request(), flagged, review_after=1) is flagged


def test_tasks_that_are_counted_are_bounded() -> None:
    """A label that is unique per request costs no memory."""
    runs = RefusalRuns()
    made = decision(steps=(Step(kind="primary", model="small", accept_if=("x",)),))
    refused = outcome(("small", "quality"))
    for number in range(1500):
        assert runs.with_review_flag(made, request(task=f"t{number}"), refused, review_after=2).needs_review == ""
    assert len(runs._runs) == 1000
    assert (
        runs.with_review_flag(made, request(task="t1499"), refused, review_after=2).needs_review == "refused_in_a_row"
    )
    assert runs.with_review_flag(made, request(task="t0"), refused, review_after=2).needs_review == ""


def test_what_a_judge_costs_counts_against_spending_limits() -> None:
    """Beside attempts that are priced, and beside a cost that the provider reported for them."""
    price = Price(
        input_usd_per_mtok=1.0, output_usd_per_mtok=2.0, cache_read_usd_per_mtok=1.0, cache_write_usd_per_mtok=1.0
    )
    billing = Billing(Catalogue([Model(name="a", price=price)]))
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    priced = Outcome(status="complete", attempts=(Attempt(kind="primary", model="a", usage=usage),))
    calls = (JudgeCall(model="a", usage=usage), JudgeCall(model="unpriced", usage=usage))
    assert billing.outcome_usd(priced, 0) == 3.0
    assert billing.outcome_usd(replace(priced, judge_calls=calls), 0) == 6.0
    assert billing.outcome_usd(replace(priced, cost_usd=0.5, judge_calls=calls), 0) == 3.5


class Slow(World):
    """Models that take 4 seconds, and a clock that moves with nothing else."""

    def tick(self) -> float:
        return self.now

    def answer(self, planned: Dispatch) -> Answer:
        self.now += 4.0
        return super().answer(planned)


@every_shell
def test_checks_get_what_the_answers_leave_of_the_deadline(shell: Shell) -> None:
    """The answer that is checked took its time, too, and so does the check itself."""
    world = Slow(a=["bad"], b=["good"])
    left: list[float] = []

    class OneSecond(Composed):
        def examine(self, request: Request, step: Step, answer: Answer, context: ValidatorContext) -> Verdict:
            left.append(context.time_left_s(60.0))
            world.now += 1.0
            left.extend((context.time_left_s(60.0), context.time_left_s(5.0)))
            return Verdict(refused_by="" if answer.text == "good" else "good")

        async def aexamine(self, request: Request, step: Step, answer: Answer, context: ValidatorContext) -> Verdict:
            return self.examine(request, step, answer, context)

    stages = Cascade([stage("a"), Stage(model="b", accept_if=(GOOD.name,))])
    policy = OneSecond(name="p", version="1", chooser=stages, validators=[GOOD])
    assert shell(execution_of(policy, world.tick, deadline_s=20.0), world) == "good"
    assert left == [16.0, 15.0, 5.0, 11.0, 10.0, 5.0]
