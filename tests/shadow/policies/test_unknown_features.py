"""What nobody told of a request is never guessed: a decision that depends on it is a counted failure."""

from __future__ import annotations

from pathlib import Path

import pytest

import shadow
from shadow.domain.features import extract
from shadow.domain.ids import KeyedHash
from shadow.domain.policy import Decision
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import PolicyError
from shadow.policies.call import Call
from shadow.policies.composed import Composed
from shadow.telemetry import keys
from shadow.testing import MemorySink
from tests.shadow.policies.test_policies import policy_of

RULES = """\
policy: rules
choose:
  rules:
    - {when: {task: extract, matches: invoice}, use: gpt-5-mini}
    - {when: {complexity: {at_most: 0.3}, input_tokens: {at_most: 100}}, use: llama-70b}
    - {otherwise: gpt-5}
"""
NO_PROMPT = frozenset({"messages"})


def decide(policy: object, unknown: frozenset[str], **features: object) -> Decision:
    assert isinstance(policy, Composed)
    return policy.decide(Request(request_id="r", time_us=1, unknown=unknown, **features), Snapshot())  # type: ignore[arg-type]


def test_a_rule_decides_only_where_what_it_reads_is_known_or_does_not_matter(tmp_path: Path) -> None:
    """One condition that surely fails settles a rule; one that nobody can check leaves the request undecided."""
    policy = policy_of(tmp_path, RULES)
    assert decide(policy, NO_PROMPT, task="chat", input_tokens=500).model == "gpt-5"
    for features in ({"task": "extract", "input_tokens": 500}, {"task": "chat", "input_tokens": 50}):
        with pytest.raises(PolicyError, match="policy rules: needs messages, which is unknown") as raised:
            decide(policy, NO_PROMPT, **features)
        assert raised.value.error_type == "unknown_feature"
    with pytest.raises(PolicyError, match="needs task"):
        decide(policy, NO_PROMPT | {"task"}, input_tokens=500)


def test_a_policy_says_what_it_reads(tmp_path: Path) -> None:
    """So that somebody who has no prompts can say beforehand what that costs."""
    rules = policy_of(tmp_path, RULES)
    assert isinstance(rules, Composed)
    assert rules.reads == {"task", "messages", "input_tokens"}
    assert Call(lambda request: request.task, name="f", version="1").reads is None


def test_a_function_that_reads_what_is_unknown_decides_nothing() -> None:
    """It is not told an empty prompt for an unknown one; what is known it reads as ever."""
    by_text = Call(lambda request: "big" if "why" in request.text else "small", name="by-text", version="1")
    by_label = Call(lambda request: request.labels.get("team", "big"), name="by-label", version="1")
    assert decide(by_text, frozenset({"task"})).model == "small"
    assert decide(by_label, NO_PROMPT, labels={"team": "small"}).model == "small"
    for policy, unknown in ((by_text, NO_PROMPT), (by_label, frozenset({"label:team"}))):
        with pytest.raises(PolicyError) as raised:
            decide(policy, unknown)
        assert raised.value.error_type == "unknown_feature"


def test_bands_of_what_is_unknown_are_empty() -> None:
    """A request without messages is not an easy one, and without a count not a short one."""
    hashed = KeyedHash("p")
    nothing = extract(messages=None, hash_id=hashed, time_us=1, unknown=NO_PROMPT)
    assert (nothing.complexity_band, nothing.input_band) == ("", "")
    assert nothing.unknown == {"messages", "input_tokens", "has_images"}
    counted = extract(messages=None, hash_id=hashed, time_us=1, input_tokens=5000, unknown=NO_PROMPT)
    assert (counted.complexity_band, counted.input_band) == ("", "4k-16k")
    assert counted.unknown == {"messages", "has_images"}


def test_an_observed_request_without_messages_leaves_rules_on_the_prompt_undecided(tmp_path: Path) -> None:
    """The host gave none, so the shadow is a failure with a reason and not a wrong choice."""
    (tmp_path / "models.yaml").write_text("models: {big: {tier: large}, small: {tier: small}}\n")
    rules = "choose: {rules: [{when: {complexity: {at_most: 0.9}}, use: small}, {otherwise: big}]}"
    (tmp_path / "cheap.yaml").write_text(f"policy: cheap\n{rules}\n")
    (tmp_path / "shadow.yaml").write_text("service: s\nlive: {name: host, version: v1}\nshadows: [cheap.yaml]\n")
    sink = MemorySink()
    with shadow.Observer(tmp_path / "shadow.yaml", exporter=sink) as observer:
        for messages in (None, "Why?"):
            with observer.request(messages=messages) as request:
                request.chose("big")
    rows = sink.rows("shadow")
    assert [row[keys.DECISION_STATUS] for row in rows] == ["invalid", "ok"]
    assert rows[0][keys.ERROR_TYPE] == "unknown_feature"
    assert keys.COMPLEXITY_BAND not in rows[0]
