"""The mechanism `learned`: what an artifact makes a policy decide, and what a broken one says."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.config import load_catalogue, load_policy
from shadow.config.noted_files import noted_files
from shadow.domain.policy import Decision
from shadow.domain.request import Message, Request
from shadow.domain.snapshot import STATELESS
from shadow.errors import ConfigError, PolicyError, UnknownFeatureError
from shadow.policies.hashed_features import features_of
from shadow.policies.learned import Learned, Scorer
from shadow.policies.learned_artifact import encoded
from shadow.policies.plan import nothing_refused
from tests.support.routing_folder import write_folder

BUCKETS = 256
HARD = Request(request_id="r", time_us=1, messages=(Message("user", "prove it"),), task="t")
EASY = Request(request_id="r", time_us=1, messages=(Message("user", "total"),), task="t")


def weights_for(word: str, value: float) -> list[float]:
    """Weights that are not 0 only where this one word is hashed to."""
    weights = [0.0] * BUCKETS
    for bucket in features_of(
        Request(request_id="r", time_us=1, messages=(Message("user", word),)), "text", BUCKETS
    ).words:
        weights[bucket] = value
    return weights


def artifact(**changes: Any) -> dict[str, Any]:
    models = [
        {"model": "gpt-5-mini", "bias": 3.0, "dense": [0, 0], "weights": encoded(weights_for("prove", -9.0))},
        {"model": "gpt-5", "bias": 3.0, "dense": [0, 0], "weights": encoded([0.0] * BUCKETS)},
    ]
    return {
        "schema": "shadowroute/learned/1",
        "trained_at": "2026-11-20T00:00:00+00:00",
        "target": "score",
        "features": "text",
        "buckets": BUCKETS,
        "models": models,
        "threshold": 0.1,
    } | changes


def policy_in(folder: Path, choose: str = "{learned: {artifact: a.json}}", **changes: Any) -> Any:
    write_folder(folder, policy=f"policy: p\nchoose: {choose}\nfallback: [llama-70b]\n")
    (folder / "policies/a.json").write_text(json.dumps(artifact(**changes)))
    return load_policy(folder / "policies/policy.yaml", load_catalogue(folder / "models.yaml"))


def test_hard_requests_go_to_the_model_that_is_predicted_to_answer_them(tmp_path: Path) -> None:
    """The cheapest model within the threshold of the best is used, and the decision shows both predictions."""
    policy = policy_in(tmp_path)
    easy, hard = policy.decide(EASY, STATELESS), policy.decide(HARD, STATELESS)
    assert (easy.model, hard.model) == ("gpt-5-mini", "gpt-5")
    assert [step.model for step in hard.steps] == ["gpt-5", "llama-70b"]
    mini, large = hard.candidates
    assert mini.rejected == "more than 0.1 below the best"
    assert mini.terms["below_best"] == pytest.approx(large.score - mini.score)
    assert large.rejected == ""
    assert hard.confidence == large.score
    assert easy.candidates[1].rejected == "dearer"


def test_a_policy_file_may_set_another_threshold(tmp_path: Path) -> None:
    """1 always takes the cheapest; the version changes with it."""
    lenient = policy_in(tmp_path / "a", "{learned: {artifact: a.json, threshold: 1}}")
    assert lenient.decide(HARD, STATELESS).model == "gpt-5-mini"
    assert lenient.version != policy_in(tmp_path / "b").version


def test_the_version_changes_with_the_artifact(tmp_path: Path) -> None:
    """New weights may decide differently, whatever the file is called."""
    assert policy_in(tmp_path / "a").version != policy_in(tmp_path / "b", threshold=0.2).version
    assert policy_in(tmp_path / "c").version == policy_in(tmp_path / "d").version


def test_a_reload_watches_the_artifact(tmp_path: Path) -> None:
    """New weights are taken over like a changed policy file."""
    with noted_files() as files:
        policy_in(tmp_path)
    assert tmp_path / "policies/a.json" in files


def test_it_stands_inside_rules_and_filters(tmp_path: Path) -> None:
    """As every mechanism: a rule may choose by it."""
    rules = "{rules: [{when: {task: t}, learned: {artifact: a.json}, why: hard ones}, {otherwise: llama-70b}]}"
    decision: Decision = policy_in(tmp_path, rules).decide(HARD, STATELESS)
    assert decision.model == "gpt-5"
    assert decision.reason.startswith("rule 1: hard ones: cheapest within")


def test_a_refused_model_is_not_used_however_good_it_is() -> None:
    """The best of what is left decides."""
    learned = Learned(scorers(0.0, 3.0), features="text", buckets=BUCKETS, threshold=0.0)
    plan = learned.choose(HARD, STATELESS, lambda model: "no tools" if model == "b" else "")
    assert plan.steps[0].model == "a"
    assert plan.candidates[1].rejected == "no tools"
    with pytest.raises(PolicyError, match="a: no tools; b: no tools"):
        learned.choose(HARD, STATELESS, lambda model: "no tools")


def test_an_unknown_prompt_gives_no_decision() -> None:
    """An absent text must not pass for an easy one; what the artifact does not read may be unknown."""
    learned = Learned(scorers(0.0, 3.0), features="text", buckets=BUCKETS, threshold=0.0)
    with pytest.raises(UnknownFeatureError, match="messages"):
        learned.choose(Request(request_id="r", time_us=1, unknown=frozenset({"messages"})), STATELESS, nothing_refused)
    metadata = Learned(scorers(0.0, 3.0), features="metadata", buckets=BUCKETS, threshold=0.0)
    tools = Request(request_id="r", time_us=1, unknown=frozenset({"has_tools"}))
    assert metadata.choose(tools, STATELESS, nothing_refused).steps[0].model == "b"


@given(st.text(max_size=3000))
def test_any_text_gives_a_probability(text: str) -> None:
    """Features are bounded, whatever a user types."""
    request = Request(request_id="r", time_us=1, messages=(Message("user", text),), input_tokens=len(text))
    found = features_of(request, "text", BUCKETS)
    assert all(0 <= bucket < BUCKETS for bucket in (*found.facts, *found.words))
    assert len(found.words) * found.word_value**2 == pytest.approx(1.0 if found.words else 0.0)
    assert 0 <= scorers(1e9, -1e9)[0].probability(found) <= 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema": "shadowroute/learned/9"}, "must be an artifact of shadowroute train: schema"),
        ({"buckets": 100}, "buckets must be a power of two, got 100"),
        ({"models": artifact()["models"][:1]}, "must be an artifact of shadowroute train: models"),
        ({"buckets": 128}, "weights of gpt-5-mini must be 128 finite numbers, got 256; train again"),
        ({"models": [m | {"weights": "!"} for m in artifact()["models"]]}, "must be base64 of 32-bit floats"),
        ({"models": [m | {"model": "gpt-9"} for m in artifact()["models"]]}, 'no model "gpt-9"'),
    ],
)
def test_a_broken_artifact_says_what_is_wrong(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    """The error names the policy file, its line, and what to do."""
    with pytest.raises(ConfigError, match=r"policy\.yaml:2") as caught:
        policy_in(tmp_path, **changes)
    assert says in str(caught.value)


def test_an_absent_artifact_names_the_command_that_makes_one(tmp_path: Path) -> None:
    """It is made, not written by hand."""
    write_folder(tmp_path, policy="policy: p\nchoose: {learned: {artifact: none.json}}\n")
    with pytest.raises(ConfigError, match="run shadowroute train"):
        load_policy(tmp_path / "policies/policy.yaml", load_catalogue(tmp_path / "models.yaml"))


def scorers(*biases: float) -> list[Scorer]:
    return [
        Scorer(name, bias, (0.0, 0.0), array("f", [0.0] * BUCKETS)) for name, bias in zip("abc", biases, strict=False)
    ]
