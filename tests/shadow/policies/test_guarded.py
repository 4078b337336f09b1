from __future__ import annotations

import math
import time
from types import MappingProxyType
from typing import Any

import pytest

from shadow.domain.outcome import UNREPORTED, Answer, Outcome
from shadow.domain.policy import Candidate, Failure, Policy, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import UnjudgedError
from shadow.policies.guarded import GuardedPolicy, PolicyResult
from shadow.runtime.containment import Containment
from tests.support.sdk import CATALOGUE, CascadePolicy, FunctionPolicy, complete, decision, request

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


@pytest.mark.parametrize("given", [None, "small", {"model": "small"}, object(), 10_000_000 * "x"])
def test_what_is_no_decision_is_invalid(given: Any) -> None:
    """It is recorded as invalid, with a message of bounded length."""
    result = answer_to(given)
    assert failure_of(result) == ("invalid", "invalid_decision")
    assert isinstance(result.decision, Failure)
    assert len(result.decision.message) <= 200


def test_an_async_policy_is_invalid_and_its_coroutine_is_closed() -> None:
    """A coroutine that nobody awaits would warn long afterwards, somewhere else."""
    assert failure_of(answer_to(_coroutine())) == ("invalid", "invalid_decision")


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": ()},
        {"steps": [STEP]},
        {"steps": ("small",)},
        {"steps": (Step(kind="fallback", model="small"),)},
        {"steps": (Step(kind="primary", model=""),)},
        {"steps": (Step(kind="primary", model=7),)},  # type: ignore[arg-type]  # what a wrong policy does
        {"steps": (Step(kind="primary", model="small", accept_if=["ok"]),)},  # type: ignore[arg-type]  # likewise
        {"steps": (STEP,) * 21},
        {"reason": "x" * 10_000_000},
        {"reason": None},
        {"confidence": math.nan},
        {"confidence": 1.5},
        {"confidence": "high"},
        {"propensity": 0},
        {"propensity": -0.1},
        {"candidates": [Candidate(model="small")]},
        {"candidates": ("small",)},
        {"candidates": (Candidate(model="small", score=math.inf),)},
        {"candidates": (Candidate(model="small", score=math.nan),)},
        {"candidates": (Candidate(model="small", terms={"cost": math.nan}),)},
        {"candidates": (Candidate(model="small", terms={str(n): 0.5 for n in range(21)}),)},
        {"candidates": (Candidate(model="small"),) * 101},
        {"candidates": (Candidate(model="small", rejected=10_000_000 * "x"),)},
    ],
)
def test_a_decision_that_breaks_a_rule_is_invalid(changes: dict[str, Any]) -> None:
    """NaN would poison sums, and 10 MB would poison the store."""
    assert failure_of(answer_to(decision(**changes))) == ("invalid", "invalid_decision")


def test_a_model_that_nobody_knows_is_invalid_and_the_nearest_is_named() -> None:
    """A typing mistake must not look like a cheap model."""
    result = answer_to(decision("smal"))
    assert failure_of(result) == ("invalid", "unknown_model")
    assert isinstance(result.decision, Failure)
    assert result.decision.message == 'policy cheap: no model "smal" in the catalogue; nearest: small'


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
