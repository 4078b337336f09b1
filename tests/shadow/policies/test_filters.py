"""Hard conditions on models take their steps out of every decision."""

from __future__ import annotations

import pytest

from shadow.domain.policy import Candidate, Decision, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import STATELESS, Snapshot
from shadow.errors import PolicyError
from shadow.policies.cascade import Cascade, Stage
from shadow.policies.composed import Composed
from shadow.policies.plan import Chooser
from shadow.policies.static import Static


class Without:
    """Refuses a few models."""

    reads = frozenset({"has_tools"})

    def __init__(self, *models: str) -> None:
        self._models = models
        self.asked: list[str] = []

    def refusal(self, request: Request, snapshot: Snapshot, model: str) -> str:
        self.asked.append(model)
        return "no tools" if model in self._models else ""


def decide(chooser: Chooser, *refused: str, fallback: tuple[str, ...] = ()) -> Decision:
    policy = Composed(name="p", version="1", chooser=chooser, filters=[Without(*refused)], fallback=fallback)
    return policy.decide(Request(request_id="r", time_us=1), STATELESS)


CASCADE = Cascade([Stage(model="small", accept_if=("matches(x)",)), Stage(model="large")])


def test_a_refused_primary_gives_way_to_the_first_fallback() -> None:
    """The decision is carried out as planned, so its primary must be a model that may get the request."""
    decision = decide(Static("large"), "large", fallback=("medium", "small"))
    assert decision.steps == (Step(kind="primary", model="medium"), Step(kind="fallback", model="small"))
    assert decision.candidates == (Candidate(model="large", rejected="no tools"),)


def test_a_cascade_without_its_cheap_model_is_the_strong_one() -> None:
    """Nothing is left that an answer could be escalated from."""
    assert decide(CASCADE, "small").steps == (Step(kind="primary", model="large"),)


def test_a_cascade_without_its_strong_model_judges_nothing() -> None:
    """Validators ask for an escalation that does not exist."""
    assert decide(CASCADE, "large").steps == (Step(kind="primary", model="small"),)


def test_no_model_left_is_a_decision_that_cannot_be() -> None:
    """It says of every model why."""
    with pytest.raises(PolicyError, match="large: no tools; small: no tools") as caught:
        decide(Static("large"), "large", "small", fallback=("small",))
    assert caught.value.error_type == "no_candidate"


def test_each_model_is_asked_about_once() -> None:
    """A filter may cost something."""
    only = Without()
    Composed(name="p", version="1", chooser=CASCADE, filters=[only], fallback=["small", "medium"]).decide(
        Request(request_id="r", time_us=1), STATELESS
    )
    assert sorted(only.asked) == ["large", "medium", "small"]


def test_a_policy_reads_what_its_filters_read() -> None:
    """Where a feature is unknown, the report must say so."""
    assert Composed(name="p", version="1", chooser=CASCADE, filters=[Without()]).reads == {"has_tools"}
