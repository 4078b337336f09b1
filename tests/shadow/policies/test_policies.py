"""The shipped mechanisms: what they decide and how they explain it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shadow.config import load_catalogue, load_policy
from shadow.domain.outcome import UNREPORTED, Answer
from shadow.domain.policy import Candidate, Decision, Escalating, Failure, Policy, Step
from shadow.domain.request import Message, Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import ConfigError, PolicyError, ShadowError
from shadow.policies.call import Call
from shadow.policies.guarded import GuardedPolicy
from shadow.prices.catalogue import Catalogue
from shadow.runtime.containment import Containment
from tests.support.routing_folder import write_folder

RULES = """\
policy: rules
choose:
  rules:
    - {when: {task: [extract, classify], input_tokens: {at_most: 2000}}, use: gpt-5-mini, why: schema-checked}
    - {when: {user_tier: enterprise}, use: llama-70b}
    - {otherwise: gpt-5}
fallback: [llama-70b, gpt-5]
"""
CASCADE = """\
policy: cascade
choose:
  cascade: {try: gpt-5-mini, accept_if: [{matches: '^[A-D]$'}, {score_at_least: 0.5}], else: gpt-5}
fallback: [llama-70b]
"""


def request(**features: Any) -> Request:
    return Request(request_id="r", time_us=1, **features)


def policy_of(folder: Path, text: str) -> Policy:
    write_folder(folder, policy=text)
    return load_policy(folder / "policies/policy.yaml", load_catalogue(folder / "models.yaml"))


def decide(policy: Policy, **features: Any) -> Decision:
    return policy.decide(request(**features), Snapshot())


def test_the_first_rule_that_holds_decides(tmp_path: Path) -> None:
    """Rules are tried in order; all conditions of a rule must hold, limits included."""
    policy = policy_of(tmp_path, RULES)
    assert decide(policy, task="extract", input_tokens=2000).model == "gpt-5-mini"
    assert decide(policy, task="extract", input_tokens=2001, user_tier="enterprise").model == "llama-70b"
    assert decide(policy, task="chat").model == "gpt-5"


def test_a_rule_explains_itself(tmp_path: Path) -> None:
    """The reason names the rule that won, the candidates tell which condition stopped the rules before it."""
    decision = decide(policy_of(tmp_path, RULES), task="chat", user_tier="enterprise")
    assert decision.reason == "rule 2"
    assert decision.candidates == (
        Candidate(model="gpt-5-mini", rejected="rule 1: task in classify, extract"),
        Candidate(model="llama-70b"),
    )
    assert decide(policy_of(tmp_path, RULES), task="extract").reason == "rule 1: schema-checked"
    assert (decision.propensity, decision.state_mode) == (1.0, "none")


def test_fallbacks_follow_and_repeat_nothing(tmp_path: Path) -> None:
    """A fallback that the plan names already is left out."""
    decision = decide(policy_of(tmp_path, RULES), user_tier="enterprise")
    assert decision.steps == (Step(kind="primary", model="llama-70b"), Step(kind="fallback", model="gpt-5"))


@pytest.mark.parametrize(
    ("when", "holds", "fails"),
    [
        ("task: extract", {"task": "extract"}, {"task": "other"}),
        ("user_tier: [free, pro]", {"user_tier": "pro"}, {}),
        ("input_tokens: {at_least: 10}", {"input_tokens": 10}, {"input_tokens": 9}),
        ("complexity: {at_least: 0.2, at_most: 0.6}", {"complexity": 0.6}, {"complexity": 0.61}),
        ("labels: {team: [a, b]}", {"labels": {"team": "b"}}, {"labels": {"team": "c"}}),
        ("labels: {team: a}", {"labels": {"team": "a"}}, {}),
        ("matches: '(?i)pay'", {"messages": (Message("user", "PAY"),)}, {"messages": (Message("tool", "pay"),)}),
        ("has_tools: true", {"has_tools": True}, {}),
        ("wants_json: false", {}, {"wants_json": True}),
    ],
)  # fmt: skip
def test_every_condition(tmp_path: Path, when: str, holds: dict[str, Any], fails: dict[str, Any]) -> None:
    """Each condition holds for what it names and for nothing else."""
    policy = policy_of(
        tmp_path,
        f"policy: p\nchoose:\n  rules:\n    - {{when: {{{when}}}, use: gpt-5-mini}}\n    - {{otherwise: gpt-5}}\n",
    )
    assert decide(policy, **holds).model == "gpt-5-mini"
    assert decide(policy, **fails).model == "gpt-5"


def test_a_cascade_plans_both_models(tmp_path: Path) -> None:
    """The escalation and the validators are steps of the decision, before the fallbacks."""
    decision = decide(policy_of(tmp_path, CASCADE))
    assert decision.steps == (
        Step(kind="primary", model="gpt-5-mini", accept_if=("matches(^[A-D]$)", "score_at_least(0.5)")),
        Step(kind="escalation", model="gpt-5"),
        Step(kind="fallback", model="llama-70b"),
    )
    assert decision.escalation_model == "gpt-5"
    assert decision.candidates[1] == Candidate(model="gpt-5", rejected="only if gpt-5-mini is refused")


def test_a_cascade_names_the_first_validator_that_refuses(tmp_path: Path) -> None:
    """All validators must accept; the answer of the escalation has none and is accepted."""
    policy = policy_of(tmp_path, CASCADE)
    assert isinstance(policy, Escalating)
    asked, decision = request(), decide(policy)
    primary, escalation = decision.steps[:2]
    assert policy.accepts(asked, decision, primary, Answer(text="B", score=0.5)) == ""
    assert policy.accepts(asked, decision, primary, Answer(text="B", score=0.4)) == "score_at_least(0.5)"
    assert policy.accepts(asked, decision, primary, Answer(text="E", score=1.0)) == "matches(^[A-D]$)"
    assert policy.accepts(asked, decision, escalation, Answer(text="E")) == ""


def test_an_answer_without_a_score_is_not_refused(tmp_path: Path) -> None:
    """What cannot be judged raises, so that it is recorded as unknown."""
    policy = policy_of(tmp_path, CASCADE)
    assert isinstance(policy, Escalating)
    decision = decide(policy)
    with pytest.raises(ShadowError, match="must see a recorded score, got none"):
        policy.accepts(request(), decision, decision.steps[0], Answer(text="B"))


def test_a_foreign_validator_is_an_error(tmp_path: Path) -> None:
    """A step of another policy cannot be judged by this one."""
    policy = policy_of(tmp_path, CASCADE)
    assert isinstance(policy, Escalating)
    step = Step(kind="primary", model="gpt-5", accept_if=("matches(x)",))
    with pytest.raises(PolicyError, match=r"has no validator 'matches\(x\)'"):
        policy.accepts(request(), decide(policy), step, Answer())


def test_a_function_may_name_a_model_or_decide_whole() -> None:
    """A name becomes a decision of unknown propensity; a decision keeps its reasons but gets the policy's name."""
    by_name = Call(lambda asked: "gpt-5" if asked.has_tools else "gpt-5-mini", name="mine", version="1")
    assert decide(by_name, has_tools=True).model == "gpt-5"
    assert decide(by_name).propensity is None

    def whole(asked: Request) -> Decision:
        steps = (Step(kind="primary", model="gpt-5"),)
        return Decision(policy="other", version="9", steps=steps, reason="coin", propensity=0.5)

    decision = decide(Call(whole, name="mine", version="1", fallback=["gpt-5-mini"]))
    assert (decision.policy, decision.version, decision.reason, decision.propensity) == ("mine", "1", "coin", 0.5)
    assert [step.model for step in decision.steps] == ["gpt-5", "gpt-5-mini"]


@pytest.mark.parametrize("answer", [None, "", 3, ["gpt-5"]])
def test_a_function_that_answers_with_something_else_is_an_error(answer: Any) -> None:
    """Neither a name nor a decision: the record says invalid_decision."""
    with pytest.raises(PolicyError, match="must return a model's name or a Decision") as caught:
        decide(Call(lambda _: answer, name="mine", version="1"))
    assert caught.value.error_type == "invalid_decision"


def test_a_function_needs_a_version() -> None:
    """Nothing can see when a function changes, so its author says it."""
    with pytest.raises(ConfigError, match="must have a name and a version"):
        Call(lambda _: "gpt-5", name="mine", version="")


def test_a_function_that_answers_wrongly_is_recorded_as_invalid() -> None:
    """The record tells a decision that is none from a policy that failed."""
    policy = Call(lambda _: 3, name="mine", version="1")  # type: ignore[arg-type,return-value]  # that is the mistake
    result = GuardedPolicy(policy, Catalogue(), Containment()).ask(request(), Snapshot(), UNREPORTED)
    assert isinstance(result.decision, Failure)
    assert (result.decision.status, result.decision.error_type) == ("invalid", "invalid_decision")
