from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pytest

from shadow.domain.outcome import UNREPORTED, Answer, Outcome
from shadow.domain.policy import Candidate, Decision, Failure, Policy, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import PolicyError, UnjudgedError
from shadow.policies.guarded import GuardedPolicy, PolicyResult
from shadow.runtime.containment import Containment
from tests.support.sdk import CATALOGUE, CascadePolicy, FunctionPolicy, cascade, complete, decision, request

STEP = Step(kind="primary", model="small")


def ask(policy: Policy, outcome: Outcome = UNREPORTED, asked: Request | None = None) -> PolicyResult:
    return GuardedPolicy(policy, CATALOGUE, Containment()).ask(asked or request(), Snapshot(), outcome)


def answer_to(given: Any) -> PolicyResult:
    return ask(FunctionPolicy("cheap", lambda _: given))


def failure_of(result: PolicyResult) -> tuple[str, str]:
    assert isinstance(result.decision, Failure)
    return result.decision.status, result.decision.error_type


def test_a_decision_is_kept_as_it_is_and_timed() -> None:
    """The record shows what the policy said, and how long it took."""
    made = decision()
    result = answer_to(made)
    assert result.decision is made
    assert result.duration_s is not None
    assert 0 < result.duration_s < 1
    assert result.escalated is None


@pytest.mark.parametrize(
    "error", [ValueError, SystemExit, KeyboardInterrupt, RecursionError, MemoryError, GeneratorExit, StopIteration]
)
def test_whatever_a_policy_raises_is_a_failed_decision(error: type[BaseException]) -> None:
    """Also what would end a process: a shadow has no say in that."""

    def decide(_: Request) -> Any:
        raise error("my secret prompt")

    result = ask(FunctionPolicy("cheap", decide))
    assert failure_of(result) == ("error", error.__name__)
    assert isinstance(result.decision, Failure)
    assert result.decision.message.startswith(f"{error.__name__} raised at test_guarded.py:")
    assert "secret" not in result.decision.message


def test_a_runaway_recursion_is_a_failed_decision() -> None:
    """The stack is gone, the thread is not."""

    def decide(asked: Request) -> Any:
        return decide(asked)

    assert failure_of(ask(FunctionPolicy("cheap", decide))) == ("error", "RecursionError")


async def _coroutine() -> None:
    """A policy that was written async by mistake."""


NO_DECISION = "policy cheap: decide must return a Decision, got {}; a policy is not async"


@pytest.mark.parametrize("given", [None, "small", {"model": "small"}, object(), 10_000_000 * "x"])
def test_what_is_no_decision_is_invalid(given: Any) -> None:
    """It is recorded as invalid, with a message of bounded length."""
    result = answer_to(given)
    assert failure_of(result) == ("invalid", "invalid_decision")
    assert isinstance(result.decision, Failure)
    assert result.decision.message == NO_DECISION.format(type(given).__name__)


def test_an_async_policy_is_invalid_and_its_coroutine_is_closed() -> None:
    """A coroutine that nobody awaits would warn long afterwards, somewhere else."""
    assert failure_of(answer_to(_coroutine())) == ("invalid", "invalid_decision")


FEW_STEPS = "steps must be a tuple of 1 to 20 steps"
FEW_CANDIDATES = "candidates must be a tuple of at most 100"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": ()}, FEW_STEPS),
        ({"steps": [STEP]}, FEW_STEPS),
        ({"steps": (STEP,) * 21}, FEW_STEPS),
        ({"steps": ("small",)}, "steps must hold Step objects, got str"),
        ({"steps": (Step(kind="fallback", model="small"),)}, "the first step must be primary, got 'fallback'"),
        ({"steps": (Step(kind="primary", model=""),)}, "model of a step must not be empty"),
        (
            {"steps": (Step(kind="primary", model=7),)},  # type: ignore[arg-type]  # what a wrong policy does
            "model of a step must be text, got int",
        ),
        (
            {"steps": (Step(kind="primary", model="small", accept_if=["ok"]),)},  # type: ignore[arg-type]  # likewise
            "accept_if must be a tuple of names, got list",
        ),
        (
            {"steps": (Step(kind="primary", model="small", accept_if=("ok", 7)),)},  # type: ignore[arg-type]  # likewise
            "accept_if must be text, got int",
        ),
        ({"reason": "x" * 10_000_000}, "reason must have at most 500 characters, got 10000000"),
        ({"reason": None}, "reason must be text, got NoneType"),
        ({"confidence": math.nan}, "confidence must be a finite number, got nan"),
        ({"confidence": 1.5}, "confidence must be in [0, 1], got 1.5"),
        ({"confidence": "high" * 100}, f"confidence must be a finite number, got {'high' * 10}"),
        ({"propensity": 0}, "propensity must be above 0, got 0; None means unknown"),
        ({"propensity": -0.1}, "propensity must be in [0, 1], got -0.1"),
        ({"propensity": math.inf}, "propensity must be a finite number, got inf"),
        ({"candidates": [Candidate(model="small")]}, FEW_CANDIDATES),
        ({"candidates": (Candidate(model="small"),) * 101}, FEW_CANDIDATES),
        ({"candidates": ("small",)}, "candidates must hold Candidate objects, got str"),
        (
            {"candidates": (Candidate(model=None),)},  # type: ignore[arg-type]  # likewise
            "model of a candidate must be text, got NoneType",
        ),
        (
            {"candidates": (Candidate(model="small", rejected=10_000_000 * "x"),)},
            "rejected must have at most 500 characters, got 10000000",
        ),
        ({"candidates": (Candidate(model="small", score=math.inf),)}, "score must be a finite number, got inf"),
        ({"candidates": (Candidate(model="small", score=math.nan),)}, "score must be a finite number, got nan"),
        (
            {"candidates": (Candidate(model="small", terms={"cost": math.nan}),)},
            "term must be a finite number, got nan",
        ),
        (
            {"candidates": (Candidate(model="small", terms={"x" * 201: 1.0}),)},
            "term must have at most 200 characters, got 201",
        ),
        (
            {"candidates": (Candidate(model="small", terms={str(n): 0.5 for n in range(21)}),)},
            "terms of a candidate must be at most 20",
        ),
    ],
)
def test_a_decision_that_breaks_a_rule_is_invalid(changes: dict[str, Any], message: str) -> None:
    """NaN would poison sums, and 10 MB would poison the store; the record names the policy, the field and the rule."""
    result = answer_to(decision(**changes))
    assert failure_of(result) == ("invalid", "invalid_decision")
    assert isinstance(result.decision, Failure)
    assert result.decision.message == f"policy cheap: {message}"


@pytest.mark.parametrize("share", [None, 0.25, 1])
def test_a_decision_at_every_limit_is_kept(share: float | None) -> None:
    """What the rules allow is allowed to the last character."""
    name, text = "x" * 200, "x" * 500
    terms = {str(number).rjust(200): 0.5 for number in range(20)}
    made = decision(
        steps=(Step(kind="primary", model="small", accept_if=(name,)), *[Step(kind="fallback", model="big")] * 19),
        candidates=(Candidate(model=name, rejected=text, terms=terms), *[Candidate(model="small")] * 99),
        reason=text,
        confidence=0 if share is None else share,
        propensity=share,
    )
    assert answer_to(made).decision is made


def test_a_failure_says_whose_it_is_and_how_long_it_took() -> None:
    """Whether the policy gave up, raised, or gave what cannot be recorded or even read."""

    class Unreadable(Decision):
        @property
        def steps(self) -> Any:
            raise LookupError("secret")

    def give_up(_: Request) -> Any:
        time.sleep(0.002)
        raise PolicyError("cheap", "no idea " * 100, error_type="unfit")

    def fail(_: Request) -> Any:
        time.sleep(0.002)
        raise LookupError("secret")

    def misread(_: Request) -> Any:
        time.sleep(0.002)
        return object.__new__(Unreadable)

    def mistake(_: Request) -> Any:
        time.sleep(0.002)

    for decide, status, error_type, message in (
        (give_up, "invalid", "unfit", ("policy cheap: " + "no idea " * 100)[:200]),
        (fail, "error", "LookupError", None),
        (misread, "error", "LookupError", None),
        (mistake, "invalid", "invalid_decision", NO_DECISION.format("NoneType")),
    ):
        result = ask(FunctionPolicy("cheap", decide, version="7"))
        failure = result.decision
        assert isinstance(failure, Failure)
        assert (failure.policy, failure.version) == ("cheap", "7")
        assert (failure.status, failure.error_type) == (status, error_type)
        assert failure.message == message or failure.message.startswith("LookupError raised at test_guarded.py:")
        assert result.duration_s is not None
        assert 0.002 <= result.duration_s < 60
        assert result.escalated is None


def test_a_failure_without_a_message_has_none() -> None:
    """The runner's time-outs have nothing to add."""
    guarded = GuardedPolicy(FunctionPolicy("cheap", lambda _: None), CATALOGUE, Containment())
    assert guarded.failure("timeout", "budget").message == ""


def test_the_policy_gets_the_snapshot_and_may_not_change_it() -> None:
    """It decides from the state that live saw, and the record says from what kind of state."""

    class Reader(FunctionPolicy):
        def decide(self, request: Request, snapshot: Snapshot) -> Decision:
            seen.append(snapshot)
            object.__setattr__(snapshot, self.name, frozenset({"changed"}))
            return decision()

    seen: list[Snapshot] = []
    given = Snapshot(mode="shared", warm_tokens={"small": 7})
    result = GuardedPolicy(Reader("killed", lambda _: None), CATALOGUE, Containment()).ask(request(), given, UNREPORTED)
    assert seen[0].warm_tokens == {"small": 7}
    assert failure_of(result) == ("invalid", "mutated_request")
    assert isinstance(result.decision, Failure)
    assert result.decision.message == "policy killed: decide must not change the request"
    assert given.killed == frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Decision):
    """A user's own decision, with a field more."""

    note: str = ""


@pytest.mark.parametrize("kind", [Decision, Noted])
def test_the_record_says_from_what_kind_of_state_it_was_decided(kind: type[Decision]) -> None:
    """Whatever the policy says of it, and with whatever the user's class holds besides."""
    made = kind(policy="cheap", version="1111", steps=(STEP,), reason="a rule")
    guarded = GuardedPolicy(FunctionPolicy("cheap", lambda _: made), CATALOGUE, Containment())
    result = guarded.ask(request(), Snapshot(mode="shared"), UNREPORTED).decision
    assert type(result) is kind
    assert result == replace(made, state_mode="shared")


def test_a_validator_gets_what_was_asked_decided_and_answered() -> None:
    """The first step is the one that live took."""

    class Recording(CascadePolicy):
        def accepts(self, request: Request, decision: Decision, step: Step, answer: Answer) -> str:
            seen.append((request, decision, step, answer))
            return ""

    seen: list[tuple[Request, Decision, Step, Answer]] = []
    asked = request()
    result = ask(Recording(lambda _: ""), served(), asked)
    assert seen == [(asked, result.decision, cascade().steps[0], Answer(text="42"))]


def test_a_model_that_nobody_knows_is_invalid_and_the_nearest_is_named() -> None:
    """A typing mistake must not look like a cheap model."""
    result = answer_to(decision("smal"))
    assert failure_of(result) == ("invalid", "unknown_model")
    assert isinstance(result.decision, Failure)
    assert result.decision.message == 'policy cheap: no model "smal" in the catalogue; nearest: small'
    strange = answer_to(decision("0" * 30)).decision
    assert isinstance(strange, Failure)
    assert strange.message == f'policy cheap: no model "{"0" * 30}" in the catalogue'


def test_an_alias_is_replaced_by_the_name_of_its_model() -> None:
    """Two names of one model are no divergence."""
    judged = answer_to(decision("azure/big-prod")).decision
    assert not isinstance(judged, Failure)
    assert judged.model == "big"


@pytest.mark.parametrize("field", ["task", "messages", "request_id"])
def test_a_changed_request_is_a_failure_and_stays_with_the_policy(field: str) -> None:
    """Every policy gets its own copy: the others and the record see what live saw."""
    asked = request()
    before = request(asked.request_id)

    def decide(own: Request) -> Any:
        object.__setattr__(own, field, "changed")
        return decision()

    assert failure_of(ask(FunctionPolicy("cheap", decide), asked=asked)) == ("invalid", "mutated_request")
    assert asked == before


@pytest.mark.parametrize(
    ("change", "error_type"),
    [
        (lambda own: setattr(own, "task", "x"), "FrozenInstanceError"),
        (lambda own: own.labels.update(team="x"), "AttributeError"),
        (lambda own: own.messages.append("x"), "AttributeError"),
        (lambda own: own.messages.__setitem__(0, "x"), "AttributeError"),
    ],
)
def test_changing_a_request_the_usual_way_raises_in_the_policy(change: Any, error_type: str) -> None:
    """Nothing in a request can be changed by accident."""
    asked = request(labels=MappingProxyType({"team": "a"}))
    result = ask(FunctionPolicy("cheap", change), asked=asked)
    assert failure_of(result) == ("error", error_type)
    assert asked.labels == {"team": "a"}


def served(model: str = "small", **changes: Any) -> Outcome:
    return complete(model, answer=Answer(text="42"), **changes)


@pytest.mark.parametrize(("refused_by", "escalated"), [("regex", True), ("", False)])
def test_a_cascade_judges_the_answer_that_live_served(refused_by: str, escalated: bool) -> None:
    """If its first step is the model that answered, its validators can be run on the real answer."""
    assert ask(CascadePolicy(lambda answer: refused_by), served()).escalated is escalated


@pytest.mark.parametrize(
    "outcome",
    [UNREPORTED, complete("small"), served("big"), served(status="partial")],
    ids=["unreported", "no answer kept", "another model answered", "half an answer"],
)
def test_an_escalation_that_cannot_be_known_is_unknown(outcome: Outcome) -> None:
    """Absent, never 0."""
    assert ask(CascadePolicy(lambda answer: "regex"), outcome).escalated is None


@pytest.mark.parametrize(("refused_by", "escalated"), [("regex", None), ("", False)])
def test_an_escalation_after_a_retry_that_nobody_ran_is_unknown(refused_by: str, escalated: bool | None) -> None:
    """For a refused answer the same model would be asked again first, and what it would say then nobody saw."""
    first = Step(kind="primary", model="small", accept_if=("ok",), retry_same=1)
    plan = decision(steps=(first, Step(kind="escalation", model="big")))
    policy = CascadePolicy(lambda answer: refused_by)
    policy._decide = lambda _: plan
    assert ask(policy, served()).escalated is escalated


def test_a_validator_that_cannot_know_is_no_error() -> None:
    """The escalation is unknown, and nothing is counted as contained."""

    def unknown(answer: Answer) -> str:
        raise UnjudgedError("no score")

    containment = Containment()
    result = GuardedPolicy(CascadePolicy(unknown), CATALOGUE, containment).ask(request(), Snapshot(), served())
    assert result.escalated is None
    assert containment.counts == {}


def test_a_policy_without_escalation_has_none_to_know() -> None:
    """Unknown is not the same as no."""
    assert ask(FunctionPolicy("cheap", lambda _: decision()), served()).escalated is None


def test_a_validator_that_fails_leaves_the_escalation_unknown() -> None:
    """The decision is still good; the failure is counted at its own place."""

    def refuse(answer: Answer) -> str:
        raise SystemExit

    containment = Containment()
    judged = GuardedPolicy(CascadePolicy(refuse), CATALOGUE, containment).ask(request(), Snapshot(), served())
    assert not isinstance(judged.decision, Failure)
    assert judged.escalated is None
    assert containment.counts == {"accept_if of cascade": 1}


def test_the_duration_is_the_policy_alone() -> None:
    """Checks and validators are ours."""

    def slow(answer: Answer) -> str:
        time.sleep(0.05)
        return ""

    judged = ask(CascadePolicy(slow), served())
    assert judged.duration_s is not None
    assert judged.duration_s < 0.05
