"""The executor: which step serves a request, and what is recorded about the way there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import UNREPORTED, Answer, Outcome, Usage
from shadow.domain.policy import Decision, Step, StepKind
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import ProviderError
from shadow.execution import Dispatch, Execution, arun, astream, run, stream
from shadow.prices.catalogue import Catalogue

REQUEST = Request(request_id="r-1", time_us=0)
DOWN = ProviderError("down", error_type="503", status=503, retryable=True)
WRONG = ProviderError("bad request", error_type="400", status=400)

Script = dict[str, "Answer | BaseException"]
"""What each model answers; a stream sends the words of an answer's text one by one."""


class Cascade:
    """Refuses every answer whose text is `bad`, and fails on `odd`."""

    name = "cascade"
    version = "1"

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        return Decision(policy=self.name, version=self.version, steps=(Step(kind="primary", model="a"),))

    def accepts(self, request: Request, decision: Decision, step: Step, answer: Answer) -> str:
        if answer.text == "odd":
            raise ValueError(answer.text)
        return "not_bad" if answer.text == "bad" else ""


def execution(*steps: tuple[StepKind, str]) -> Execution:
    """An execution of these (kind, model) steps."""
    plan = tuple(Step(kind=kind, model=model) for kind, model in steps)
    decision = Decision(policy="cascade", version="1", steps=plan)
    return Execution(policy=Cascade(), request=REQUEST, decision=decision, catalogue=Catalogue([]))


class Clock:
    """One second per reading."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def answer_to(script: Script, planned: Dispatch) -> Answer:
    found = script[planned.model]
    if isinstance(found, BaseException):
        raise found
    return found


def by_complete(course: Execution, script: Script) -> list[str]:
    return [run(course, lambda planned: answer_to(script, planned), Clock()).text]


def by_acomplete(course: Execution, script: Script) -> list[str]:
    async def dispatch(planned: Dispatch) -> Answer:
        return answer_to(script, planned)

    return [asyncio.run(arun(course, dispatch, Clock())).text]


def chunks_of(script: Script, planned: Dispatch) -> Iterator[Chunk]:
    answer = answer_to(script, planned)
    for word in answer.text.split():
        yield Chunk(raw=word, text=word, model=answer.model)
    yield Chunk(raw="", usage=answer.usage, cost_usd=answer.cost_usd)


def by_stream(course: Execution, script: Script) -> list[str]:
    def dispatch(planned: Dispatch) -> Generator[Chunk, None, None]:
        yield from chunks_of(script, planned)

    return ["".join(stream(course, dispatch, Clock()))]


def by_astream(course: Execution, script: Script) -> list[str]:
    async def dispatch(planned: Dispatch) -> AsyncGenerator[Chunk, None]:
        for chunk in chunks_of(script, planned):
            yield chunk

    async def collect() -> str:
        async with aclosing(astream(course, dispatch, Clock())) as chunks:
            return "".join([chunk async for chunk in chunks])

    return [asyncio.run(collect())]


Shell = Callable[[Execution, Script], list[str]]
SHELLS: list[Shell] = [by_complete, by_acomplete, by_stream, by_astream]
every_shell = pytest.mark.parametrize("shell", SHELLS)


def attempts(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(attempt.kind, attempt.model, attempt.error_type) for attempt in outcome.attempts]


@every_shell
def test_the_primary_answers(shell: Shell) -> None:
    """One attempt, its usage and cost, no contamination, nothing paid twice."""
    usage = Usage(input_tokens=10, output_tokens=5)
    course = execution(("primary", "a"), ("fallback", "b"))
    assert shell(course, {"a": Answer(text="good", model="a", usage=usage, cost_usd=0.25)}) == ["good"]
    outcome = course.outcome()
    assert (outcome.status, outcome.model, outcome.usage, outcome.cost_usd) == ("complete", "a", usage, 0.25)
    assert (outcome.contamination, outcome.escalated, outcome.error_type) == ((), False, "")
    assert attempts(outcome) == [("primary", "a", "")]
    assert outcome.answer is not None
    assert outcome.answer.text == "good"


@every_shell
def test_a_refused_answer_escalates_and_is_never_served(shell: Shell) -> None:
    """The cheap answer stays an attempt of its own, with error type `quality`; both are paid."""
    course = execution(("primary", "cheap"), ("escalation", "strong"), ("fallback", "other"))
    script: Script = {"cheap": Answer(text="bad", cost_usd=0.25), "strong": Answer(text="good", cost_usd=1.0)}
    assert shell(course, script) == ["good"]
    outcome = course.outcome()
    assert attempts(outcome) == [("primary", "cheap", "quality"), ("escalation", "strong", "")]
    assert (outcome.model, outcome.escalated, outcome.contamination) == ("strong", True, ())
    assert outcome.cost_usd == 1.25


@every_shell
def test_an_accepted_answer_of_a_cascade_is_served_whole(shell: Shell) -> None:
    """No escalation is paid when the validators pass."""
    course = execution(("primary", "cheap"), ("escalation", "strong"))
    assert shell(course, {"cheap": Answer(text="good")}) == ["good"]
    assert course.outcome().escalated is False


@every_shell
def test_the_last_escalation_is_served_as_it_is(shell: Shell) -> None:
    """There is nothing stronger left, so nobody judges it."""
    course = execution(("primary", "cheap"), ("escalation", "strong"))
    assert shell(course, {"cheap": Answer(text="bad"), "strong": Answer(text="bad")}) == ["bad"]


@every_shell
def test_an_answer_that_cannot_be_judged_is_not_served(shell: Shell) -> None:
    """A validator that raises escalates; the attempt says why."""
    course = execution(("primary", "cheap"), ("escalation", "strong"))
    assert shell(course, {"cheap": Answer(text="odd"), "strong": Answer(text="good")}) == ["good"]
    assert attempts(course.outcome())[0] == ("primary", "cheap", "validator_error")


@every_shell
def test_a_retryable_failure_falls_back(shell: Shell) -> None:
    """The fallback's answer is served and the request is marked as contaminated."""
    course = execution(("primary", "a"), ("fallback", "b"), ("fallback", "c"))
    assert shell(course, {"a": DOWN, "b": DOWN, "c": Answer(text="good")}) == ["good"]
    outcome = course.outcome()
    assert attempts(outcome) == [("primary", "a", "503"), ("fallback", "b", "503"), ("fallback", "c", "")]
    assert (outcome.status, outcome.model, outcome.contamination) == ("complete", "c", ("fallback",))
    assert outcome.error_type == ""


@every_shell
def test_an_error_of_the_request_itself_reaches_the_caller_unchanged(shell: Shell) -> None:
    """A 400 is not tried elsewhere, and the very same exception object comes out."""
    course = execution(("primary", "a"), ("fallback", "b"))
    with pytest.raises(ProviderError) as caught:
        shell(course, {"a": WRONG, "b": Answer(text="good")})
    assert caught.value is WRONG
    outcome = course.outcome()
    assert (outcome.status, outcome.error_type, outcome.model, outcome.usage) == ("error", "400", "", Usage())
    assert outcome.duration_s is not None


@every_shell
@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
def test_any_other_error_passes_through_and_is_recorded(shell: Shell, error: BaseException) -> None:
    """Also an interrupt or a cancellation: the record closes with its class."""
    course = execution(("primary", "a"), ("fallback", "b"))
    with pytest.raises(type(error)):
        shell(course, {"a": error, "b": Answer(text="good")})
    assert course.outcome().error_type == type(error).__name__
    assert course.outcome().status == "error"


@every_shell
def test_the_last_error_is_raised_when_every_step_fails(shell: Shell) -> None:
    """Fallbacks that fail too end with the error of the last one."""
    last = ProviderError("also down", error_type="timeout", retryable=True)
    course = execution(("primary", "a"), ("fallback", "b"))
    with pytest.raises(ProviderError) as caught:
        shell(course, {"a": DOWN, "b": last})
    assert caught.value is last
    assert course.outcome().error_type == "timeout"


@every_shell
def test_what_is_left_of_a_cascade_serves_when_no_fallback_can(shell: Shell) -> None:
    """A cheap model that is down is no refusal: the strong one counts as fallback, not as paid twice."""
    course = execution(("primary", "cheap"), ("escalation", "strong"))
    assert shell(course, {"cheap": DOWN, "strong": Answer(text="good")}) == ["good"]
    outcome = course.outcome()
    assert (outcome.escalated, outcome.contamination) == (False, ("fallback",))


@every_shell
def test_a_model_that_failed_is_not_called_again(shell: Shell) -> None:
    """A plan may name a model twice; its failure counts for the whole request."""
    course = execution(("primary", "a"), ("fallback", "a"), ("fallback", "b"))
    assert shell(course, {"a": DOWN, "b": Answer(text="good")}) == ["good"]
    assert [model for _, model, _ in attempts(course.outcome())] == ["a", "b"]


@every_shell
def test_an_escalation_that_is_down_falls_back_and_stays_paid_twice(shell: Shell) -> None:
    """The refused answer is not resurrected."""
    course = execution(("primary", "cheap"), ("escalation", "strong"), ("fallback", "other"))
    assert shell(course, {"cheap": Answer(text="bad"), "strong": DOWN, "other": Answer(text="fair")}) == ["fair"]
    outcome = course.outcome()
    assert (outcome.model, outcome.escalated, outcome.contamination) == ("other", True, ("fallback",))


@every_shell
def test_the_cost_is_unknown_as_soon_as_one_answer_came_without(shell: Shell) -> None:
    """No number stands for unknown."""
    course = execution(("primary", "cheap"), ("escalation", "strong"))
    shell(course, {"cheap": Answer(text="bad"), "strong": Answer(text="good", cost_usd=1.0)})
    assert course.outcome().cost_usd is None


def test_a_recorded_latency_replaces_the_measured_one() -> None:
    """In a backtest the time is that of the recording."""
    course = execution(("primary", "cheap"), ("escalation", "strong"))
    script: Script = {"cheap": Answer(text="bad", latency_s=0.5), "strong": Answer(text="good", latency_s=2.0)}
    by_complete(course, script)
    assert course.outcome().duration_s == 2.5


def test_nothing_dispatched_is_unreported() -> None:
    """A stream that nobody reads has no outcome; it is not guessed."""
    assert execution(("primary", "a")).outcome() is UNREPORTED


class BreaksAfter:
    """A stream that sends words and then fails."""

    def __init__(self, *words: str, error: BaseException) -> None:
        self.words = words
        self.error = error

    def __call__(self, planned: Dispatch) -> Generator[Chunk, None, None]:
        for word in self.words:
            yield Chunk(raw=word, text=word, model="a")
        raise self.error


def test_a_stream_never_falls_back_after_its_first_chunk() -> None:
    """The caller keeps what it got and sees the error; the record says partial, with the first chunk's time."""
    course = execution(("primary", "a"), ("fallback", "b"))
    chunks = stream(course, BreaksAfter("one", "two", error=DOWN), Clock())
    assert [next(chunks), next(chunks)] == ["one", "two"]
    with pytest.raises(ProviderError) as caught:
        next(chunks)
    assert caught.value is DOWN
    outcome = course.outcome()
    assert (outcome.status, outcome.error_type, outcome.model) == ("partial", "503", "a")
    assert outcome.usage == Usage()
    assert outcome.ttft_s is not None
    assert outcome.answer is not None
    assert outcome.answer.text == "onetwo"


def test_a_judged_stream_falls_back_even_in_the_middle() -> None:
    """Nothing of it reached the caller yet."""
    course = execution(("primary", "cheap"), ("escalation", "strong"))

    def dispatch(planned: Dispatch) -> Generator[Chunk, None, None]:
        if planned.model == "cheap":
            yield from BreaksAfter("half", error=DOWN)(planned)
        yield Chunk(raw="whole", text="whole")

    assert list(stream(course, dispatch, Clock())) == ["whole"]


def test_a_stream_that_the_caller_leaves_is_partial_without_an_error() -> None:
    """Closing early is no failure; the provider's stream is closed too."""
    course = execution(("primary", "a"))
    closed: list[bool] = []

    def dispatch(planned: Dispatch) -> Generator[Chunk, None, None]:
        try:
            yield Chunk(raw="one", text="one")
            yield Chunk(raw="two", text="two")
        finally:
            closed.append(True)

    chunks: Generator[Any, None, None] = stream(course, dispatch, Clock())
    next(chunks)
    chunks.close()
    assert closed == [True]
    assert (course.outcome().status, course.outcome().error_type) == ("partial", "")
