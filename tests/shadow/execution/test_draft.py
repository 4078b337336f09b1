"""Draft and verify: a cheap model writes, a stronger one lets it stand or writes the answer itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shadow.domain.outcome import Answer, ToolCall, Usage
from shadow.domain.policy import Decision, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import STATELESS, Snapshot
from shadow.errors import ProviderError
from shadow.execution import Dispatch, Execution, run
from shadow.execution.draft import CHECK, REWRITE, STANDS, Draft
from shadow.execution.settings import ExecutionSettings
from shadow.execution.terms import Terms
from shadow.policies.cascade import Cascade, Stage
from shadow.policies.composed import Composed
from shadow.prices.catalogue import Catalogue
from tests.shadow.execution.test_quality import (
    DOWN,
    GOOD,
    Shell,
    World,
    attempts,
    by_complete,
    every_shell,
    execution_of,
)
from tests.support.sdk import request

CHECKER = Stage(model="b", verifies=True)


def course_of(*stages: Stage, fallback: tuple[str, ...] = ()) -> Execution:
    """The course of a draft by the first model and a check by the second."""
    return execution_of(Composed(name="p", version="1", chooser=Cascade(stages), fallback=fallback, validators=[GOOD]))


@every_shell
def test_a_draft_that_stands_is_served_and_both_are_paid(shell: Shell) -> None:
    """The caller gets the draft; the record has its model, and the check as an escalation that was paid."""
    world = World(a=["the draft"], b=[STANDS])
    course = course_of(Stage(model="a"), CHECKER)
    assert shell(course, world) == "the draft"
    outcome = course.outcome()
    assert attempts(outcome) == [("primary", "a", ""), ("escalation", "b", "")]
    assert (outcome.model, outcome.status, outcome.escalated, outcome.contamination) == ("a", "complete", True, ())
    assert [planned.held for planned in world.planned] == [True, True]


@every_shell
def test_a_better_answer_takes_the_place_of_the_draft(shell: Shell) -> None:
    """What the checking model writes itself is served as its own."""
    world = World(a=["the draft"], b=["better"])
    course = course_of(Stage(model="a"), CHECKER)
    assert shell(course, world) == "better"
    assert course.outcome().model == "b"


def test_the_checking_model_sees_the_draft() -> None:
    """After the caller's messages, with the sign by which it lets the draft stand."""
    world = World(a=["the draft"], b=[STANDS])
    by_complete(course_of(Stage(model="a"), CHECKER), world)
    first, second = world.planned
    assert first.shown is None
    assert second.draft is not None
    assert second.draft.messages() == [
        {"role": "assistant", "content": "the draft"},
        {"role": "user", "content": CHECK},
    ]


@pytest.mark.parametrize("said", [f"`{STANDS}`", f"{STANDS}.", f"The draft is fine: {STANDS}\n"])
@every_shell
def test_the_sign_counts_wherever_it_is(shell: Shell, said: str) -> None:
    """Models add quotes and politeness; nothing that holds the sign may reach the caller."""
    assert shell(course_of(Stage(model="a"), CHECKER), World(a=["the draft"], b=[said])) == "the draft"


@every_shell
def test_a_draft_that_a_validator_refuses_cannot_stand(shell: Shell) -> None:
    """The checking model is told what was missed and writes the answer; there is no sign for it to give."""
    world = World(a=["bad"], b=["good"])
    course = course_of(Stage(model="a", accept_if=(GOOD.name,)), CHECKER)
    assert shell(course, world) == "good"
    assert attempts(course.outcome()) == [("primary", "a", "quality"), ("escalation", "b", "")]
    draft = world.planned[1].draft
    assert draft is not None
    wish = draft.messages()[1]["content"]
    assert wish == f"{REWRITE} It must match the regular expression good."
    assert STANDS not in wish


@every_shell
def test_a_draft_that_passes_its_validators_is_checked_all_the_same(shell: Shell) -> None:
    """That is the mode: a validator only says what is certainly wrong."""
    world = World(a=["good"], b=["better"])
    assert shell(course_of(Stage(model="a", accept_if=(GOOD.name,)), CHECKER), world) == "better"


@every_shell
def test_a_check_that_fails_goes_on_to_the_fallback_without_the_draft(shell: Shell) -> None:
    """A draft that nobody checked is not served, and the fallback answers the caller's own question."""
    world = World(a=["the draft"], b=[DOWN], c=["from c"])
    course = course_of(Stage(model="a"), CHECKER, fallback=("c",))
    assert shell(course, world) == "from c"
    assert world.planned[2].shown is None
    assert course.outcome().contamination == ("fallback",)


@every_shell
def test_a_check_that_fails_for_good_reaches_the_caller(shell: Shell) -> None:
    """As any other failure of a provider; the draft was paid, and the record says so."""
    course = course_of(Stage(model="a"), CHECKER)
    with pytest.raises(ProviderError, match="down"):
        shell(course, World(a=["the draft"], b=[DOWN]))
    assert attempts(course.outcome()) == [("primary", "a", ""), ("escalation", "b", "503")]


@every_shell
def test_a_model_that_stands_in_for_the_draft_is_asked_plainly(shell: Shell) -> None:
    """If the drafting model is down, there is nothing to check: the answer is served as it comes."""
    world = World(a=[DOWN], b=["from b"])
    course = course_of(Stage(model="a"), CHECKER)
    assert shell(course, world) == "from b"
    assert (world.planned[1].shown, world.planned[1].held) == (None, False)


def test_calls_of_tools_are_no_draft() -> None:
    """They are no text that could be checked, so the stronger model is asked plainly."""

    class Calling(World):
        def answer(self, planned: Dispatch) -> Answer:
            answer = super().answer(planned)
            return replace(answer, tool_calls=(ToolCall("f", "{}"),)) if planned.model == "a" else answer

    world = Calling(a=["I call f"], b=["from b"])
    assert by_complete(course_of(Stage(model="a"), CHECKER), world) == "from b"
    assert world.planned[1].shown is None


def test_where_json_is_wanted_the_checking_model_writes_it() -> None:
    """A model that is held to a schema cannot give the sign."""
    policy = Composed(name="p", version="1", chooser=Cascade([Stage(model="a"), CHECKER]))
    asked = replace(request(), wants_json=True)
    course = Execution(policy=policy, request=asked, decision=policy.decide(asked, STATELESS), catalogue=Catalogue([]))
    world = World(a=["{}"], b=['{"a": 1}'])
    assert by_complete(course, world) == '{"a": 1}'
    assert world.planned[1].draft is not None
    assert world.planned[1].draft.messages()[1]["content"] == REWRITE


def test_a_policy_of_ones_own_may_have_its_drafts_checked() -> None:
    """A step says it, not a mechanism: the policy need not judge answers itself."""

    class Own:
        name, version = "own", "1"

        def decide(self, request: Request, snapshot: Snapshot) -> Decision:
            steps = (Step(kind="primary", model="a"), Step(kind="escalation", model="b", verifies=True))
            return Decision(policy="own", version="1", steps=steps)

    policy, asked = Own(), request()
    course = Execution(policy=policy, request=asked, decision=policy.decide(asked, STATELESS), catalogue=Catalogue([]))
    assert by_complete(course, World(a=["the draft"], b=[STANDS])) == "the draft"


def test_a_retried_check_sees_the_draft_again() -> None:
    """A provider that was busy for a moment is asked the same thing."""
    policy = Composed(name="p", version="1", chooser=Cascade([Stage(model="a"), CHECKER]))
    asked = request()
    course = Execution(
        policy=policy,
        request=asked,
        decision=policy.decide(asked, STATELESS),
        catalogue=Catalogue([]),
        terms=Terms.of(ExecutionSettings(), jitter=lambda: 0.0),
    )
    busy = ProviderError("busy", error_type="429", status=429, retryable=True)
    world = World(a=["the draft"], b=[busy, STANDS])
    assert run(course, world.answer, world.tick, sleep=lambda _: None).text == "the draft"
    assert world.planned[1].shown is world.planned[2].shown
    assert [attempt.kind for attempt in course.outcome().attempts] == ["primary", "escalation", "retry"]


def test_the_usage_of_the_record_is_that_of_the_draft_and_the_cost_is_of_both() -> None:
    """What the caller got is what the draft says; what was paid is both."""
    answers = {
        "a": Answer(text="the draft", usage=Usage(input_tokens=10, output_tokens=7), cost_usd=0.25),
        "b": Answer(text=STANDS, usage=Usage(input_tokens=30, output_tokens=3), cost_usd=1.5),
    }

    course = course_of(Stage(model="a"), CHECKER)
    run(course, lambda planned: answers[planned.model], lambda: 0.0)
    outcome = course.outcome()
    assert (outcome.usage.output_tokens, outcome.cost_usd) == (7, 1.75)


def test_a_draft_knows_the_sign_only_where_it_may_stand() -> None:
    """Else an answer that happens to hold it is an answer."""
    assert Draft(Answer(text="x"), 0).stands(Answer(text=STANDS))
    assert not Draft(Answer(text="x"), 0, may_stand=False).stands(Answer(text=STANDS))
