"""The weighted score: terms, weights, who is left out and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow.domain.policy import Candidate, Decision
from shadow.domain.snapshot import STATELESS, ModelState, Snapshot
from shadow.errors import ConfigError, PolicyError
from shadow.policies.composed import Composed
from shadow.policies.pool import Pool
from shadow.policies.weighted import PRESETS, Weighted
from tests.support.models import catalogue, model, policy_of, request

ALL = "choose: {weighted: {preset: %s, among: [small, medium, large]}}\n"


def rejected(decision: Decision) -> dict[str, str]:
    return {candidate.model: candidate.rejected for candidate in decision.candidates if candidate.rejected}


@pytest.mark.parametrize(
    ("preset", "weights"),
    [
        ("balanced", (40, 40, 20)),
        ("speed-first", (70, 10, 20)),
        ("budget", (10, 70, 20)),
        ("quality-first", (10, 20, 70)),
    ],
)
def test_the_score_is_the_weighted_mean_of_normalised_terms(
    tmp_path: Path, preset: str, weights: tuple[int, int, int]
) -> None:
    """Computed by hand: best 1, worst 0, in between by distance; the weights of the four presets."""
    policy = policy_of(tmp_path, "policy: w\n" + ALL % preset)
    decision = policy.decide(request(), STATELESS)
    by_model = {candidate.model: candidate for candidate in decision.candidates}
    terms = {"small": (1, 1, 0), "medium": (2 / 3, 7 / 8, 0.5), "large": (0, 0, 1)}
    for name, values in terms.items():
        found = by_model[name].terms
        assert (found["latency"], found["cost"], found["quality"]) == pytest.approx(values)
        assert by_model[name].score == pytest.approx(sum(w * v for w, v in zip(weights, values, strict=True)) / 100)
    assert decision.candidates[0].model == decision.model
    assert decision.candidates[0].score == max(candidate.score or 0 for candidate in decision.candidates)
    assert decision.reason == f"best weighted score ({preset})"
    assert by_model["large"].terms["expected_cost_usd"] == pytest.approx(1500 * 9 / 1e6)


def test_what_was_observed_replaces_what_was_expected(tmp_path: Path) -> None:
    """A prior is for a model that nobody called; a slow answer moves traffic away."""
    policy = policy_of(tmp_path, "policy: w\n" + ALL % "speed-first")
    assert policy.decide(request(), STATELESS).model == "small"
    slow = Snapshot(models={"small": ModelState(latency_s=9.0)})
    decision = policy.decide(request(), slow)
    assert decision.model == "medium"
    assert {c.model: c.terms["expected_latency_s"] for c in decision.candidates} == {
        "small": 9.0,
        "medium": 2.0,
        "large": 4.0,
    }


def test_a_term_that_is_not_known_of_all_is_left_out() -> None:
    """No number stands for unknown: a model without a latency is neither fast nor slow."""
    pool = Pool(["a", "b"], catalogue(model("a", 1.0, quality=0.5, latency_s=1), model("b", 2.0, quality=0.6)))
    decision = Composed(name="w", version="1", chooser=Weighted(pool, PRESETS["balanced"])).decide(request(), STATELESS)
    assert decision.reason == "best weighted score (balanced), without latency"
    assert [(c.model, c.score) for c in decision.candidates] == [
        ("a", pytest.approx(40 / 60)),
        ("b", pytest.approx(20 / 60)),
    ]
    assert "latency" not in decision.candidates[0].terms


def test_the_warm_model_wins_a_tie_of_prices() -> None:
    """The session stays where its prompt is cached."""
    pool = Pool(["a", "b"], catalogue(model("a", latency_s=1, quality=0.5), model("b", latency_s=1, quality=0.5)))
    policy = Composed(name="w", version="1", chooser=Weighted(pool, PRESETS["budget"]))
    assert policy.decide(request(), STATELESS).model == "a"
    assert policy.decide(request(), Snapshot(warm_tokens={"b": 900})).model == "b"


@pytest.mark.parametrize(
    ("snapshot", "reason"),
    [
        (Snapshot(killed=frozenset({"small"})), "killed"),
        (Snapshot(models={"small": ModelState(admitted=0.0)}), "breaker open"),
        (Snapshot(models={"small": ModelState(headroom=0.0)}), "rate limit used up"),
        (Snapshot(models={"small": ModelState(admitted=1e-9)}), "breaker lets only some requests through"),
    ],
)
def test_a_model_that_may_not_be_asked_is_rejected_with_the_reason(
    tmp_path: Path, snapshot: Snapshot, reason: str
) -> None:
    """Kill switch, breaker, rate limit; the terms of the others are normalised without it."""
    decision = policy_of(tmp_path, "policy: w\n" + ALL % "budget").decide(request(), snapshot)
    assert decision.model == "medium"
    assert rejected(decision) == {"small": reason}
    assert decision.candidates[0].terms["cost"] == 1.0


def test_a_killed_provider_takes_all_its_models(tmp_path: Path) -> None:
    """The switch may name a model or a provider."""
    decision = policy_of(tmp_path, "policy: w\n" + ALL % "budget").decide(request(), Snapshot(killed=frozenset("a")))
    assert (decision.model, rejected(decision)) == ("large", {"small": "killed", "medium": "killed"})


def test_a_spending_limit_shuts_out_what_costs_more_than_is_left(tmp_path: Path) -> None:
    """The tightest limit counts, and it has a name."""
    left = Snapshot(remaining_usd={"month": 5.0, "team-day": 0.004})
    decision = policy_of(tmp_path, "policy: w\n" + ALL % "quality-first").decide(request(), left)
    assert (decision.model, rejected(decision)) == ("medium", {"large": "spending limit team-day"})


def test_somebody_is_asked_when_nobody_is_healthy(tmp_path: Path) -> None:
    """Breakers must not turn a bad minute into an outage; killed models stay out."""
    state = Snapshot(
        models={name: ModelState(admitted=0.0) for name in ("small", "medium")}, killed=frozenset({"large"})
    )
    decision = policy_of(tmp_path, "policy: w\n" + ALL % "budget").decide(request(), state)
    assert (decision.model, rejected(decision)) == ("small", {"large": "killed"})
    assert decision.reason.endswith("; none is healthy")


def test_the_fallback_serves_when_no_candidate_is_left(tmp_path: Path) -> None:
    """Filter, choose, fallback; without one the decision fails and says why."""
    text = "policy: w\nchoose: {weighted: {preset: budget, among: [small, medium]}}\n"
    killed = Snapshot(killed=frozenset({"small", "medium"}))
    decision = policy_of(tmp_path, text + "fallback: [large]\n").decide(request(), killed)
    assert [(step.kind, step.model) for step in decision.steps] == [("primary", "large")]
    assert rejected(decision) == {"small": "killed", "medium": "killed"}
    with pytest.raises(PolicyError, match="small: killed; medium: killed") as caught:
        policy_of(tmp_path, text).decide(request(), killed)
    assert caught.value.error_type == "no_candidate"


def test_a_returning_model_gets_the_admitted_share_of_requests(tmp_path: Path) -> None:
    """By a hash: about 10 %, the same ones again at 50 %, and the same in every process."""
    policy = policy_of(tmp_path, "policy: w\n" + ALL % "budget")

    def chosen(admitted: float) -> set[int]:
        state = Snapshot(models={"small": ModelState(admitted=admitted)})
        return {n for n in range(1000) if policy.decide(request(f"r{n}"), state).model == "small"}

    tenth, half = chosen(0.1), chosen(0.5)
    assert 70 <= len(tenth) <= 130
    assert 450 <= len(half) <= 550
    assert tenth < half


def test_overrides_by_label(tmp_path: Path) -> None:
    """Weights per project and API key: the first override whose labels all fit."""
    text = """policy: w
choose:
  weighted:
    preset: budget
    among: [small, large]
    overrides:
      - {labels: {project: [x, y], api_key: k}, preset: speed-first}
      - {labels: {project: x}, weights: {quality: 1}}
"""
    policy = policy_of(tmp_path, text, labels=frozenset({"project", "api_key"}))
    assert policy.decide(request(), STATELESS).model == "small"
    decision = policy.decide(request(labels={"project": "x"}), STATELESS)
    assert (decision.model, decision.reason) == ("large", "best weighted score (own weights, override 2)")
    assert policy.decide(request(labels={"project": "x", "api_key": "k"}), STATELESS).model == "small"
    assert (policy.reads or frozenset()) >= {"label:project", "label:api_key", "input_tokens"}
    with pytest.raises(PolicyError, match="label:project") as caught:
        policy.decide(request(unknown=frozenset({"label:project"})), STATELESS)
    assert caught.value.error_type == "unknown_feature"
    with pytest.raises(ConfigError, match=r"policy.yaml:7: label api_key must be declared"):
        policy_of(tmp_path, text, labels=frozenset({"project"}))


def test_a_weighted_rule(tmp_path: Path) -> None:
    """The mechanism stands in a rule as anywhere; the way through the rules stays in the candidates."""
    text = """policy: w
choose:
  rules:
    - {when: {task: extract}, use: small}
    - {otherwise: {weighted: {preset: quality-first, among: [small, large]}, why: hard}}
"""
    decision = policy_of(tmp_path, text).decide(request(), STATELESS)
    assert decision.reason == "otherwise: hard; best weighted score (quality-first)"
    assert decision.candidates[0] == Candidate(model="small", rejected="rule 1: task in extract")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("{among: [small]}", "weighted must have exactly one of preset, weights, got none"),
        ("{preset: cheap}", "preset must be 'balanced', 'speed-first', 'budget' or 'quality-first', got 'cheap'"),
        ("{weights: {}}", "weights must have one above 0, got none"),
        ("{preset: budget, among: [huge]}", 'no model "huge" in models.yaml'),
        ("{preset: budget, among: [free]}", '"free" must have a price to be compared by cost, got none'),
        ("{weights: {quality: 1}, overrides: [{labels: {}, preset: budget}]}", "labels must be longer, got {}"),
    ],
)
def test_mistakes(tmp_path: Path, choice: str, message: str) -> None:
    """File, line, rule and next step."""
    models = "models:\n  small: {price_usd_per_million: {input: 1, output: 1}}\n  free:\n"
    with pytest.raises(ConfigError) as caught:
        policy_of(tmp_path, f"policy: w\nchoose: {{weighted: {choice}}}\n", models=models)
    assert str(caught.value).startswith(f"{tmp_path}/policy.yaml:2: {message}")


def test_a_version_covers_what_the_catalogue_expects(tmp_path: Path) -> None:
    """A prior changes decisions; a price does not change the version."""
    text = "policy: w\nchoose: {weighted: {preset: budget}}\n"

    def version(facts: str) -> str:
        return policy_of(tmp_path, text, models=f"models: {{a: {{{facts}}}}}\n").version

    price = "price_usd_per_million: {input: %d, output: 1}"
    assert version(price % 1) == version(price % 2)
    assert version(price % 1) != version(f"quality: 0.5, {price % 1}")
