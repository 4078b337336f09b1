"""What must hold for every catalogue, state and request."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shadow.domain.policy import Decision
from shadow.domain.snapshot import ModelState, Snapshot
from shadow.errors import PolicyError
from shadow.policies.composed import Composed
from shadow.policies.pool import Pool
from shadow.policies.split import Arm, Explore, Split
from shadow.policies.static import Static
from shadow.policies.weighted import Weighted, Weights
from tests.support.models import catalogue, model, request

NAMES = ("a", "b", "c", "d", "e")
SHARES = st.floats(0, 1, allow_nan=False)
MAYBE = st.none() | SHARES
MODELS = st.fixed_dictionaries({name: st.tuples(st.floats(0.01, 100), MAYBE, MAYBE) for name in NAMES})
STATES = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(ModelState, latency_s=MAYBE, quality=MAYBE, admitted=st.sampled_from([0.0, 0.1, 1.0]), headroom=MAYBE),
)
WEIGHTS = st.builds(Weights, latency=SHARES, cost=st.floats(0.01, 1), quality=SHARES)


def decide(
    models: dict[str, tuple[float, float | None, float | None]],
    weights: Weights,
    snapshot: Snapshot,
    *,
    order: tuple[str, ...] = NAMES,
    scale: float = 1.0,
) -> Decision:
    listed = [
        model(name, usd * scale, usd * scale, latency_s=latency, quality=quality)
        for name, (usd, latency, quality) in models.items()
    ]
    chooser = Weighted(Pool(order, catalogue(*listed)), weights)
    return Composed(name="w", version="1", chooser=chooser).decide(request(), snapshot)


@settings(deadline=None)
@given(models=MODELS, states=STATES, weights=WEIGHTS)
def test_scores_and_terms_lie_between_0_and_1(
    models: dict[str, tuple[float, float | None, float | None]], states: dict[str, ModelState], weights: Weights
) -> None:
    """The winner has the highest score, and every model is accounted for once."""
    decision = decide(models, weights, Snapshot(models=states))
    scores = [candidate.score for candidate in decision.candidates if not candidate.rejected]
    assert all(score is not None and 0 <= score <= 1 for score in scores)
    assert scores[0] == pytest.approx(max(score or 0 for score in scores), abs=1e-11)
    for candidate in decision.candidates:
        assert all(0 <= candidate.terms.get(term, 0) <= 1 for term in ("latency", "cost", "quality"))
    assert sorted(candidate.model for candidate in decision.candidates) == sorted(NAMES)


@settings(deadline=None)
@given(models=MODELS, states=STATES, weights=WEIGHTS, order=st.permutations(NAMES))
def test_the_order_of_candidates_changes_nothing(
    models: dict[str, tuple[float, float | None, float | None]],
    states: dict[str, ModelState],
    weights: Weights,
    order: list[str],
) -> None:
    """Ties included."""
    snapshot = Snapshot(models=states)
    one, other = decide(models, weights, snapshot), decide(models, weights, snapshot, order=tuple(order))
    assert one.model == other.model
    assert {c.model: (c.score, c.rejected) for c in one.candidates} == {
        c.model: (c.score, c.rejected) for c in other.candidates
    }


@settings(deadline=None)
@example(
    models={"a": (0.010000000000000002, None, None), **dict.fromkeys(NAMES[1:], (0.01, None, None))},
    weights=Weights(latency=0.0, cost=1.0, quality=0.0),
    scale=0.001,
)
@given(models=MODELS, weights=WEIGHTS, scale=st.sampled_from([0.001, 0.3, 2.0, 7.0, 1000.0]))
def test_scaling_all_prices_changes_no_choice(
    models: dict[str, tuple[float, float | None, float | None]], weights: Weights, scale: float
) -> None:
    """Only ratios of prices count; another currency is not another policy."""
    one, other = decide(models, weights, Snapshot()), decide(models, weights, Snapshot(), scale=scale)
    scores = {c.model: c.score for c in one.candidates}
    assert {c.model: c.score for c in other.candidates} == pytest.approx(scores, abs=1e-9)
    assert other.model == one.model or scores[other.model] == pytest.approx(scores[one.model], abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(
    arms=st.lists(st.tuples(st.integers(1, 100), st.sampled_from(NAMES)), min_size=1, max_size=4),
    otherwise=st.sampled_from(NAMES),
    explore=st.none() | st.tuples(st.floats(0.01, 0.99), st.sets(st.sampled_from(NAMES), min_size=1)),
)
def test_propensities_sum_to_one(
    arms: list[tuple[int, str]], otherwise: str, explore: tuple[float, set[str]] | None
) -> None:
    """Over everything that a split can decide for requests of the same features, as seen in many of them."""
    listed = catalogue(*(model(name) for name in NAMES))
    parts = sum(part for part, _ in arms) * 1.25
    chooser = Split(
        "s",
        [Arm(part / parts, Static(name), f"arm {n}") for n, (part, name) in enumerate(arms)],
        Static(otherwise),
        explore=None if explore is None else Explore(explore[0], Pool(sorted(explore[1]), listed)),
    )
    policy = Composed(name="s", version="1", chooser=chooser)
    propensities: dict[str, float | None] = {}
    for number in range(200):
        decision = policy.decide(request(f"r{number}"), Snapshot())
        assert propensities.setdefault(decision.model, decision.propensity) == decision.propensity
    total = sum(each or 0 for each in propensities.values())
    unseen = len({name for _, name in arms} | {otherwise} | (explore[1] if explore else set())) - len(propensities)
    assert total == pytest.approx(1.0) if not unseen else total < 1 + 1e-9


@settings(deadline=None)
@given(share=st.floats(0.01, 0.99), users=st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=20))
def test_a_user_is_always_drawn_alike(share: float, users: set[str]) -> None:
    """Whatever the request: the arm is the user's."""
    chooser = Split("s", [Arm(share, Static("a"), "arm 1")], Static("b"))
    policy = Composed(name="s", version="1", chooser=chooser)
    for user in users:
        models = {
            policy.decide(request(f"r{n}", user_key=user, session_key=f"s{n}"), Snapshot()).model for n in range(5)
        }
        assert len(models) == 1


def test_nothing_is_chosen_from_nothing() -> None:
    """All killed and no fallback: the decision fails, by its name."""
    with pytest.raises(PolicyError) as caught:
        decide(
            dict.fromkeys(NAMES, (1.0, 1.0, 1.0)),
            Weights(latency=1, cost=1, quality=1),
            Snapshot(killed=frozenset(NAMES)),
        )
    assert caught.value.error_type == "no_candidate"
