"""The split: sticky shares, exploration, and how likely each choice was."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from shadow.domain.policy import Decision
from shadow.domain.snapshot import STATELESS, ModelState, Snapshot
from shadow.errors import ConfigError, PolicyError
from shadow.policies.composed import Composed
from tests.support.models import policy_of, request

TEXT = """policy: canary
choose:
  split:
    arms: [{share: 25%, use: small}]
    otherwise: large
"""
EXPLORING = TEXT + "    explore: {share: 20%, among: [small, medium], when: {task: chat}}\n"


def decide(policy: Composed, number: int, **features: object) -> Decision:
    return policy.decide(request(f"r{number}", **features), STATELESS)


def test_the_arm_follows_from_the_hash_of_the_contract(tmp_path: Path) -> None:
    """First 8 bytes of MD5("split:" + policy + ":" + key); the user before the session before the request."""
    policy = policy_of(tmp_path, TEXT)
    for user, session in (("u", "s"), ("", "s"), ("", "")):
        for number in range(50):
            key = (user and f"u{number}") or (session and f"s{number}") or f"r{number}"
            digest = hashlib.md5(f"split:canary:{key}".encode(), usedforsecurity=False).digest()
            expected = "small" if int.from_bytes(digest[:8]) / 2**64 < 0.25 else "large"
            keys = {"user_key": user and f"u{number}", "session_key": session and f"s{number}"}
            assert decide(policy, number, **keys).model == expected


def test_a_user_keeps_the_arm_when_the_share_grows(tmp_path: Path) -> None:
    """About the share of users, always the same, and nobody is taken back."""
    chosen = {}
    for share in ("5%", "25%"):
        policy = policy_of(tmp_path, TEXT.replace("25%", share))
        chosen[share] = {n for n in range(2000) if decide(policy, 0, user_key=f"u{n}").model == "small"}
    assert 70 <= len(chosen["5%"]) <= 130
    assert 430 <= len(chosen["25%"]) <= 570
    assert chosen["5%"] < chosen["25%"]


def test_the_propensity_is_that_of_the_models(tmp_path: Path) -> None:
    """The share of the arm; where both arms name the same model, it was certain."""
    policy = policy_of(tmp_path, TEXT)
    found = {decision.model: decision for decision in (decide(policy, n) for n in range(20))}
    assert found["small"].propensity == pytest.approx(0.25)
    assert found["large"].propensity == pytest.approx(0.75)
    assert found["small"].reason == "split: arm 1; always"
    assert [(c.model, c.rejected) for c in found["small"].candidates] == [
        ("small", ""),
        ("large", "split: otherwise not drawn"),
    ]
    same = policy_of(tmp_path, TEXT.replace("use: small", "use: large"))
    assert {decide(same, n).propensity for n in range(20)} == {1.0}


def test_a_filter_that_leaves_one_model_makes_it_certain(tmp_path: Path) -> None:
    """Propensities are those of what is left after the filter and the fallbacks."""
    models = """models:
  small: {supports: [], price_usd_per_million: {input: 1, output: 1}}
  large: {supports: [tools], price_usd_per_million: {input: 9, output: 9}}
"""
    policy = policy_of(tmp_path, TEXT + "filter: {capability: auto}\nfallback: [large]\n", models=models)
    decisions = [decide(policy, n, has_tools=True) for n in range(20)]
    assert {(decision.model, decision.propensity) for decision in decisions} == {("large", 1.0)}
    assert {decision.propensity for decision in (decide(policy, n) for n in range(20))} == {0.25, 0.75}


def test_exploration_has_the_total_probability(tmp_path: Path) -> None:
    """20 % of the requests get one of two models at random, the rest their arm; every segment outside gets its arm."""
    policy = policy_of(tmp_path, EXPLORING)
    decisions = [decide(policy, n, task="chat") for n in range(4000)]
    shares = {"small": 0.8 * 0.25 + 0.1, "medium": 0.1, "large": 0.8 * 0.75}
    assert {d.model: d.propensity for d in decisions} == pytest.approx(shares)
    seen = Counter(decision.model for decision in decisions)
    for name, share in shares.items():
        assert seen[name] / 4000 == pytest.approx(share, abs=0.04)
    assert {decide(policy, n, task="refund").model for n in range(400)} == {"small", "large"}
    assert decisions[:200] == [decide(policy, n, task="chat") for n in range(200)]


def test_exploration_leaves_out_what_is_not_healthy(tmp_path: Path) -> None:
    """Trying is for models that work; the probabilities are those of the models that are left."""
    policy = policy_of(tmp_path, EXPLORING)
    state = Snapshot(models={"medium": ModelState(admitted=0.0)})
    decisions = [policy.decide(request(f"r{n}", task="chat"), state) for n in range(400)]
    assert {d.model: d.propensity for d in decisions} == pytest.approx({"small": 0.4, "large": 0.6})


def test_who_does_not_take_part_is_not_drawn(tmp_path: Path) -> None:
    """Their choice was certain."""
    policy = policy_of(tmp_path, TEXT + "    when: {user_tier: free}\n")
    decisions = [decide(policy, n, user_tier="enterprise") for n in range(50)]
    assert {(d.model, d.propensity, d.reason) for d in decisions} == {("large", 1.0, "split: not drawn; always")}
    assert {decide(policy, n, user_tier="free").model for n in range(50)} == {"small", "large"}


def test_an_unknown_user_is_not_drawn(tmp_path: Path) -> None:
    """Nobody knows which arm the service would have given; a known user needs no session."""
    policy = policy_of(tmp_path, TEXT)
    for unknown in ("user", "session"):
        with pytest.raises(PolicyError, match=f"needs {unknown}") as caught:
            decide(policy, 1, unknown=frozenset({unknown}))
        assert caught.value.error_type == "unknown_feature"
    assert decide(policy, 1, user_key="u", unknown=frozenset({"session"})).model


def test_an_arm_that_draws_by_itself_makes_the_total_unknown(tmp_path: Path) -> None:
    """It could have named the same model, and nobody knows how often; where it was drawn, shares multiply."""
    (tmp_path / "inner.yaml").write_text(
        "policy: inner\nchoose: {split: {arms: [{share: 50%, use: medium}], otherwise: small}}\n"
    )
    policy = policy_of(tmp_path, TEXT.replace("use: small", "policy: inner.yaml"))
    found = {d.model: d.propensity for d in (decide(policy, n) for n in range(100))}
    assert found == {"small": pytest.approx(0.125), "medium": pytest.approx(0.125), "large": None}


def test_a_policy_file_as_an_arm(tmp_path: Path) -> None:
    """With its fallbacks and validators; its version is part of this one's, and its name stands in the reason."""
    inner = tmp_path / "inner.yaml"
    inner.write_text(
        "policy: inner\nchoose: {cascade: {try: small, accept_if: [{matches: x}], else: large}}\nfallback: [medium]\n"
    )
    text = TEXT.replace("use: small", "policy: inner.yaml")
    policy = policy_of(tmp_path, text)
    decision = next(d for d in (decide(policy, n) for n in range(50)) if d.model == "small")
    assert [step.kind for step in decision.steps] == ["primary", "escalation", "fallback"]
    assert "inner" in decision.reason
    assert policy.has_validators
    before = policy.version
    inner.write_text("policy: inner\nchoose: {use: small}\n")
    assert policy_of(tmp_path, text).version != before


def test_a_function_in_another_file_stands_in_a_rule(tmp_path: Path) -> None:
    """Which models it may choose is not known before a request, nor what it reads of one."""
    (tmp_path / "inner.yaml").write_text(
        "policy: inner\nchoose: {call: 'tests.support.models:smallest', version: '1'}\n"
    )
    text = "policy: r\nchoose: {rules: [{when: {task: a}, policy: inner.yaml}, {otherwise: large}]}\n"
    policy = policy_of(tmp_path, text)
    assert policy.reads is None
    assert decide(policy, 1, task="a").model == "small"
    assert next((c.model, c.rejected) for c in decide(policy, 1, task="b").candidates) == (
        "any model",
        "rule 1: task in a",
    )


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ("[{share: 5, use: small}]", "a share must be a percentage above 0% and at most 100%, got 5; for example 5%"),
        ("[{share: 60%, use: small}, {share: 50%, use: medium}]", "must add up to at most 100%, got 110%"),
        ("[{share: 5%, policy: policy.yaml}]", "policy must not lead back to itself, got 'policy.yaml'"),
        ("[{share: 5%, policy: ../x.yaml}]", "policy must name a file of the same folder, got '../x.yaml'"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, arms: str, message: str) -> None:
    """A share without a sign, too many shares, a circle, another folder."""
    with pytest.raises(ConfigError) as caught:
        policy_of(tmp_path, f"policy: s\nchoose: {{split: {{arms: {arms}, otherwise: large}}}}\n")
    assert message in str(caught.value)
